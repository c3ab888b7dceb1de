//! `testbed images pin`: writes the digests of images into a component of kustomize.

use super::selection::SelectionArgs;
use crate::console::{complain, say};
use crate::images::name;
use crate::images::pin::{
    CURRENT, Current, FOLDER, Pin, Pins, Wanted, parse_metadata, pin, point_current_at,
};
use crate::images::registry::Registry;
use anyhow::Context as _;
use clap::Args;
use oci_spec::distribution::Reference;
use service::config::ConfigError;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Exit code of images that cannot be pinned.
const EXIT_REFUSED: u8 = 2;

/// Arguments of `testbed images pin`.
#[derive(Debug, Args)]
#[command(
    after_help = "Writes all images or, where one cannot be pinned, none. Others that the folder pins stay as they are.\n\
    kubernetes/images/current, from which kubernetes/placements take their images, then points at the folder.\n\
    Exit status: 0 written, 2 an image cannot be pinned, 1 it could not be carried out, 64 bad arguments."
)]
pub(super) struct PinArgs {
    #[command(flatten)]
    selection: SelectionArgs,
    /// What `docker buildx bake --metadata-file` wrote: pin what was built, if that is what the tags still resolve to
    #[arg(long, value_name = "FILE", conflicts_with = "images")]
    metadata: Option<PathBuf>,
    /// Folder to write kustomization.yaml into [default: kubernetes/images/REVISION]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Pins the images.
pub(super) async fn run(args: &PinArgs) -> anyhow::Result<ExitCode> {
    let wanted = wanted(args)?;
    let revision = revision(args, &wanted)?;
    let registry = Registry::new(args.selection.connection.options());
    let mut pins: Vec<Pin> = Vec::new();
    let mut refused = 0;
    for image in &wanted {
        match pin(image, &registry).await {
            // Several tags of one image are one pin.
            Ok(pin) if pins.contains(&pin) => {}
            Ok(pin) => pins.push(pin),
            Err(error) => {
                complain(&error.to_string());
                refused += 1;
            }
        }
    }
    refused += complain_of_shared_names(&pins);
    let folder = args.output.clone().unwrap_or_else(|| Path::new(FOLDER).join(&revision));
    if refused > 0 {
        complain(&format!("nothing was written to {}", folder.display()));
        return Ok(ExitCode::from(EXIT_REFUSED));
    }
    let pins = Pins { pins }.beside_those_in(&folder);
    let path = pins.write(&folder, &revision)?;
    let current = point_current_at(&folder, &pins)?;
    say(&told(&pins, &path, &folder, &current));
    Ok(ExitCode::SUCCESS)
}

/// The images to pin, with the digests that they must have where bake told them.
fn wanted(args: &PinArgs) -> anyhow::Result<Vec<Wanted>> {
    let tag = args.selection.revision.clone();
    let Some(path) = &args.metadata else {
        let references = args.selection.references()?;
        return Ok(references
            .into_iter()
            .map(|reference| Wanted { reference, digest: None, tag: tag.clone() })
            .collect());
    };
    let json = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let built = parse_metadata(&json).with_context(|| {
        format!("{} is not what `docker buildx bake --metadata-file` writes", path.display())
    })?;
    let of_target = |built: crate::images::pin::Built| {
        let wanted = move |reference| Wanted { reference, digest: Some(built.digest.clone()), tag: None };
        built.references.into_iter().map(wanted).collect::<Vec<_>>()
    };
    Ok(built.into_iter().flat_map(of_target).collect())
}

/// What the pins are of: said, else the tag that all images share, else that of the working tree.
fn revision(args: &PinArgs, wanted: &[Wanted]) -> anyhow::Result<String> {
    let tag = |wanted: &Wanted| wanted.reference.parse::<Reference>().ok()?.tag().map(str::to_owned);
    let mut tags: Vec<Option<String>> = wanted.iter().map(tag).collect();
    tags.dedup();
    let revision = match (&args.selection.revision, &mut tags[..]) {
        (Some(revision), _) => revision.clone(),
        (None, [Some(tag)]) => std::mem::take(tag),
        (None, _) if args.output.is_some() => args.selection.revision()?,
        (None, _) => {
            return Err(ConfigError::new(
                "REVISION",
                "is not set, and the images have no tag in common: say --revision TAG",
            )
            .into());
        }
    };
    if !name::is_tag(&revision) {
        return Err(ConfigError::new(
            "REVISION",
            format!("{revision:?} is no tag: letters, digits, . _ and -"),
        )
        .into());
    }
    if revision == CURRENT {
        let message = format!("{CURRENT:?} is the name of the link to the newest pins: say another tag");
        return Err(ConfigError::new("REVISION", message).into());
    }
    Ok(revision)
}

/// Manifests know an image by its short name alone: two images cannot share one. Gives how many do.
fn complain_of_shared_names(pins: &[Pin]) -> usize {
    let mut count = 0;
    for (index, pin) in pins.iter().enumerate() {
        if let Some(other) = pins[..index].iter().find(|other| other.name == pin.name) {
            complain(&format!(
                "{} and {} would both be {}: pin one of them",
                other.repository, pin.repository, pin.name
            ));
            count += 1;
        }
    }
    count
}

/// What was written, and how it is used.
fn told(pins: &Pins, path: &Path, folder: &Path, current: &Current) -> String {
    let width = pins.pins.iter().map(|pin| pin.name.len()).max().unwrap_or(0);
    let mut lines: Vec<String> =
        pins.pins.iter().map(|pin| format!("{:width$}  {}", pin.name, pin.digest)).collect();
    let mut last = folder.components().rev().map(|part| part.as_os_str().to_string_lossy());
    let (name, parent) = (last.next().unwrap_or_default(), last.next().unwrap_or_default());
    lines.push(String::new());
    match current {
        Current::Moved => lines.push(format!(
            "wrote {}; {FOLDER}/{CURRENT} points there, and kubernetes/placements with it",
            path.display()
        )),
        Current::Kept { lacking } => lines.push(format!(
            "wrote {}; {FOLDER}/{CURRENT} still points at older pins, as these lack {}: build all services of this \
             revision, or name this folder",
            path.display(),
            lacking.join(", ")
        )),
        Current::Elsewhere => lines.push(format!(
            "wrote {}; name its folder last in a kustomization, by its path from there:\n\n  components:\n    - …/{}/{name}",
            path.display(),
            parent.trim_matches('/')
        )),
    }
    lines.join("\n")
}

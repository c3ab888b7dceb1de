//! Images with nothing wrong pass, however they are packed and laid out.

use crate::command::{Verified, images, verify};
use crate::elf::{AARCH64, Elf, X86_64, arm_program};
use crate::image::{Child, Dialect, Image, PROGRAM, interpreter, libgcc, loader, multiarch, program};
use crate::layer::{Layer, Packing};
use crate::push::push;
use std::process::Command;
use test_support::registry::RegistryServer;

async fn verified(image: &Image, arguments: &[&str]) -> Verified {
    let registry = RegistryServer::start().await;
    push(&registry, "testbed/ingest-api", "0123456789ab", image).await;
    let reference = format!("{}/testbed/ingest-api:0123456789ab", registry.address());
    verify(&[&[reference.as_str()], arguments].concat()).await
}

#[tokio::test]
async fn healthy_image_passes_every_check() {
    let registry = RegistryServer::start().await;
    push(&registry, "testbed/ingest-api", "0123456789ab", &Image::healthy()).await;
    let reference = format!("{}/testbed/ingest-api:0123456789ab", registry.address());
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan.json");
    std::fs::write(&plan, format!(r#"{{"target": {{"ingest-api": {{"tags": ["{reference}"]}}}}}}"#)).unwrap();
    let pins = folder.path().join("pins");
    let pinned = images(&["pin", &reference, "--output", pins.to_str().unwrap()]).await;
    assert_eq!(pinned.code, 0, "{pinned:?}");

    let arguments = ["--pins", pins.to_str().unwrap(), "--plan", plan.to_str().unwrap()];
    let verified = verify(&[&[reference.as_str()], &arguments[..]].concat()).await;

    verified.assert_healthy();
    let whole = ["tag", "tag-collision", "registry", "exists", "index", "pinned"];
    let both =
        ["platform", "configuration", "entrypoint", "machine", "interpreter", "libraries", "user", "access"];
    let arm64 = ["instructions", "page-size"];
    let mut expected: Vec<_> = whole.iter().map(|check| (*check, None)).collect();
    for check in both {
        expected.extend([(check, Some("linux/amd64")), (check, Some("linux/arm64"))]);
    }
    expected.extend(arm64.map(|check| (check, Some("linux/arm64"))));
    assert_eq!(verified.of("passed"), expected);
}

#[tokio::test]
async fn people_read_that_all_is_well() {
    let registry = RegistryServer::start().await;
    push(&registry, "testbed/ingest-api", "0123456789ab", &Image::healthy()).await;
    let reference = format!("{}/testbed/ingest-api:0123456789ab", registry.address());
    let said = images(&["verify", &reference]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("linux/amd64") && said.stdout.contains("linux/arm64"), "{}", said.stdout);
}

#[tokio::test]
async fn media_types_of_docker_are_understood() {
    verified(&Image { dialect: Dialect::Docker, ..Image::healthy() }, &[]).await.assert_healthy();
}

#[tokio::test]
async fn layers_may_be_packed_in_every_way() {
    for packing in [Packing::Plain, Packing::Gzip, Packing::Zstd] {
        verified(&Image { packing, ..Image::healthy() }, &[]).await.assert_healthy();
    }
}

#[tokio::test]
async fn attestations_beside_healthy_children_do_not_matter() {
    verified(&Image { attestations: Some("unknown/unknown"), ..Image::healthy() }, &[])
        .await
        .assert_healthy();
}

#[tokio::test]
async fn static_programs_need_no_base() {
    let child = |platform, machine| {
        Child::new(platform, vec![Layer::default(), program(&Elf::program(machine).write())])
    };
    let image = Image::of(vec![child("linux/amd64", X86_64), child("linux/arm64", AARCH64)]);
    verified(&image, &[]).await.assert_healthy();
}

#[tokio::test]
async fn directories_need_not_be_merged_into_usr() {
    let mut image = Image::healthy();
    for (child, machine) in image.children.iter_mut().zip([X86_64, AARCH64]) {
        let libraries = multiarch(machine).strip_prefix("/usr").unwrap();
        let libc = Elf::library(machine, "libc.so.6", &["GLIBC_2.17", "GLIBC_2.34"]).write();
        child.layers[0] = Layer::default()
            .file(loader(machine), 0o755, &interpreter(machine))
            .file(&format!("{libraries}/libc.so.6"), 0o755, &libc)
            .file(&format!("{libraries}/libgcc_s.so.1"), 0o644, &libgcc(machine));
    }
    verified(&image, &[]).await.assert_healthy();
}

#[tokio::test]
async fn entrypoint_may_be_reached_over_links() {
    let mut image = Image::healthy();
    for child in &mut image.children {
        // /bin is a link to /usr/bin, and the program there one to /usr/local/bin.
        let links = Layer::default().symlink("/usr/bin/start", "../local/bin/ingest-api");
        child.layers.push(links);
        child.entrypoint = vec!["/bin/start".to_owned()];
    }
    verified(&image, &[]).await.assert_healthy();
}

#[tokio::test]
async fn boards_of_32_bits_are_verified_when_asked_for() {
    let mut image = Image::healthy();
    image.children.push(Child::new("linux/arm/v7", vec![Layer::default(), program(&arm_program())]));
    let verified = verified(&image, &["--platform", "linux/amd64,linux/arm64,linux/arm/v7"]).await;
    verified.assert_healthy();
    assert!(verified.of("passed").contains(&("machine", Some("linux/arm/v7"))));
}

/// A program of this machine with its real libraries, as `ldd` names them: `libc.so.6 => /lib/…/libc.so.6 (0x…)`.
fn real_layer(path: &str) -> Layer {
    let output = Command::new("ldd").arg(path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let files = text.split_whitespace().filter(|word| word.starts_with('/'));
    files.chain([path]).fold(Layer::default(), |layer, file| {
        let target = if file == path { PROGRAM } else { file };
        layer.file(target, 0o755, &std::fs::read(file).unwrap())
    })
}

fn real_platform() -> &'static str {
    if cfg!(target_arch = "aarch64") { "linux/arm64" } else { "linux/amd64" }
}

#[tokio::test]
async fn real_program_with_its_real_libraries_passes() {
    let image = Image::of(vec![Child::new(real_platform(), vec![real_layer("/bin/true")])]);
    verified(&image, &["--platform", real_platform()]).await.assert_healthy();
}

#[tokio::test]
async fn real_program_without_its_libraries_fails() {
    let program = program(&std::fs::read("/bin/true").unwrap());
    let machine = if cfg!(target_arch = "aarch64") { AARCH64 } else { X86_64 };
    let base = Layer::default().file(loader(machine), 0o755, &std::fs::read(loader(machine)).unwrap());
    let image = Image::of(vec![Child::new(real_platform(), vec![base, program])]);
    let verified = verified(&image, &["--platform", real_platform()]).await;
    let [failure] = verified.failures()[..] else { panic!("{verified:#?}") };
    assert_eq!(failure["check"], "libraries");
    assert!(failure["evidence"].as_str().unwrap().contains("libc.so.6"), "{failure}");
}

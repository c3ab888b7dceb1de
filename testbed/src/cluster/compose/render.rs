//! Renders a kustomization with kubectl or kustomize, and refuses what could not run.

use super::{ComposeError, Parts};
use crate::cluster::objects::{Object, is_built_here, parse};
use serde_json::Value;
use std::io;
use std::path::Path;
use std::process::Output;
use tokio::process::Command;

/// Programs that render, and how.
const PROGRAMS: [(&str, &str); 2] = [("kubectl", "kustomize"), ("kustomize", "build")];

/// What templates left behind for somebody to fill in.
const PLACEHOLDER: &str = "PLACEHOLDER";

/// Renders a composition.
///
/// # Errors
/// [`ComposeError`], or where what was rendered is no list of objects.
pub(super) async fn render(parts: &Parts) -> anyhow::Result<Vec<Object>> {
    render_changed(parts, None).await
}

/// Renders a composition as the resource of a kustomization with `changes`: beside the components, generators would run before
/// them or after them, by the version of kustomize.
///
/// # Errors
/// As [`render`].
pub(super) async fn render_changed(parts: &Parts, changes: Option<&str>) -> anyhow::Result<Vec<Object>> {
    let folder = tempfile::tempdir().map_err(ComposeError::Write)?;
    // Relative paths go through real folders.
    let outer = folder.path().canonicalize().map_err(ComposeError::Write)?;
    let inner = outer.join("parts");
    write(&inner, &parts.to_yaml(&inner))?;
    let Some(changes) = changes else { return render_folder(&inner).await };
    write(&outer, &format!("resources: [parts]\n{changes}"))?;
    render_folder(&outer).await
}

fn write(folder: &Path, kustomization: &str) -> Result<(), ComposeError> {
    std::fs::create_dir_all(folder)?;
    Ok(std::fs::write(folder.join("kustomization.yaml"), kustomization)?)
}

/// Renders a folder that holds a kustomization of somebody's own.
///
/// # Errors
/// As [`render`].
pub(super) async fn render_folder(folder: &Path) -> anyhow::Result<Vec<Object>> {
    parse(&build(folder).await?)
}

async fn build(folder: &Path) -> Result<String, ComposeError> {
    for (program, subcommand) in PROGRAMS {
        let ran = Command::new(program).arg(subcommand).arg(folder).kill_on_drop(true).output().await;
        let Output { status, stdout, stderr } = match ran {
            Ok(output) => output,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(ComposeError::Render { program, reason: error.to_string() }),
        };
        if status.success() {
            return String::from_utf8(stdout)
                .map_err(|error| ComposeError::Render { program, reason: error.to_string() });
        }
        return Err(ComposeError::Render { program, reason: reason(&String::from_utf8_lossy(&stderr)) });
    }
    Err(ComposeError::NoKustomize)
}

/// The part of kustomize's nested message that says what is wrong: the innermost.
fn reason(stderr: &str) -> String {
    let line = stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it says nothing");
    if let Some((_, path)) = line.split_once("lstat ") {
        let path = path.split(": ").next().unwrap_or(path);
        return format!("there is no folder {path}");
    }
    // kubectl's own log wraps it: in quotes, or in angle brackets where it has several lines.
    let lines = stderr.split_once("err=<").map(|(_, text)| text.trim_end().trim_end_matches('>'));
    let lines = lines.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    let wrapped = lines.or_else(|| {
        let (_, text) = line.split_once("err=\"")?;
        Some(text.strip_suffix('"').unwrap_or(text).replace("\\\"", "\""))
    });
    let line = wrapped.as_deref().unwrap_or(line);
    if line.contains("unable to find one of 'kustomization.yaml'") {
        return format!("{}: name a folder that holds a kustomization.yaml", line.trim());
    }
    line.trim_start_matches("error: ").trim_start_matches("Error: ").trim().to_owned()
}

/// Refuses images that are only a name, and values that nobody has filled in.
pub(super) fn check(objects: &[Object]) -> Result<(), ComposeError> {
    for object in objects {
        for image in object.images() {
            if is_built_here(image) && !image.contains('@') {
                return Err(ComposeError::NotPinned {
                    object: object.key.to_string(),
                    image: image.to_owned(),
                });
            }
            if image.contains(['$', '<', '{']) {
                return Err(placeholder(object, image));
            }
        }
        if let Some(text) = find_placeholder(&object.value) {
            return Err(placeholder(object, text));
        }
    }
    Ok(())
}

fn placeholder(object: &Object, text: &str) -> ComposeError {
    ComposeError::Placeholder { object: object.key.to_string(), text: text.chars().take(120).collect() }
}

/// The first text with a placeholder, wherever it is.
fn find_placeholder(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => text.contains(PLACEHOLDER).then_some(text),
        Value::Array(members) => members.iter().find_map(find_placeholder),
        Value::Object(members) => members.values().find_map(find_placeholder),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_image(image: &str) -> Vec<Object> {
        parse(&format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a}}\n\
             spec: {{template: {{spec: {{containers: [{{name: a, image: \"{image}\"}}]}}}}}}\n"
        ))
        .unwrap()
    }

    #[test]
    fn image_that_nobody_pinned_is_refused() {
        for image in ["ingest-api", "192.168.0.35:5000/testbed/ingest-api:1"] {
            assert!(matches!(check(&with_image(image)), Err(ComposeError::NotPinned { .. })), "{image}");
        }
        for image in ["192.168.0.35:5000/testbed/ingest-api@sha256:aa", "grafana/grafana:12.3.1", "redis:7.4"]
        {
            check(&with_image(image)).unwrap();
        }
    }

    #[test]
    fn placeholders_are_refused_wherever_they_are() {
        for image in ["r/a:VERSION_PLACEHOLDER", "r/a:${TAG}", "r/a:<tag>"] {
            assert!(matches!(check(&with_image(image)), Err(ComposeError::Placeholder { .. })), "{image}");
        }
        let objects =
            parse("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {A: x PLACEHOLDER}").unwrap();
        let error = check(&objects).unwrap_err().to_string();
        assert!(error.starts_with(r#"ConfigMap/a holds a placeholder: "x PLACEHOLDER""#), "{error}");
    }

    #[test]
    fn missing_folder_is_named_in_few_words() {
        let stderr = "E1121 17:06:36.807078 13948 run.go:72] \"command failed\" err=\"accumulating resources: accumulation \
            err='accumulating resources from '../a': evalsymlink failure on '/k/a' : lstat /k/a: no such file or directory': \
            must build at directory: not a valid directory\"\n";
        assert_eq!(reason(stderr), "there is no folder /k/a");
        let stderr =
            r#"E1121 17:38:26.789659 3856 run.go:72] "command failed" err="accumulating: \"it is empty\"""#;
        assert_eq!(reason(stderr), r#"accumulating: "it is empty""#);
    }

    #[test]
    fn message_of_several_lines_is_told_whole() {
        let stderr = "E1121 19:00:18.500115 4531 run.go:72] \"command failed\" err=<\n\ttrouble configuring builtin: `\n\tpatch: a\n\t`: \
            unable to parse\n >\n";
        assert_eq!(reason(stderr), "trouble configuring builtin: ` patch: a `: unable to parse");
    }

    #[tokio::test]
    async fn composition_renders_to_objects_of_ours() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let write = |name: &str, text: &str| {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("base/kustomization.yaml", "resources: [a.yaml]\nnamespace: testbed\n");
        write(
            "base/a.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: ingest-api}]}\n",
        );
        write(
            "images/1/kustomization.yaml",
            "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nimages: [{name: ingest-api, newName: r/x, digest: 'sha256:aa'}]\n",
        );
        let parts =
            Parts { base: root.join("base"), components: Vec::new(), pins: Some(root.join("images/1")) };
        let objects = render(&parts).await.unwrap();
        assert_eq!(objects[0].value["spec"]["containers"][0]["image"], "r/x@sha256:aa");
        assert_eq!(objects[0].key.namespace.as_deref(), Some("testbed"));

        let parts = Parts { pins: Some(root.join("images/2")), ..parts };
        let error = render(&parts).await.unwrap_err().to_string();
        assert!(
            error.ends_with(&format!("there is no folder {}", root.join("images/2").display())),
            "{error}"
        );
    }
}

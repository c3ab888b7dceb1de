//! What the real collector says of a mistake in the testbed's configuration becomes a finding of `testbed doctor`.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::process::program;

const CONFIGURATION: &str = "components/observability/collector";

const OVERLAY: &str = "apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [base]
components: [components/redis, components/observability]
";

#[test]
fn the_configuration_as_it_is_passes() {
    let results = examine("base.yaml", "", "");
    assert_eq!(results.len(), 1, "{results:#?}");
    let evidence = results[0]["evidence"].as_str().unwrap_or_default();
    assert!(results[0]["outcome"] == "passed" && evidence.ends_with("accepts it"), "{results:#?}");
}

#[test]
fn a_mistake_is_found_with_what_it_means() {
    for (file, correct, mistaken, [cause, evidence, remedy]) in [
        (
            "base.yaml",
            "\nexporters:\n",
            "\nexporters:\n  logging:\n",
            ["does not have any more", "exporters/logging", "`debug`"],
        ),
        (
            "base.yaml",
            "spike_limit_mib",
            "spike_limit_mb",
            ["does not know", "invalid keys: spike_limit_mb", "README"],
        ),
        (
            "backends.yaml",
            "${env:TESTBED_TEMPO_ENDPOINT:-tempo:4317}",
            "${env:TESTBED_TEMPO_ENDPOINT}",
            ["not given", "${env:TESTBED_TEMPO_ENDPOINT}", "set TESTBED_TEMPO_ENDPOINT"],
        ),
        (
            "backends.yaml",
            "tempo:4317}",
            "}",
            ["refuses", "requires a non-empty \"endpoint\"", "otelcol validate"],
        ),
        (
            "base.yaml",
            "\nexporters:\n",
            "\nexporters:\n  zipkins:\n",
            ["does not have", "unknown type: \"zipkins\"", "valid values"],
        ),
        (
            "backends.yaml",
            "[otlp_http/loki]",
            "[otlp_http/other]",
            ["not configured", "logs: exporters/otlp_http/other", "configure it"],
        ),
    ] {
        let results = examine(file, correct, mistaken);
        let found: Vec<&Value> = results.iter().filter(|result| result["outcome"] == "found").collect();
        assert_eq!(found.len(), 1, "{mistaken}: {results:#?}");
        for (field, text) in [("cause", cause), ("evidence", evidence), ("remedy", remedy)] {
            assert!(found[0][field].as_str().unwrap().contains(text), "{mistaken}: {found:#?}");
        }
    }
}

/// The results of the check, where `mistaken` stands for `correct` in a file of the collector's configuration.
fn examine(file: &str, correct: &str, mistaken: &str) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kubernetes");
    for part in ["base", "components"] {
        copy(&manifests.join(part), &folder.path().join(part));
    }
    fs::write(folder.path().join("kustomization.yaml"), OVERLAY).unwrap();
    let path = folder.path().join(CONFIGURATION).join(file);
    let configuration = fs::read_to_string(&path).unwrap();
    assert!(configuration.contains(correct), "{file} has no {correct:?}");
    fs::write(&path, configuration.replacen(correct, mistaken, 1)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_testbed"))
        .args(["doctor", "--offline", "--json", "--only", "collector-configuration", "--overlay"])
        .arg(folder.path())
        .arg("--otelcol")
        .arg(program())
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    report["results"].as_array().unwrap().clone()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

//! Whole experiments by the command.

use crate::fixture::{Fixture, NAMESPACE};
use crate::program::{Testbed, plan};
use experiment::bundle::{Bundle, End, Event, Journal, TargetKind};
use experiment::record::Status;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::Api;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

const PLAN: &str = "name = \"tiny\"\nquestion = \"Does twice the rate cost more?\"\nblocks = 1\n\
     [timing]\nwarm-up = \"1s\"\nmeasure = \"6s\"\ncool-down = \"500ms\"\n[budget]\ntime = \"30m\"\n\
     [settings]\nplacement = { ingest-api = \"clus1\", process-worker = \"clus2\", query-api = \"clus1\" }\n[[factors]]\nname = \"rate\"\nlevels = [200, 400]\n";

/// What of a bundle has happened so far.
fn events(bundle: &Path) -> Vec<Event> {
    let journal = Journal::read(bundle);
    journal
        .map(|journal| journal.entries().iter().map(|entry| entry.event.clone()).collect())
        .unwrap_or_default()
}

fn begun(bundle: &Path, number: u32) -> Option<()> {
    let is_it = |event: &Event| matches!(event, Event::RunBegun { number: of, .. } if *of == number);
    events(bundle).iter().any(is_it).then_some(())
}

async fn namespace(fixture: &Fixture) -> Option<Namespace> {
    Api::<Namespace>::all(fixture.client.clone()).get_opt(NAMESPACE).await.unwrap()
}

#[tokio::test]
async fn interrupted_campaign_leaves_nothing_and_is_resumed_to_a_report() {
    let fixture = Fixture::of_this_architecture().await;
    let (folder, bundle) = plan(PLAN);
    let out = bundle.display().to_string();
    let mut first = Testbed::experiment(&fixture, "run", folder.path(), &["--out", &out]);
    // Half way: the load of the second run is sent.
    let second_load = async || {
        begun(&bundle, 2)?;
        let pods = fixture.names::<Pod>().await;
        pods.iter().any(|name| name.starts_with("simulator-")).then_some(())
    };
    first.until("the second load is sent", second_load).await;
    first.interrupt();
    assert_eq!(first.end().await, Some(130), "{}", first.said());
    let said = first.said();
    assert!(said.contains("the namespace testbed is gone") && said.contains("experiment resume"), "{said}");
    assert!(namespace(&fixture).await.is_none(), "what the interrupted run had deployed goes");
    let kept = Bundle::open(&bundle).unwrap();
    assert!(kept.is_sealed && kept.runs.len() == 1, "what was measured is kept");

    let (code, said) = Testbed::experiment(&fixture, "resume", &bundle, &[]).run().await;
    assert_eq!(code, Some(0), "{said}");
    assert!(namespace(&fixture).await.is_none(), "{said}");
    let whole = Bundle::open(&folder.path().join("bundle.tar.gz")).unwrap();
    assert_eq!((whole.journal.end(), whole.head.target), (Some(End::AllBlocks), TargetKind::Cluster));
    let cells: BTreeSet<&str> = whole.runs.iter().map(|run| run.record.cell.as_str()).collect();
    assert_eq!((whole.runs.len(), cells.len()), (3, 3), "no cell is repeated or missing");
    for run in &whole.runs {
        let record = &run.record;
        assert_eq!(record.audit.outcome.as_deref(), Some("pass"), "{:?}", record.verdict);
        for metric in ["response-time-p50", "throughput", "cpu-per-event", "cpu-per-event-process-worker"] {
            assert!(record.metrics[metric].value > 0.0, "{metric} {:?}", record.metrics);
        }
        assert_ne!(record.verdict.status, Status::Invalid, "{:?}", record.verdict);
        assert_eq!(record.clocks.len(), 2);
        for file in ["samples.csv", "environment.json", "response-time.hlog", "workload.toml"] {
            assert!(run.directory.join(file).is_file(), "{file}");
        }
    }
    let page = folder.path().join("page.html");
    let mut report = Command::new(env!("CARGO_BIN_EXE_testbed"));
    let report = report.arg("report").arg(&bundle).arg("--out").arg(&page).output().unwrap();
    assert!(report.status.success(), "{}", String::from_utf8_lossy(&report.stderr));
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("clus2") && page.contains("Does twice the rate cost more?"));
}

const SEARCH: &str = "name = \"limit\"\nquestion = \"How much does it take?\"\n\
     [timing]\nwarm-up = \"1s\"\nmeasure = \"15s\"\ncool-down = \"0s\"\n[budget]\ntime = \"60m\"\n\
     [settings]\nplacement = { ingest-api = \"clus1\", process-worker = \"clus2\", query-api = \"clus1\" }\n\
     [[factors]]\nname = \"partitions\"\nlevels = [1, 2]\n\
     [slos]\nresponse-time-p50 = \"5s\"\n[capacity]\nfrom = 100\nto = 150\nprecision = 0.5\nconfirm = 1\n";

#[tokio::test]
async fn search_for_a_capacity_is_answered_by_three_shards_and_leaves_what_is_to_be_kept() {
    let fixture = Fixture::of_this_architecture().await;
    let (folder, bundle) = plan(SEARCH);
    let more = ["--out", &bundle.display().to_string(), "--shards", "3", "--keep"];
    let (code, said) = Testbed::experiment(&fixture, "capacity", folder.path(), &more).run().await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said.matches("at least 150 events a second").count(), 2, "{said}");
    let bundle = Bundle::open(&bundle).unwrap();
    assert_eq!(bundle.journal.end(), Some(End::Answered), "{said}");
    for run in &bundle.runs {
        let result = std::fs::read(run.directory.join("result.json")).unwrap();
        let result: serde_json::Value = serde_json::from_slice(&result).unwrap();
        assert_eq!(result["shards"]["present"], serde_json::json!([0, 1, 2]));
    }
    let kept = namespace(&fixture).await;
    assert!(kept.is_some_and(|namespace| namespace.metadata.deletion_timestamp.is_none()), "{said}");
    assert!(fixture.names::<Pod>().await.is_empty(), "{said}");
}

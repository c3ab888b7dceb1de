//! Reports of searches for a capacity.

use crate::reporting::{TWO, changed_bundle};
use experiment::bundle::{CAPACITY_FILE, Event};
use experiment::capacity::{Answer, Judgement, Outcome as Trialled, Results, Search, Trial};
use experiment::record::RunRecord;
use experiment::report::Report;

#[test]
fn search_for_a_capacity_is_reported_with_its_answers() {
    let between = Answer::Between { low: 800.0, high: 900.0, estimate: 850.0 };
    let report = search_report(between);
    let answer = &report.analysis.answer;
    assert!(
        answer.contains("Placement amd64: the highest rate that is sustained is 850 events a second"),
        "{answer}"
    );
    assert!(answer.contains("Placement arm64: the search was not finished (three runs)."), "{answer}");
    assert!(report.analysis.claims.is_empty());
    assert_eq!(report.analysis.cells.len(), 12);
    let text = report.markdown();
    assert!(text.contains("| placement amd64 | 700 | 0 | 0 | 1 |"), "{text}");
    for of_a_campaign in ["A/A", "Holm", "Each block"] {
        assert!(!text.contains(of_a_campaign), "{of_a_campaign}: {text}");
    }
    assert!(text.contains("isotonic regression"), "{text}");
    let csv = report.csv().unwrap();
    for row in [
        "capacity,amd64,,,,rate,850,800,900,3,,,between,\"850 events a second: 800 are sustained, 900 are not\"",
        "capacity,arm64,,,,rate,,,,3,,,not finished,",
        "trial,amd64,2,,,rate,1000,,,,,,not sustained,",
    ] {
        assert!(csv.lines().any(|line| line == row), "{row}: {csv}");
    }
    let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
    assert_eq!(json["capacity"]["searches"][0]["answer"]["low"], 800.0);
    assert_eq!(json["answer"], answer.as_str());
    assert!(
        report.html().contains("Rates that were tried: placement arm64")
            && !report.html().contains("Backlog")
    );
    let mut comparison = experiment::compare::compare(&report, &report);
    assert!(!comparison.is_contradicted());
    comparison.answers[0].outcome = experiment::compare::Outcome::Contradicted;
    assert!(comparison.is_contradicted());
}

#[test]
fn search_that_died_before_its_results_were_written_is_reported_from_its_journal() {
    let source = format!(
        "{TWO}[slos]\naccepted-to-queryable-p99 = \"60ms\"\n[capacity]\nfrom = 100\nto = 800\nprecision = 0.5\nconfirm = 1\n"
    );
    let judged = |number: u32, rate: f64| Event::Judged {
        number,
        cell: "amd64".to_owned(),
        rate,
        judgement: Judgement { outcome: Trialled::Sustained, reasons: Vec::new() },
    };
    let died = changed_bundle(&source, |directory, writer| {
        for (number, rate) in [(1, 100.0), (2, 200.0)] {
            writer.append(judged(number, rate)).unwrap();
        }
        // Of an earlier stop.
        let old = serde_json::to_vec(&Results::default()).unwrap();
        std::fs::write(directory.join(CAPACITY_FILE), old).unwrap();
    });
    let answer = &died.analysis.answer;
    let expected = "Placement amd64: the search was not finished (two runs). Placement arm64: the search was not finished (no runs).";
    assert_eq!(answer, expected);
    let nothing = changed_bundle(&source, |_, _| ());
    assert!(nothing.analysis.answer.contains("the search was not finished (no runs)"));
}

/// The report of a search of two cells, of which one has this answer and the other none.
pub(crate) fn search_report(answer: Answer) -> Report {
    let trial = |rate, outcome| Trial { rate, outcome };
    let trials = vec![
        trial(500.0, Trialled::Sustained),
        trial(1000.0, Trialled::Broken),
        trial(700.0, Trialled::Invalid),
    ];
    let search = |cell: &str, answer| Search {
        cell: cell.to_owned(),
        levels: [("placement".to_owned(), cell.to_owned())].into(),
        trials: trials.clone(),
        answer,
    };
    let results = Results { searches: vec![search("amd64", Some(answer)), search("arm64", None)] };
    changed_bundle(TWO, |directory, _| {
        for entry in std::fs::read_dir(directory.join("runs")).unwrap() {
            let path = entry.unwrap().path().join("run.json");
            let mut record: RunRecord = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            record.cell = format!("{}@{}", record.cell.trim_end_matches("#2"), 100 * record.block);
            std::fs::write(&path, serde_json::to_vec(&record).unwrap()).unwrap();
        }
        std::fs::write(directory.join(CAPACITY_FILE), serde_json::to_vec(&results).unwrap()).unwrap();
    })
}

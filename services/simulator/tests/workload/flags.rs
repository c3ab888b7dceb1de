//! Flags beside and in place of a workload file.

use std::path::Path;

use clap::Parser as _;
use service::config::ConfigError;
use simulator::Config;
use simulator::config::RunArgs;
use simulator::plan::{Batch, ContentType, Load, PayloadSize, Popularity, RateShape, Spacing, Values};

const FILE: &str = r#"
seed = 7
batch = 10
threads = 2
[events]
sources = { count = 5, popularity = "uniform" }
payload = 300
types = [{ name = "a", values = "counter" }, { name = "b", weight = 2 }]
[faults]
duplicates = 0.5
[[phases]]
name = "first"
duration = "5s"
measure = false
rate = { shape = "burst", high = 100, on = "1s", off = "500ms" }
[[phases]]
name = "second"
duration = 2
rate = 1000
arrivals = "poisson"
"#;

fn convert(text: &str, flags: &[&str]) -> Result<Config, ConfigError> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("workload.toml");
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    RunArgs::try_parse_from([&["simulator", "--workload", file], flags].concat()).unwrap().convert()
}

#[test]
fn file_says_what_is_sent() {
    let plan = convert(FILE, &[]).unwrap().plan;
    assert_eq!((plan.seed, plan.threads, plan.connections), (7, 2, 16));
    assert_eq!((plan.batch, plan.content_type), (Batch { min: 10, max: 10 }, ContentType::Batch));
    assert_eq!((plan.faults.duplicates, plan.faults.malformed), (0.5, 0.0));
    assert_eq!((plan.events.sources.count, plan.events.sources.popularity), (5, Popularity::Uniform));
    assert_eq!(plan.events.payload, PayloadSize::Constant { bytes: 300 });
    let types: Vec<_> =
        plan.events.types.iter().map(|kind| (&*kind.name, kind.weight, kind.values)).collect();
    assert_eq!(types, [("a", 1.0, Values::Counter), ("b", 2.0, Values::Uniform)]);
    let phases: Vec<_> =
        plan.phases.iter().map(|phase| (&*phase.name, phase.duration_s, phase.is_measured)).collect();
    assert_eq!(phases, [("first", 5.0, false), ("second", 2.0, true)]);
    let burst = RateShape::Burst { high_per_s: 100.0, low_per_s: 0.0, on_s: 1.0, off_s: 0.5 };
    assert_eq!(plan.phases[0].load, Load::Open { rate: burst, spacing: Spacing::Even });
}

#[test]
fn flags_win_over_the_file() {
    let flags = [
        "--seed=9",
        "--batch=1-5",
        "--threads=1",
        "--sources=6",
        "--zipf=0.5",
        "--payload-bytes=400",
        "--values=pressure",
        "--duplicates=0.25",
        "--rate=50",
        "--arrivals=constant",
        "--duration=1m",
        "--warm-up=3s",
    ];
    let plan = convert(FILE, &flags).unwrap().plan;
    assert_eq!((plan.seed, plan.threads, plan.batch), (9, 1, Batch { min: 1, max: 5 }));
    assert_eq!(plan.events.sources.count, 6);
    assert_eq!(plan.events.sources.popularity, Popularity::Zipf { exponent: 0.5, shift_every_s: None });
    assert_eq!(plan.events.payload, PayloadSize::Constant { bytes: 400 });
    assert!(plan.events.types.iter().all(|kind| kind.values == Values::Pressure));
    assert_eq!(plan.faults.duplicates, 0.25);
    let phases: Vec<_> = plan.phases.iter().map(|phase| (&*phase.name, phase.duration_s)).collect();
    assert_eq!(phases, [("warm-up", 3.0), ("first", 5.0), ("second", 60.0)]);
    let rate = RateShape::Constant { rate_per_s: 50.0 };
    assert_eq!(plan.phases[2].load, Load::Open { rate, spacing: Spacing::Even });
}

#[test]
fn pace_flags_need_one_measured_phase() {
    let two = FILE.replace("measure = false\n", "");
    for flag in ["--rate=5", "--arrivals=poisson", "--duration=5s"] {
        let error = convert(&two, &[flag]).unwrap_err().to_string();
        assert!(error.contains("need exactly one measured phase"), "{error}");
    }
    assert!(convert(&two, &["--seed=5"]).is_ok());
}

#[test]
fn flags_are_refused_by_their_own_name() {
    for (flag, variable) in
        [("--batch=0", "BATCH"), ("--threads=0", "THREADS"), ("--malformed=2", "MALFORMED")]
    {
        assert_eq!(convert(FILE, &[flag]).unwrap_err().variable, variable);
    }
}

#[test]
fn endless_run_needs_a_last_phase_that_can_go_on() {
    assert!(convert(FILE, &["--forever"]).unwrap().plan.is_endless);
    let ramp = FILE.replace("rate = 1000", r#"rate = { shape = "ramp", from = 1, to = 2 }"#);
    let error = convert(&ramp, &["--forever"]).unwrap_err().to_string();
    assert!(error.contains("depends on the length"), "{error}");
}

#[test]
fn paths_are_relative_to_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("w.toml");
    std::fs::write(directory.path().join("sizes.txt"), "100\n\n200\n").unwrap();
    let text = "events.payload = { file = \"sizes.txt\" }\n[[phases]]\nname = \"a\"\nduration = 1\nrate = 1";
    std::fs::write(&file, text).unwrap();
    let args = RunArgs::try_parse_from([Path::new("simulator"), Path::new("--workload"), &file]).unwrap();
    let PayloadSize::Observed { sizes, .. } = args.convert().unwrap().plan.events.payload else {
        panic!("not a list");
    };
    assert_eq!(*sizes, [100, 200]);
}

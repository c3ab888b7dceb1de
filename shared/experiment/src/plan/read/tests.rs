use super::*;
use crate::plan::{Key, Service};
use serde_json::json;

const MINIMAL: &str =
    "name = \"a\"\nquestion = \"Is it?\"\n[[factors]]\nname = \"rate\"\nlevels = [500, 1000]\n";

fn read(text: &str) -> Plan {
    Plan::parse(Path::new("a.toml"), text.to_owned()).unwrap()
}

/// The message, which must begin with this line.
fn refusal(text: &str, line: usize) -> String {
    let error = Plan::parse(Path::new("a.toml"), text.to_owned()).unwrap_err().to_string();
    assert!(error.starts_with(&format!("a.toml:{line}:")), "{error}");
    error
}

fn with(lines: &str) -> String {
    format!("{lines}\n{MINIMAL}")
}

#[test]
fn plan_is_completed_with_defaults() {
    let plan = read(MINIMAL);
    assert_eq!((plan.blocks.min, plan.blocks.max, plan.seed), (10, 10, 1));
    assert_eq!(plan.comparisons[0].baseline, "500");
    assert_eq!(plan.factors[0].levels[1].settings[&Key::Load("rate".into())], json!(1000));
    // Two cells and the control.
    assert_eq!(cells(&plan).len(), 3);
    assert_eq!(plan.budget.repeats, 6);
    assert!((plan.budget.time_s - 2.0 * 30.0 * plan.run_s()).abs() < 1e-9);
}

#[test]
fn settings_may_be_nested_as_toml_has_them() {
    let plan = read(&format!(
        "{MINIMAL}[settings]\ntelemetry = \"metrics\"\nload.events.payload = 200\nprocess-worker = {{ WORK_KIND = \"hash\" }}\n"
    ));
    assert_eq!(plan.settings[&Key::Load("events.payload".into())], json!(200));
    assert_eq!(plan.settings[&Key::Setting(Service::ProcessWorker, "WORK_KIND".into())], json!("hash"));
}

#[test]
fn levels_may_set_several_keys() {
    let plan = read(
        "name = \"a\"\nquestion = \"Is it?\"\n[[factors]]\nname = \"durability\"\nlevels = [\n\
         { name = \"off\", set = { redis.appendonly = \"no\" } },\n\
         { name = \"always\", set = { redis.appendonly = \"yes\", redis.appendfsync = \"always\" } } ]\n",
    );
    assert_eq!(plan.factors[0].levels[1].settings.len(), 2);
}

#[test]
fn unknown_names_are_answered_with_those_there_are() {
    let error = refusal(&MINIMAL.replace("name = \"rate\"", "name = \"rte\""), 4);
    assert!(error.contains("\"rte\" cannot be set") && error.contains("payload"), "{error}");
    let comparison = "[[comparisons]]\nfactor = \"rate\"\nbaseline = \"700\"\nmetrics = [\"throughput\"]\n";
    let error = refusal(&format!("{MINIMAL}{comparison}"), 8);
    assert!(error.contains("has no level \"700\": it has 500, 1000"), "{error}");
    let error = refusal(
        &format!("{MINIMAL}{}", comparison.replace("700", "500").replace("throughput", "response-p99")),
        9,
    );
    assert!(error.contains("\"response-p99\"") && error.contains("response-time-p99"), "{error}");
    let error = refusal(&with("exclude = [{ speed = \"1\" }]"), 1);
    assert!(error.contains("there is no factor \"speed\": there are rate"), "{error}");
    assert!(refusal(&with("seeed = 1"), 1).contains("unknown key `seeed`"));
}

#[test]
fn impossible_values_are_refused_at_their_place() {
    assert!(refusal(&MINIMAL.replace("[500, 1000]", "[500]"), 5).contains("two levels or more"));
    assert!(refusal(&MINIMAL.replace("[500, 1000]", "[500, 500]"), 5).contains("two levels \"500\""));
    assert!(refusal(&MINIMAL.replace("\"a\"", "\"A b\""), 1).contains("a-z, 0-9"));
    assert!(refusal(&with("blocks = \"many\""), 1).contains("blocks are a number, or { min"));
    let slo = format!("{MINIMAL}[slos]\nresponse-time-p99 = true\n");
    assert!(refusal(&slo, 7).contains("a bound is a number in the metric's unit"));
    assert!(refusal(&with("blocks = 0"), 1).contains("1 to 100"));
    assert!(refusal(&with("blocks = { min = 8, max = 7 }"), 1).contains("min is not above max"));
    assert!(refusal(&format!("{MINIMAL}[settings]\nworkers = 0\n"), 7).contains("workers: a whole number"));
    assert!(refusal(&format!("{MINIMAL}[timing]\nmeasure = \"1s\"\n"), 7).contains("at least 5s"));
    assert!(refusal(&format!("{MINIMAL}[capacity]\nfrom = 100\nto = 1000\n"), 6).contains("add [slos]"));
    let twice = "[[factors]]\nname = \"faster\"\nkey = \"load.rate\"\nlevels = [1, 2]\n";
    assert!(
        refusal(&format!("{MINIMAL}{twice}"), 7)
            .contains("load.rate is set by the factors \"rate\" and \"faster\"")
    );
}

#[test]
fn budget_without_end_is_refused() {
    let error = refusal(&format!("{MINIMAL}[budget]\ntime = 1e30\n"), 7);
    assert!(error.contains("no experiment may take more than a year"), "{error}");
}

#[test]
fn plan_longer_than_its_budget_is_refused() {
    let error = refusal(&format!("{MINIMAL}[budget]\ntime = \"5m\"\n"), 7);
    assert!(error.contains("at least 38 min"), "{error}");
}

#[test]
fn search_is_held_against_its_budget_by_its_own_runs() {
    let search = |time: &str| {
        let plan = "[timing]\nwarm-up = \"10s\"\n[slos]\nrefused-share = 0.1\n[capacity]\nfrom = 100\nto = 200\nprecision = 0.5\nconfirm = 1\n";
        format!("blocks = 100\n{MINIMAL}{plan}[budget]\ntime = \"{time}\"\n")
    };
    // Two cells, of which each takes eight runs of 76 s.
    assert_eq!(read(&search("21m")).budget.time_s, 1260.0);
    assert!(refusal(&search("20m"), 17).contains("longer than its budget"));
}

#[test]
fn more_combinations_than_anybody_runs_are_refused_before_they_are_built() {
    let factor = |variable: usize| {
        format!(
            "[[factors]]\nname = \"f{variable}\"\nkey = \"{}\"\nlevels = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\n",
            KEYS[variable]
        )
    };
    const KEYS: [&str; 8] = [
        "rate",
        "batch",
        "payload",
        "workers",
        "partitions",
        "process-worker.WORK_AMOUNT",
        "query-api.READERS",
        "load.events.sources.count",
    ];
    let factors: String = (0..8).map(factor).collect();
    let error = refusal(&format!("name = \"a\"\nquestion = \"Is it?\"\n{factors}"), 3);
    assert!(error.contains("100000000 combinations of levels"), "{error}");
}

#[test]
fn what_is_given_twice_is_refused() {
    let settings = |lines: &str| {
        format!("{}[settings]\n{lines}", MINIMAL.replace("rate", "workers").replace("[500, 1000]", "[1, 2]"))
    };
    for lines in ["rate = 1\nload.rate = 2\n", "payload = 1\nload.events.payload = 2\n"] {
        assert!(refusal(&settings(lines), 7).contains("is set twice"), "{lines}");
    }
    let level = MINIMAL.replace("[500, 1000]", "[{ name = \"a\", set = { batch = 1, load.batch = 2 } }, 2]");
    assert!(refusal(&level, 5).contains("load.batch is set twice"));
    let comparison =
        "[[comparisons]]\nfactor = \"rate\"\nmetrics = [\"throughput\", \"work-mean\", \"throughput\"]\n";
    assert!(refusal(&format!("{MINIMAL}{comparison}"), 8).contains("\"throughput\" is named twice"));
}

#[test]
fn what_is_excluded_has_no_cell_and_must_leave_something_to_compare() {
    let factor = "[[factors]]\nname = \"batch\"\nlevels = [1, 10]\n";
    let plan = read(&format!("exclude = [{{ rate = \"1000\", batch = \"10\" }}]\n{MINIMAL}{factor}"));
    let ids: Vec<String> = cells(&plan).into_iter().map(|cell| cell.id).collect();
    assert_eq!(ids, ["500/1", "500/10", "1000/1", "500/1#2"]);
    assert!(
        refusal(&with("exclude = [{ rate = \"500\" }]"), 4).contains("nothing is left to compare with 500")
    );
}

#[test]
fn bounds_are_times_or_numbers() {
    let plan = read(&format!("{MINIMAL}[slos]\nresponse-time-p99 = \"100ms\"\nrefused-share = 0.001\n"));
    let of = |name: &str| plan.slos.iter().find(|slo| slo.metric == name).unwrap().max;
    assert_eq!((of("response-time-p99"), of("refused-share")), (100_000.0, 0.001));
    for bound in ["inf", "nan", "-inf", "-0.5"] {
        let error = refusal(&format!("{MINIMAL}[slos]\nrefused-share = {bound}\n"), 7);
        assert!(error.contains("a bound is a finite number, 0 or more"), "{bound}: {error}");
    }
}

use super::*;
use std::path::Path;

fn outline_of(text: &str) -> String {
    let plan = Plan::parse(Path::new("a.toml"), text.to_owned()).unwrap();
    let claims = experiment::analysis::claims_planned(&plan, &experiment::cell::cells(&plan));
    outline(&plan, claims)
}

const PLAN: &str = "name = \"rates\"\nquestion = \"What does a higher rate cost?\"\nblocks = { min = 6, max = 12 }\n\
     [settings]\nbatch = 10\n[[factors]]\nname = \"rate\"\nlevels = [500, 1000]\n";

#[test]
fn outline_says_what_will_be_run_and_what_can_come_of_it() {
    insta::assert_snapshot!(outline_of(PLAN));
}

#[test]
fn plan_that_can_show_nothing_is_told_so() {
    let few = outline_of(&PLAN.replace("{ min = 6, max = 12 }", "5"));
    assert!(few.contains("nothing: 5 pairs have no 95 % interval"), "{few}");
    let many = outline_of(
        &PLAN.replace("{ min = 6, max = 12 }", "6").replace("[500, 1000]", "[1, 2, 3, 4, 5, 6, 7, 8]"),
    );
    assert!(many.contains("no difference can be significant among 28 claims: give 11 blocks"), "{many}");
}

#[test]
fn plan_whose_least_blocks_are_too_few_says_how_many_are_run() {
    let eight = PLAN.replace("[500, 1000]", "[1, 2, 3, 4, 5, 6, 7, 8]");
    let few = outline_of(&eight);
    assert!(few.contains("at least 11 blocks are run, for fewer cannot show"), "{few}");
    let enough = outline_of(&eight.replace("min = 6", "min = 11"));
    assert!(!enough.contains("blocks are run, for fewer"), "{enough}");
}

#[test]
fn search_is_outlined_by_its_bounds() {
    let text = PLAN.replace(
        "[[factors]]\nname = \"rate\"\nlevels = [500, 1000]",
        "[[factors]]\nname = \"workers\"\nlevels = [1, 2]",
    );
    insta::assert_snapshot!(outline_of(&format!(
        "{text}[slos]\nresponse-time-p99 = \"100ms\"\n[capacity]\nfrom = 100\nto = 100000\n"
    )));
}

//! The Job in `kubernetes/`.

use clap::Parser as _;
use simulator::config::RunArgs;

#[test]
fn workload_of_the_job_is_valid() {
    let file =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../kubernetes/components/simulator-job/workload.toml");
    let arguments = ["run", "--workload", file, "--run-id", "run-1", "--shards", "2", "--shard", "1"];
    let config = RunArgs::try_parse_from(arguments).unwrap().convert().unwrap();
    assert_eq!(config.plan.phases.len(), 2);
    assert!(config.shards.is_some());
}

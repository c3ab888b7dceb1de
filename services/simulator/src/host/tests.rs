use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/observability/tests/fixtures").join(name)
}

fn found(readings: &[Arc<Reading>]) -> Vec<(&str, &str, f64)> {
    let found = readings.iter().filter_map(|reading| {
        Some((reading.kind, reading.source.strip_prefix("/hosts/node-1/")?, reading.value))
    });
    found.collect()
}

#[test]
fn machine_has_the_readings_of_its_files() {
    let readings = Sampler::new(&fixture("jetson"), "node-1").sample(Instant::now());
    let expected = [
        ("testbed.host.frequency", "frequency/0", 1.5104e9),
        ("testbed.host.frequency", "frequency/1", 1.5104e9),
        ("testbed.host.temperature", "temperature/cpu-thermal", 48.5),
        ("testbed.host.temperature", "temperature/gpu-thermal", 47.0),
        ("testbed.host.temperature", "temperature/cpu-thermal-2", -1.0),
        ("testbed.host.memory", "memory", 3_072_000_000.0),
    ];
    assert_eq!(found(&readings), expected);
}

#[test]
fn shares_are_of_the_time_between_two_samples() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("proc/pressure")).unwrap();
    let write = |name: &str, text: &str| fs::write(root.path().join("proc").join(name), text).unwrap();
    let start = Instant::now();
    let mut sampler = Sampler::new(root.path(), "node-1");

    write("stat", "cpu  100 0 100 1000 50 0 0 0 0 0\n");
    write("pressure/io", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\n");
    assert!(sampler.sample(start).is_empty(), "there is nothing to compare with yet");

    // 30 busy of 120 ticks; half a second of two.
    write("stat", "cpu  120 0 110 1080 60 0 0 0 0 0\n");
    write("pressure/io", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\n");
    let readings = sampler.sample(start + Duration::from_secs(2));
    let expected = [("testbed.host.cpu", "cpu", 0.25), ("testbed.host.pressure", "pressure/io-some", 0.25)];
    let rounded: Vec<_> =
        found(&readings).into_iter().map(|(a, b, v)| (a, b, (v * 1e6).round() / 1e6)).collect();
    assert_eq!(rounded, expected);
}

#[test]
fn readings_are_taken_in_turn() {
    let host = HostReadings::start(&fixture("jetson"), "node-1").unwrap();
    let sources: Vec<_> = (0..12).map(|_| host.next().source.clone()).collect();
    let all: BTreeSet<_> = sources.iter().collect();
    assert_eq!(all.len(), 6);
    assert_eq!(sources[..6], sources[6..]);
}

#[test]
fn this_machine_is_read_again_and_again() {
    let host = HostReadings::start(Path::new("/"), "node-1").unwrap();
    // The share of busy processors needs a second sample.
    let deadline = Instant::now() + Duration::from_secs(30);
    let busy = loop {
        let reading = host.next();
        if reading.kind == "testbed.host.cpu" {
            break reading.value;
        }
        assert!(Instant::now() < deadline, "there is no second sample");
        thread::yield_now();
    };
    assert!((-1e-6..=1.0 + 1e-6).contains(&busy), "{busy}");
}

#[test]
fn thread_ends_with_the_readings() {
    let host = HostReadings::start(&fixture("jetson"), "node-1").unwrap();
    let latest = Arc::downgrade(&host.latest);
    drop(host);
    let deadline = Instant::now() + Duration::from_secs(30);
    while latest.strong_count() > 0 {
        assert!(Instant::now() < deadline, "the thread goes on");
        thread::yield_now();
    }
}

#[test]
fn machine_without_readings_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let error = HostReadings::start(root.path(), "node-1").unwrap_err();
    assert_eq!(error.variable, "NODE_ROOT");
}

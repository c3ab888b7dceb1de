//! Percentiles as they are drawn.

use crate::reporting::{TWO, changed_bundle, report};
use experiment::report::Curve;

#[test]
fn only_the_steady_part_is_in_a_curve() {
    let report = report(TWO, |_| {});
    let run = &report.runs[0];
    let (p50_us, curve) =
        (run.record.metrics["response-time-p50"].value, &run.series.curves["response-time"]);
    assert_eq!(curve.count, 6000);
    let middle = Curve::inverses().position(|inverse| inverse >= 1.99).unwrap();
    assert!((curve.quantiles_us[middle] / p50_us - 1.0).abs() < 0.1, "{curve:?}");
}

#[test]
fn percentiles_end_where_samples_do() {
    let last = |effective| Curve::inverses().take(Curve::known(effective)).last();
    assert_eq!(last(5.0), None);
    assert!(last(367.0).unwrap() < 99.0);
    assert!(last(368.0).unwrap() > 99.0 && last(368.0).unwrap() < 101.0);
    assert!(last(3688.0).unwrap() > 999.0);
}

#[test]
fn times_below_zero_are_part_of_a_curve() {
    let histogram = |times_us: std::ops::RangeInclusive<u64>| {
        let mut histogram = measurement::Histogram::new();
        times_us.for_each(|us| histogram.record(std::time::Duration::from_micros(us)));
        histogram
    };
    // −59 to −1 and 1 to 41 µs: the median is −10.
    let curve = Curve::of(&histogram(1..=41), &histogram(1..=59));
    let at = |inverse: f64| {
        let place = Curve::inverses().position(|known| known >= inverse).unwrap();
        curve.quantiles_us[place]
    };
    assert_eq!(curve.count, 100);
    for (inverse, us) in [(1.0, -59.0), (1.99, -10.0), (99.9, 40.0)] {
        assert!((at(inverse) - us).abs() < 0.1, "{inverse}: {curve:?}");
    }
}

#[test]
fn log_of_times_below_zero_is_read_with_its_distribution() {
    let report = changed_bundle(TWO, |directory, _| {
        for entry in std::fs::read_dir(directory.join("runs")).unwrap() {
            let log = |name: &str| entry.as_ref().unwrap().path().join(format!("{name}.hlog"));
            std::fs::copy(log("response-time"), log("response-time-negative")).unwrap();
        }
    });
    let curves = &report.runs[0].series.curves;
    assert_eq!(curves.keys().collect::<Vec<_>>(), ["accepted-to-queryable", "response-time"]);
    let curve = &curves["response-time"];
    assert!(curve.count == 12_000 && curve.quantiles_us[0] < 0.0, "{curve:?}");
}

#[test]
fn run_with_few_samples_is_part_of_its_curve() {
    let described = |samples: f64| {
        let report = report(TWO, |records| {
            for run in records.iter_mut().filter(|run| run.cell == "arm64" && run.block <= 2) {
                for name in ["response-time-p50", "response-time-p99"] {
                    let measured = run.metrics.get_mut(name).unwrap();
                    (measured.value, measured.samples) = (10.0 * measured.value, samples);
                }
            }
        });
        let html = report.html();
        let bands = html.matches("class=\"band").count();
        let line =
            report.markdown().lines().find(|line| line.starts_with("- Response time:")).unwrap().to_owned();
        (line, bands)
    };
    assert_eq!(described(40.0), described(5000.0));
}

#[test]
fn curve_goes_as_far_as_the_middle_one_of_the_runs_can_tell() {
    let described = |few: u32| {
        let report = report(TWO, |records| {
            for run in records.iter_mut().filter(|run| run.cell == "arm64" && run.block <= few) {
                run.metrics.get_mut("response-time-p99").unwrap().samples = 40.0;
            }
        });
        let text = report.markdown();
        let line = text.lines().find(|line| line.starts_with("- Response time:")).unwrap();
        let of_arm64 = line.split_once("arm64:").unwrap().1;
        (of_arm64.contains("p90"), of_arm64.contains("p99 "))
    };
    assert_eq!(described(3), (true, true));
    assert_eq!(described(4), (true, false));
}

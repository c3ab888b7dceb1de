//! Probes against a query API that shows events when the test wants it.

mod stub;

use std::time::{Duration, Instant};

use observability::metrics::Registry;
use service::config::Secret;
use simulator::arrival::{Arrival, Content, Kind};
use simulator::config::ProbesConfig;
use simulator::plan::{Load, PhasePlan, Plan};
use simulator::probes::{DEADLINE, ProbeSender, ProbeTally, Prober, Stage, start};
use test_support::{eventually, free_port};
use tokio_util::sync::CancellationToken;

use stub::{Says, Stub};

/// A histogram's buckets are this much wider than nothing.
const BUCKETS: f64 = 0.002;

#[tokio::test]
async fn delay_is_measured_within_its_uncertainty() {
    let stub = Stub::start().await;
    let (sender, prober) = start_probes(&stub.url(), DEADLINE);
    let delays_ms = [0, 3, 40, 300, 1000];
    for (phase, delay_ms) in (0..).zip(delays_ms) {
        let accepted = Instant::now();
        let delay = Duration::from_millis(delay_ms);
        stub.says(phase, Says::FoundAt(accepted + delay));
        let intended = accepted - Duration::from_millis(20);
        sender.offer_accepted(&arrival(phase, 0), &body(phase), intended, accepted, accepted);
    }
    let tallies = prober.finish(&CancellationToken::new()).await;
    for (tally, delay_ms) in tallies.iter().zip(delays_ms) {
        assert_eq!((tally.probes, tally.seen), (1, 1));
        let ms = |histogram: &measurement::Histogram| histogram.quantile(1.0).as_secs_f64() * 1e3;
        let (measured, uncertainty) = (ms(&tally.accepted_to_queryable), ms(&tally.uncertainty));
        let delay = delay_ms as f64;
        assert!(measured * (1.0 + BUCKETS) >= delay, "{measured} of {delay}");
        assert!((measured - uncertainty) * (1.0 - BUCKETS) <= delay, "{measured} - {uncertainty} of {delay}");
        let intended = ms(&tally.intended_to_queryable);
        assert!((intended - measured - 20.0).abs() <= intended * BUCKETS, "{intended} and {measured}");
        assert!(tally.requests <= 50, "{}", tally.requests);
    }
}

#[tokio::test]
async fn stages_add_up_to_the_whole_and_those_below_zero_are_counted() {
    let stub = Stub::start().await;
    let (sender, prober) = start_probes(&stub.url(), DEADLINE);
    let sent = Instant::now() - Duration::from_millis(100);
    let sent_us = service::clock::unix_us() - 100_000;
    // The clocks of ingest and of the worker are right; that of ingest is behind; that of the worker is ahead.
    let stamps_ms = [(1, 3), (-50, 4), (1, 3_600_000)];
    for (phase, (accepted_ms, processed_ms)) in (0..).zip(stamps_ms) {
        stub.says(phase, Says::Stamped(sent_us + accepted_ms * 1000, sent_us + processed_ms * 1000));
        let intended = sent - Duration::from_millis(20);
        sender.offer_accepted(&arrival(phase, 0), &body(phase), intended, sent, Instant::now());
    }
    let tallies = prober.finish(&CancellationToken::new()).await;
    for tally in &tallies[..3] {
        let ms = |histogram: &measurement::Histogram| histogram.summary().mean_us / 1e3;
        let stages = Stage::ALL.map(|stage| tally.stage(stage));
        assert!(stages.iter().all(|stage| stage.distribution.count() + stage.negative.count() == 1));
        let sum: f64 = stages.iter().map(|stage| ms(&stage.distribution) - ms(&stage.negative)).sum();
        let largest =
            stages.iter().map(|stage| ms(&stage.distribution).max(ms(&stage.negative))).fold(0.0, f64::max);
        let whole = ms(&tally.intended_to_queryable);
        assert!((sum - whole).abs() <= largest * BUCKETS, "{sum} of {whole}");
        assert!((ms(&tally.work) - 0.015).abs() <= 0.015 * BUCKETS);
        assert!((ms(&tally.stage(Stage::Send).distribution) - 20.0).abs() <= 20.0 * BUCKETS);
    }
    let negative = |phase: usize| Stage::ALL.map(|stage| tallies[phase].stage(stage).negative.count());
    assert_eq!([negative(0), negative(1), negative(2)], [[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]);
}

#[tokio::test]
async fn answer_that_does_not_say_when_has_no_stages() {
    let stub = Stub::start().await;
    stub.says(0, Says::FoundAt(Instant::now()));
    let (sender, prober) = start_probes(&stub.url(), DEADLINE);
    offer(&sender, 0);
    let tally = finish(prober).await;
    assert_eq!((tally.seen, tally.stage(Stage::Send).distribution.count()), (1, 0));
}

#[tokio::test]
async fn one_connection_serves_all_looks_at_an_event() {
    let stub = Stub::start().await;
    let (sender, prober) = start_probes(&stub.url(), DEADLINE);
    let accepted = Instant::now();
    stub.says(0, Says::FoundAt(accepted + Duration::from_millis(100)));
    offer(&sender, 0);
    let tally = finish(prober).await;
    assert!(tally.requests > 5, "{}", tally.requests);
    assert_eq!(stub.connections(), 1);
    assert_eq!(stub.token(), "Bearer sesame");
}

#[tokio::test]
async fn event_that_does_not_come_is_unseen() {
    let stub = Stub::start().await;
    let (sender, prober) = start_probes(&stub.url(), Duration::from_millis(200));
    offer(&sender, 0);
    let tally = finish(prober).await;
    assert_eq!((tally.probes, tally.seen, tally.unseen, tally.failed), (1, 0, 1, 0));
    assert_eq!(tally.accepted_to_queryable.count(), 0);
}

#[tokio::test]
async fn query_api_that_cannot_say_is_a_failure_and_no_absence() {
    let stub = Stub::start().await;
    stub.says(0, Says::Status(503));
    let (sender, prober) = start_probes(&stub.url(), Duration::from_millis(200));
    offer(&sender, 0);
    let tally = finish(prober).await;
    assert_eq!((tally.probes, tally.unseen, tally.failed), (1, 0, 1));
    assert!(tally.requests > 1, "it is asked again");

    let nobody = format!("http://127.0.0.1:{}", free_port());
    let (sender, prober) = start_probes(&nobody, Duration::from_millis(200));
    offer(&sender, 0);
    assert_eq!(finish(prober).await.failed, 1);
}

#[tokio::test]
async fn query_api_that_refuses_is_not_asked_again() {
    let stub = Stub::start().await;
    stub.says(0, Says::Status(401));
    let (sender, prober) = start_probes(&stub.url(), DEADLINE);
    offer(&sender, 0);
    let tally = finish(prober).await;
    assert_eq!((tally.failed, tally.requests), (1, 1));
}

#[tokio::test]
async fn interrupted_run_counts_open_probes_as_skipped() {
    let stub = Stub::start().await;
    let (sender, prober) = start_probes(&stub.url(), DEADLINE);
    for _ in 0..3 {
        offer(&sender, 0);
    }
    eventually("the probes are open", async || {
        (prober.view().look(|so_far| so_far.requests) >= 3).then_some(())
    })
    .await;
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    let tally = prober.finish(&shutdown).await.swap_remove(0);
    assert_eq!((tally.probes, tally.skipped), (0, 3));
}

#[tokio::test]
async fn probes_without_room_are_skipped_and_do_not_block() {
    let stub = Stub::start().await;
    let (sender, prober) = start_probes(&stub.url(), Duration::from_secs(1));
    for _ in 0..3000 {
        offer(&sender, 0);
    }
    let tally = finish(prober).await;
    assert_eq!(tally.probes + tally.skipped, 3000);
    assert!(tally.probes <= 1024, "{}", tally.probes);
    assert!(tally.requests <= 400, "the rate of requests is bounded: {}", tally.requests);
}

#[tokio::test]
async fn answer_without_a_position_is_skipped() {
    let stub = Stub::start().await;
    let (sender, prober) = start_probes(&stub.url(), DEADLINE);
    let now = Instant::now();
    sender.offer_accepted(&arrival(0, 0), br#"{"accepted":1}"#, now, now, now);
    let tally = finish(prober).await;
    assert_eq!((tally.probes, tally.skipped), (0, 1));
}

#[tokio::test]
async fn only_new_events_are_wanted_and_each_lane_has_its_budget() {
    let stub = Stub::start().await;
    let (sender, prober) = start_probes(&stub.url(), DEADLINE);
    for kind in [Kind::Repeat, Kind::Malformed] {
        assert!(!sender.wants(&Arrival { kind, ..arrival(0, 0) }));
    }
    assert!(sender.wants(&arrival(0, 0)));
    assert!(!sender.wants(&arrival(0, 1)), "the budget of a closed loop is not saved up");
    assert!(sender.clone().wants(&arrival(0, 1)), "another lane");
    drop(prober);
}

fn start_probes(query_url: &str, deadline: Duration) -> (ProbeSender, Prober) {
    let auth = Some(Secret::new("sesame"));
    let config = ProbesConfig { query_url: query_url.to_owned(), per_second: 5.0, auth };
    start(&config, &plan(), deadline, &Registry::new()).expect("the configuration is valid")
}

async fn finish(prober: Prober) -> ProbeTally {
    prober.finish(&CancellationToken::new()).await.swap_remove(0)
}

fn offer(sender: &ProbeSender, phase: u16) {
    let now = Instant::now();
    sender.offer_accepted(&arrival(phase, 0), &body(phase), now, now, now);
}

fn body(phase: u16) -> Vec<u8> {
    format!(r#"{{"accepted":1,"events":[{{"id":"a","position":"{}"}}]}}"#, stub::position(phase)).into_bytes()
}

fn arrival(phase: u16, index: u64) -> Arrival {
    let offset = Duration::ZERO;
    let content = Content { index, offset, first: index, events: 1, record: 0 };
    Arrival { index, offset, phase, kind: Kind::New, content }
}

fn plan() -> Plan {
    let phase = |number: usize| PhasePlan {
        name: format!("phase-{number}"),
        duration_s: 1.0,
        is_measured: true,
        load: Load::Closed,
    };
    Plan::plain((0..5).map(phase).collect())
}

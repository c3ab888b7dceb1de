use serde_json::json;
use test_support::eventually;

use crate::fixture::{NO_REDIS, Query, START_MS, WorkerCache, line, temporary_directory};

/// Sixty entries of four events, one entry a second, by two workers.
fn filled() -> WorkerCache {
    let mut cache = WorkerCache::new();
    for number in 0..60 {
        let worker = format!("worker-{}", number % 2);
        let lines: Vec<_> = (0..4)
            .map(|index| {
                let kind = if index == 3 { "alarm" } else { "reading" };
                line(&format!("/s/{index}"), kind, &format!("run-{}", number / 30), number * 4 + index)
            })
            .collect();
        cache.store(number as u64, &worker, &lines);
    }
    cache
}

#[tokio::test]
async fn event_is_answered_as_it_was_sent() {
    let mut cache = WorkerCache::new();
    let sent =
        r#"{ "specversion":"1.0","id":"a\u0062","source":"/s","type":"t","data":[1.0, 1e5,"\u00e4ß"] }"#;
    let id = cache.store(0, "worker-0", &[sent.to_owned()]);
    let query = cache.query(&[]).await;
    let (status, text) = query.text(&format!("/v1/events/{id}.0")).await;
    assert_eq!(status, 200);
    assert_eq!(
        text,
        format!(
            r#"{{"position":"{id}.0","event":{sent},"accepted_at":"2026-03-01T12:00:00.000123Z","processed_at":"2026-03-01T12:00:00.002123Z","worker":"worker-0","arch":"amd64","work":{{"result":18446744073709551615,"duration_ns":1200}}}}"#
        )
    );
}

#[tokio::test]
async fn pages_walk_over_all_events() {
    let cache = filled();
    let query = cache.query(&[]).await;
    for (filter, expected) in [
        ("", 240),
        ("order=asc&", 240),
        ("type=alarm&", 60),
        ("runid=run-1&", 120),
        ("source=%2Fs%2F2&", 60),
        ("source=%2Fs%2F2&type=alarm&", 0),
        ("source=unknown&", 0),
        ("source=%2Fs%2F3&type=alarm&runid=run-0&order=asc&", 30),
        ("since=2026-03-01T12:00:10.000123Z&until=2026-03-01T12:00:20.000123Z&", 40),
    ] {
        let mut positions = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = query.answer(&format!("/v1/events?{filter}limit=17{cursor}")).await;
            let events = page["events"].as_array().expect("a list");
            positions.extend(events.iter().map(|event| event["position"].as_str().expect("text").to_owned()));
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(positions.len(), expected, "{filter}");
        let sorted = |a: &str, b: &str| {
            let parse = |text: &str| text.parse::<events::Position>().expect("a position");
            if filter.contains("order=asc") { parse(a) < parse(b) } else { parse(a) > parse(b) }
        };
        assert!(positions.windows(2).all(|pair| sorted(&pair[0], &pair[1])), "{filter}");
    }
}

#[tokio::test]
async fn newest_hundred_events_are_the_default() {
    let cache = filled();
    let page = cache.query(&[]).await.answer("/v1/events").await;
    assert_eq!(page["events"].as_array().map(Vec::len), Some(100));
    assert_eq!(page["events"][0]["position"], json!(format!("{}-0.3", START_MS + 59_000)));
    assert!(page["next"].is_string());
}

#[tokio::test]
async fn sources_show_their_latest_event() {
    let cache = filled();
    let query = cache.query(&[]).await;
    let page = query.answer("/v1/sources?limit=3").await;
    let expected = |index: u64| {
        json!({
            "source": format!("/s/{index}"),
            "events": 60,
            "last_position": format!("{}-0.{index}", START_MS + 59_000),
            "last_accepted_at": "2026-03-01T12:00:59.000123Z",
        })
    };
    assert_eq!(page, json!({"sources": [expected(0), expected(1), expected(2)], "next": "/s/2"}));
    let rest = query.answer("/v1/sources?limit=3&after=%2Fs%2F2").await;
    assert_eq!(rest, json!({"sources": [expected(3)], "next": null}));

    let latest = query.answer("/v1/sources/%2Fs%2F3/latest").await;
    assert_eq!(latest["event"]["sequence"], "239");
    assert_eq!(query.get("/v1/sources/%2Fs%2F4/latest").await.0, 404);
}

#[tokio::test]
async fn summary_adds_up_groups() {
    let cache = filled();
    let query = cache.query(&[]).await;
    let summary = query.answer("/v1/summary?by=type").await;
    assert_eq!(
        (&summary["by"], &summary["from"], &summary["to"]),
        (&json!("type"), &json!("2026-03-01T12:00:00.000123Z"), &json!("2026-03-01T12:00:59.000123Z"))
    );
    let groups = summary["groups"].as_array().expect("a list");
    let counts: Vec<_> = groups.iter().map(|group| (&group["key"], &group["events"])).collect();
    assert_eq!(counts, [(&json!("reading"), &json!(180)), (&json!("alarm"), &json!(60))]);
    let alarm = &groups[1];
    assert_eq!(alarm["value"], json!({"count": 60, "min": 3.5, "mean": 121.5, "max": 239.5}));
    assert_eq!(alarm["latency"]["max_ms"], 2.0);
    assert!((alarm["latency"]["p50_ms"].as_f64().expect("a number") - 2.0).abs() < 0.12, "{alarm}");
    assert_eq!(summary["total"]["events"], 240);
    let rate = summary["total"]["rate_per_s"].as_f64().expect("a number");
    assert!((rate - 240.0 / 59.0).abs() < 1e-9, "{rate}");

    for (by, keys) in [
        ("source", vec!["/s/0", "/s/1", "/s/2", "/s/3"]),
        ("worker", vec!["worker-0", "worker-1"]),
        ("arch", vec!["amd64", "arm64"]),
        ("minute", vec!["2026-03-01T12:00:00.000000Z"]),
    ] {
        let summary = query.answer(&format!("/v1/summary?by={by}")).await;
        let groups = summary["groups"].as_array().expect("a list");
        let found: Vec<_> = groups.iter().map(|group| group["key"].as_str().expect("text")).collect();
        assert_eq!(found, keys, "{by}");
    }
    let empty = query.answer("/v1/summary?since=2026-03-01T12:01:00Z").await;
    assert_eq!((&empty["total"]["events"], &empty["total"]["latency"]["p50_ms"]), (&json!(0), &json!(null)));
}

#[tokio::test]
async fn audit_lists_what_is_there() {
    let mut cache = WorkerCache::new();
    let run = |sequences: &[usize]| sequences.iter().map(|&n| line("/s", "t", "run", n)).collect::<Vec<_>>();
    cache.store(0, "worker-0", &run(&[0, 1, 2, 5, 6]));
    cache.store(1, "worker-0", &run(&[2]));
    let query = cache.query(&[]).await;
    let mut audit = query.answer("/v1/runs/run/audit").await;
    let reason = audit["reason"].take();
    assert_eq!(
        audit,
        json!({
            "runid": "run", "events": 6, "distinct": 5, "unnumbered": 0, "ranges": [[0, 2], [5, 6]],
            "duplicates": [{"sequence": 2, "positions": ["1772366400000-0.2", "1772366401000-0.0"]}],
            "duplicates_total": 1, "dead": [], "complete": false, "reason": null,
        })
    );
    assert!(reason.as_str().expect("a reason").contains("redis cannot be asked"), "{reason}");
    let unknown = query.answer("/v1/runs/un%20known/audit").await;
    assert_eq!((&unknown["runid"], &unknown["events"]), (&json!("un known"), &json!(0)));
}

#[tokio::test]
async fn cache_of_a_worker_is_waited_for() {
    let directory = temporary_directory();
    let query = Query::start(NO_REDIS, directory.path(), &["--cache-follow", "off"]).await;
    let (status, report) = query.get("/readyz").await;
    assert_eq!((status, &report["conditions"][0]["name"]), (503, &json!("cache")));
    assert_eq!(query.get("/v1/events").await.1["type"], "urn:testbed:problem:not-ready");

    let mut cache = WorkerCache::in_directory(directory);
    query.service.ready().await;
    cache.store(0, "worker-0", &[line("/s", "t", "run", 0)]);
    eventually("the event is there", async || {
        let page = query.answer("/v1/events").await;
        (page["events"].as_array().map(Vec::len) == Some(1)).then_some(())
    })
    .await;
}

use serde_json::{Value, json};
use test_support::RedisServer;

use crate::{answer, post, start_with_redis, stored};

fn event(id: &str) -> Value {
    json!({"specversion": "1.0", "id": id, "source": "/s", "type": "t", "data": {"b": 1.50, "a": [null]}})
}

async fn stored_events(redis: &RedisServer) -> Vec<Value> {
    stored(redis, 0)
        .await
        .iter()
        .map(|(_, line)| serde_json::from_str(line).expect("a line is JSON"))
        .collect()
}

#[tokio::test]
async fn structured_event_is_stored_and_its_position_answered() {
    let (redis, service) = start_with_redis(&[]).await;
    let body = event("a").to_string();
    let (status, receipt) = answer(post(&service, "application/cloudevents+json", body)).await;
    assert_eq!(status, 202, "{receipt}");
    let stored = stored(&redis, 0).await;
    assert_eq!(receipt, json!({"accepted": 1, "events": [{"id": "a", "position": stored[0].0}]}));
    let mut line: Value = serde_json::from_str(&stored[0].1).expect("JSON");
    let context =
        line.as_object_mut().expect("object").remove("traceparent").expect("every event carries a context");
    assert!(events::TraceContext::parse(context.as_str().expect("text")).is_some());
    assert_eq!(line, event("a"));
}

#[tokio::test]
async fn batch_lines_and_partial_events_are_stored_in_order() {
    let (redis, service) = start_with_redis(&[]).await;
    let batch = json!([event("1"), event("2")]).to_string();
    let partial = r#"[{"source": "/s", "type": "t"}]"#;
    let lines = "{\"source\": \"/s\", \"type\": \"t\", \"id\": \"4\"}\n\n{\"source\": \"/s\", \"type\": \"t\", \"id\": \"5\"}\n";
    assert_eq!(answer(post(&service, "application/cloudevents-batch+json", batch)).await.0, 202);
    assert_eq!(answer(post(&service, "application/json; charset=utf-8", partial)).await.0, 202);
    assert_eq!(answer(post(&service, "application/x-ndjson", lines)).await.0, 202);
    let events = stored_events(&redis).await;
    let ids: Vec<_> = events.iter().map(|event| event["id"].as_str().expect("id")).collect();
    assert_eq!((&ids[..2], &ids[3..]), (&["1", "2"][..], &["4", "5"][..]));
    assert_eq!(ids[2].len(), 36, "a UUID is filled in: {}", ids[2]);
    assert!(events[2]["time"].is_string());
}

#[tokio::test]
async fn binary_event_is_stored_with_its_headers() {
    let (redis, service) = start_with_redis(&[]).await;
    let request = post(&service, "application/json", "{\"value\": 2.0}")
        .header("ce-specversion", "1.0")
        .header("ce-id", "b%201")
        .header("ce-source", "/s")
        .header("ce-type", "t")
        .header("ce-runid", "r")
        .header("ce-sequence", "7");
    assert_eq!(answer(request).await.0, 202);
    let event = &stored_events(&redis).await[0];
    assert_eq!(
        (&event["id"], &event["sequence"], &event["data"]),
        (&json!("b 1"), &json!("7"), &json!({"value": 2.0}))
    );
}

#[tokio::test]
async fn context_of_the_request_goes_into_the_event() {
    let (redis, service) = start_with_redis(&[]).await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request =
        post(&service, "application/cloudevents+json", event("a").to_string()).header("traceparent", parent);
    assert_eq!(answer(request).await.0, 202);
    assert_eq!(stored_events(&redis).await[0]["traceparent"], parent);
}

#[tokio::test]
async fn events_are_spread_over_partitions_by_source() {
    let (redis, service) = start_with_redis(&["--partitions", "4"]).await;
    let events: Vec<_> = (0..40)
        .map(|n| json!({"specversion": "1.0", "id": n.to_string(), "source": format!("/s/{n}"), "type": "t"}))
        .collect();
    let request = post(&service, "application/cloudevents-batch+json", json!(events).to_string());
    let (status, receipt) = answer(request).await;
    assert_eq!(status, 202);
    for (n, receipt) in receipt["events"].as_array().expect("array").iter().enumerate() {
        let partition = events::partition_of(&format!("/s/{n}"), 4);
        let stored = stored(&redis, partition).await;
        let (_, line) =
            stored.iter().find(|(position, _)| *position == receipt["position"]).expect("stored there");
        assert!(line.contains(&format!("\"id\":\"{n}\"")), "{line}");
    }
}

#[tokio::test]
async fn refusals_name_index_and_field() {
    let (redis, service) = start_with_redis(&[]).await;
    let (batch, single) = ("application/cloudevents-batch+json", "application/cloudevents+json");
    let bad_time =
        json!([event("1"), {"specversion": "1.0", "id": "2", "source": "/s", "type": "t", "time": "now"}]);
    let no_source = json!({"specversion": "1.0", "id": "2", "type": "t"});
    let cases = [
        (batch, bad_time.to_string(), 422, "invalid-event", json!(1), json!("time")),
        (single, no_source.to_string(), 422, "invalid-event", json!(0), json!("source")),
        (single, r#"{"specversion":1}"#.to_owned(), 400, "malformed", json!(0), json!("specversion")),
        (batch, format!("[{},{{]", event("1")), 400, "malformed", json!(1), Value::Null),
        (batch, "{}".to_owned(), 400, "malformed", Value::Null, Value::Null),
        (batch, "[]".to_owned(), 400, "malformed", Value::Null, Value::Null),
        (
            "application/x-ndjson",
            "{\"source\":\"/s\",\"type\":\"t\"}\n{".to_owned(),
            400,
            "malformed",
            json!(1),
            Value::Null,
        ),
        ("text/plain", "x".to_owned(), 415, "unsupported-media-type", Value::Null, Value::Null),
        (
            "application/json; charset=latin1",
            "{}".to_owned(),
            415,
            "unsupported-media-type",
            Value::Null,
            Value::Null,
        ),
    ];
    for (content_type, body, status, kind, index, field) in cases {
        let (found, problem) = answer(post(&service, content_type, body.clone())).await;
        let expected = json!({"type": format!("urn:testbed:problem:{kind}"), "index": index, "field": field});
        let named = json!({"type": problem["type"], "index": problem["index"], "field": problem["field"]});
        assert_eq!((found, named), (status, expected), "{body}: {problem}");
    }
    assert!(stored(&redis, 0).await.is_empty(), "nothing of a refused request is stored");
}

//! Each place an event can be in, made in a real Redis with the codec of the services.

use super::*;
use events::entry::{DeadEntry, Fields as EntryFields, Outcome};
use test_support::RedisServer;

const RUN: &str = "run-1";

fn event(run: &str, sequence: u64) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"{run}-{sequence}","source":"/s","type":"t","runid":"{run}","sequence":"{sequence}"}}"#
    )
}

fn lines(sequences: &[u64]) -> String {
    sequences.iter().map(|sequence| event(RUN, *sequence)).collect::<Vec<_>>().join("\n")
}

fn entry(events: &str) -> EventsEntry<'_> {
    EventsEntry { count: events.lines().count(), accepted_us: 1, by: "ingest", events }
}

struct Streams {
    connection: MultiplexedConnection,
    keys: Keys,
}

impl Streams {
    async fn of(server: &RedisServer) -> Self {
        Self { connection: server.connection().await, keys: Keys::new(1) }
    }

    async fn add(&mut self, key: String, fields: EntryFields<'_>) -> EntryId {
        let mut command = redis::cmd("XADD");
        command.arg(key).arg("*");
        for (name, value) in &fields {
            command.arg(*name).arg(value.as_ref());
        }
        let id: String = command.query_async(&mut self.connection).await.unwrap();
        id.parse().unwrap()
    }

    async fn events(&mut self, sequences: &[u64]) -> EntryId {
        let text = lines(sequences);
        self.add(self.keys.events.clone(), entry(&text).fields()).await
    }

    async fn results(&mut self, id: EntryId, sequences: &[u64], outcomes: Vec<Option<Outcome>>) {
        let text = lines(sequences);
        let results = ResultsEntry {
            id,
            events: entry(&text),
            worker: "worker-1",
            arch: "amd64",
            processed_us: 2,
            outcomes,
        };
        self.add(self.keys.results.clone(), results.fields()).await;
    }

    async fn dead(&mut self, sequence: u64, reason: &str) {
        self.dead_at("1-0.0@1".into(), sequence, reason).await;
    }

    async fn dead_at(&mut self, position: String, sequence: u64, reason: &str) {
        let event = event(RUN, sequence);
        let dead = DeadEntry {
            position,
            reason,
            deliveries: 3,
            worker: "worker-1",
            at_us: 3,
            event: event.as_bytes(),
        };
        self.add(self.keys.dead.clone(), dead.fields()).await;
    }

    /// Gives the entries that are there to a worker.
    async fn deliver(&mut self, count: usize) {
        let create: redis::RedisResult<()> = redis::cmd("XGROUP")
            .arg(&["CREATE", &self.keys.events, GROUP, "0"])
            .query_async(&mut self.connection)
            .await;
        // The group may be there already.
        drop(create);
        let mut read = redis::cmd("XREADGROUP");
        read.arg("GROUP").arg(GROUP).arg("worker-1").arg("COUNT").arg(count).arg("STREAMS");
        read.arg(&self.keys.events).arg(">").query_async::<()>(&mut self.connection).await.unwrap();
    }

    async fn acknowledge(&mut self, id: EntryId) {
        let mut command = redis::cmd("XACK");
        command.arg(&self.keys.events).arg(GROUP).arg(id.to_string());
        command.query_async::<()>(&mut self.connection).await.unwrap();
    }
}

async fn all_copies(server: &RedisServer, sequences: &[u64]) -> Places {
    let sequences = sequences.iter().copied().collect();
    find(&server.config(), 2, RUN, &sequences).await.unwrap()
}

async fn places(server: &RedisServer, sequences: &[u64]) -> BTreeMap<u64, Place> {
    let found = all_copies(server, sequences).await;
    found.copies.keys().map(|sequence| (*sequence, found.furthest(*sequence).unwrap().clone())).collect()
}

#[tokio::test]
async fn every_place_is_told_from_the_others() {
    let server = RedisServer::start().await;
    let mut streams = Streams::of(&server).await;
    let [pending, acknowledged] = [streams.events(&[1, 2]).await, streams.events(&[3]).await];
    streams.deliver(2).await;
    streams.acknowledge(acknowledged).await;
    streams.events(&[4]).await;
    streams.results(pending, &[5, 6], vec![Some(Outcome::default()), None]).await;
    streams.dead(6, "data is not an object").await;
    let worker = || Place::Pending { consumer: "worker-1".into() };
    let expected = BTreeMap::from([
        (1, worker()),
        (2, worker()),
        (3, Place::Acknowledged),
        (4, Place::Undelivered),
        (5, Place::Published),
        (6, Place::Dead { reason: "data is not an object".into() }),
    ]);
    assert_eq!(places(&server, &[1, 2, 3, 4, 5, 6, 7]).await, expected);
}

#[tokio::test]
async fn only_what_is_looked_for_is_found() {
    let server = RedisServer::start().await;
    let mut streams = Streams::of(&server).await;
    let other = [event("other-run", 2), event(RUN, 1), "{}".to_owned()].join("\n");
    streams.add(streams.keys.events.clone(), entry(&other).fields()).await;
    streams.add(streams.keys.events.clone(), vec![("other", b"contract"[..].into())]).await;
    assert_eq!(places(&server, &[2, 3]).await, BTreeMap::new());
}

#[tokio::test]
async fn copies_of_an_event_that_was_sent_twice_are_told_apart() {
    let server = RedisServer::start().await;
    let mut streams = Streams::of(&server).await;
    let first = streams.events(&[1, 2]).await;
    streams.results(first, &[1, 2], vec![Some(Outcome::default()); 2]).await;
    streams.events(&[1]).await;
    let places = all_copies(&server, &[1, 2]).await;
    assert_eq!(places.furthest(1), Some(&Place::Published));
    assert_eq!(places.last_of_several(1), Some(&Place::Undelivered));
    assert_eq!(places.last_of_several(2), None);
}

#[tokio::test]
async fn dead_letter_is_the_copy_that_its_position_names() {
    let server = RedisServer::start().await;
    let mut streams = Streams::of(&server).await;
    let id = streams.events(&[6]).await;
    streams.dead_at(format!("{id}.0@1"), 6, "too often").await;
    let places = all_copies(&server, &[6]).await;
    assert_eq!(places.copies[&6].len(), 1, "{places:?}");
    assert_eq!(places.furthest(6), Some(&Place::Dead { reason: "too often".into() }));
}

#[tokio::test]
async fn streams_longer_than_a_page_are_read_to_their_end() {
    let server = RedisServer::start().await;
    let mut streams = Streams::of(&server).await;
    let last = 3 * PAGE_ENTRIES as u64;
    for sequence in 1..=last {
        streams.events(&[sequence]).await;
    }
    assert_eq!(places(&server, &[last]).await, BTreeMap::from([(last, Place::Undelivered)]));
}

#[tokio::test]
async fn empty_redis_holds_nothing() {
    let server = RedisServer::start().await;
    assert_eq!(places(&server, &[1]).await, BTreeMap::new());
}

//! A receiver that answers as a test wants, and remembers which events reached it.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use events::Event;
use measurement::SequenceSet;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What a receiver does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// 202 for all its events, of malformed requests for one.
    Accept,
    /// 202 for requests that are valid, 400 for others.
    AcceptValid,
    /// The same after a while.
    AcceptAfter(Duration),
    /// 202, and the end of the connection without saying so.
    AcceptAndClose,
    /// 202 for one event too few.
    AcceptFewer,
    /// A status with a body.
    Status(u16, String),
    /// A status, without waiting for the body of the request, and the end of the connection.
    StatusEarly(u16),
    /// These bytes, and the end of the connection.
    Raw(&'static str),
    /// The end of the connection.
    Close,
    /// Nothing, ever.
    Silence,
}

impl Answer {
    /// A problem of this project.
    pub(crate) fn problem(status: u16, kind: &str) -> Self {
        Self::Status(status, format!(r#"{{"type":"urn:testbed:problem:{kind}","status":{status}}}"#))
    }
}

type Behaviour = dyn Fn(u64) -> Answer + Send + Sync;

/// A running receiver; stops when dropped.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

struct State {
    behaviour: Box<Behaviour>,
    requests: AtomicU64,
    received: Mutex<Received>,
}

/// The events that reached a receiver.
#[derive(Debug, Default, Clone)]
pub(crate) struct Received {
    /// Their numbers.
    pub(crate) sequences: SequenceSet,
    /// Those that came twice.
    pub(crate) repeated: SequenceSet,
    /// How many came a third time.
    pub(crate) surplus: u64,
    /// Requests that came again with other bytes.
    pub(crate) altered: u64,
    /// Requests that are not valid events, whose numbers nobody knows.
    pub(crate) malformed: u64,
    /// Connections that were made.
    pub(crate) connections: u64,
    /// The bodies of requests by the number of their first event.
    bodies: HashMap<u64, Vec<u8>>,
}

impl Received {
    /// The events by their numbers.
    pub(crate) fn events(&self) -> BTreeMap<u64, serde_json::Value> {
        let all = self.bodies.values().flat_map(|body| values(body).unwrap());
        all.map(|value| (sequence(&value).unwrap(), value)).collect()
    }
}

impl Receiver {
    /// A receiver that answers its n-th request, from 0, by `behaviour`.
    pub(crate) async fn start(behaviour: impl Fn(u64) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), behaviour).await
    }

    pub(crate) async fn start_at(
        address: SocketAddr,
        behaviour: impl Fn(u64) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let state = Arc::new(State {
            behaviour: Box::new(behaviour),
            requests: AtomicU64::new(0),
            received: Mutex::default(),
        });
        let address = listener.local_addr().unwrap();
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self { address, state, accepting }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn received(&self) -> Received {
        self.state.received.lock().unwrap().clone()
    }

    /// Closes everything, and says later what was received: connections take a moment to end.
    pub(crate) fn stop(self) -> impl FnOnce() -> Received {
        let state = Arc::clone(&self.state);
        move || state.received.lock().unwrap().clone()
    }

    pub(crate) fn requests(&self) -> u64 {
        self.state.requests.load(Ordering::Relaxed)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    // Dropped, and with it every connection, when the receiver is.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        state.received.lock().unwrap().connections += 1;
        connections.spawn(serve(stream, Arc::clone(&state)));
    }
}

/// Serves a connection until it breaks or an answer ends it.
async fn serve(mut stream: TcpStream, state: Arc<State>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut buffer = Vec::new();
    loop {
        let (head_length, body_length) = loop {
            if let Some(lengths) = lengths(&buffer) {
                break lengths;
            }
            fill(&mut stream, &mut buffer).await?;
        };
        let answer = (state.behaviour)(state.requests.fetch_add(1, Ordering::Relaxed));
        if let Answer::StatusEarly(status) = answer {
            stream.write_all(response(status, "").as_bytes()).await.ok()?;
            return None;
        }
        while buffer.len() < head_length + body_length {
            fill(&mut stream, &mut buffer).await?;
        }
        let events = state.remember(&buffer[head_length..head_length + body_length]);
        buffer.drain(..head_length + body_length);
        let answer = match (answer, events) {
            (Answer::AcceptValid, None) => Answer::problem(400, "invalid-event"),
            (answer, _) => answer,
        };
        let events = events.unwrap_or(1);
        let text = match answer {
            Answer::Accept | Answer::AcceptValid => confirmation(events),
            Answer::AcceptAfter(delay) => {
                tokio::time::sleep(delay).await;
                confirmation(events)
            }
            Answer::AcceptAndClose => {
                stream.write_all(confirmation(events).as_bytes()).await.ok()?;
                return None;
            }
            Answer::AcceptFewer => confirmation(events - 1),
            Answer::Status(status, body) => response(status, &body),
            Answer::Raw(text) => {
                stream.write_all(text.as_bytes()).await.ok()?;
                return None;
            }
            Answer::Silence => std::future::pending().await,
            Answer::Close | Answer::StatusEarly(_) => return None,
        };
        stream.write_all(text.as_bytes()).await.ok()?;
    }
}

async fn fill(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    (stream.read_buf(buffer).await.ok()? > 0).then_some(())
}

/// The lengths of head and body once the head is complete.
fn lengths(buffer: &[u8]) -> Option<(usize, usize)> {
    let head_length = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&buffer[..head_length]).unwrap();
    assert!(head.starts_with("POST /v1/events HTTP/1.1\r\n"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap();
    Some((head_length, length.trim().parse().unwrap()))
}

fn confirmation(events: u64) -> String {
    response(202, &format!(r#"{{"accepted":{events},"events":[]}}"#))
}

fn response(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

impl State {
    /// How many events a body has; none where it is malformed.
    fn remember(&self, body: &[u8]) -> Option<u64> {
        let sequences = sequences(body);
        let mut received = self.received.lock().unwrap();
        let Some(sequences) = sequences else {
            received.malformed += 1;
            return None;
        };
        for sequence in &sequences {
            if !received.sequences.insert(*sequence) && !received.repeated.insert(*sequence) {
                received.surplus += 1;
            }
        }
        let before = received.bodies.insert(sequences[0], body.to_owned());
        if before.is_some_and(|before| before != body) {
            received.altered += 1;
        }
        Some(sequences.len() as u64)
    }
}

/// The numbers of the events of a body; none where one of them is not valid.
fn sequences(body: &[u8]) -> Option<Vec<u64>> {
    values(body)?.iter().map(sequence).collect()
}

fn values(body: &[u8]) -> Option<Vec<serde_json::Value>> {
    let text = std::str::from_utf8(body).ok()?;
    match serde_json::from_str(text) {
        Ok(serde_json::Value::Array(events)) => Some(events),
        Ok(event) => Some(vec![event]),
        Err(_) => text.lines().map(serde_json::from_str).collect::<Result<_, _>>().ok(),
    }
}

fn sequence(value: &serde_json::Value) -> Option<u64> {
    Event::parse(&value.to_string()).ok()?.sequence
}

//! Forwarded ports: kubelet's `portForward` over WebSocket, protocol `v4.channel.k8s.io`.
//!
//! The API server passes the upgrade on as it is. A port has two channels, for data and for an error; the first byte
//! of a message is its channel, the first message of each channel from here is the port, little-endian.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::{Bytes, Message, protocol::Role};

use crate::logs::Logs;

const PROTOCOL: &str = "v4.channel.k8s.io";
/// Messages on the way to the client; more would only be buffered here instead of in the socket.
const QUEUE: usize = 16;
/// Of one message; kubelet copies in blocks of this size.
const BLOCK: usize = 32 * 1024;

#[derive(serde::Deserialize)]
pub(crate) struct PortParameters {
    /// Separated by commas.
    #[serde(default)]
    port: String,
}

pub(crate) async fn port_forward(
    State(logs): State<Arc<Logs>>,
    Path((namespace, pod)): Path<(String, String)>,
    Query(parameters): Query<PortParameters>,
    mut request: Request,
) -> Response {
    let Some(served) = logs.ports(&namespace, &pod) else {
        return (StatusCode::NOT_FOUND, format!("pod \"{pod}\" not found")).into_response();
    };
    let ports: Option<Vec<u16>> = parameters.port.split(',').map(|port| port.parse().ok()).collect();
    let (Some(ports), Some(accept)) = (ports, accept_key(request.headers())) else {
        let text = format!("only WebSocket with {PROTOCOL} and the parameter port is served here");
        return (StatusCode::BAD_REQUEST, text).into_response();
    };
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(forward(upgrade, ports, served, pod));
    let headers = [
        (header::UPGRADE, "websocket"),
        (header::CONNECTION, "Upgrade"),
        (header::SEC_WEBSOCKET_ACCEPT, accept.as_str()),
        (header::SEC_WEBSOCKET_PROTOCOL, PROTOCOL),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers, Body::empty()).into_response()
}

/// The answer to a request for an upgrade, by RFC 6455.
fn accept_key(headers: &HeaderMap) -> Option<String> {
    let offers = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let offered = offers.iter().filter_map(|value| value.to_str().ok());
    offered.flat_map(|value| value.split(',')).find(|protocol| protocol.trim() == PROTOCOL)?;
    Some(derive_accept_key(headers.get(header::SEC_WEBSOCKET_KEY)?.as_bytes()))
}

/// Ends when a served side has closed its connection, or the client has gone.
async fn forward(upgrade: OnUpgrade, ports: Vec<u16>, served: HashMap<u16, SocketAddr>, pod: String) {
    let Ok(upgraded) = upgrade.await else { return };
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
    let (mut sink, mut stream) = socket.split();
    let (sender, mut receiver) = mpsc::channel::<Message>(QUEUE);
    let mut writers = Vec::new();
    for (index, port) in ports.into_iter().enumerate() {
        let Ok(channel) = u8::try_from(2 * index) else { return };
        writers.push(open(channel, port, served.get(&port), &pod, &sender).await);
    }
    // Each connection holds its own; the last of them to end closes the socket.
    drop(sender);
    loop {
        tokio::select! {
            message = receiver.recv() => match message {
                Some(message) => if sink.send(message).await.is_err() { return },
                // The client may be gone already.
                None => return drop(sink.close().await),
            },
            message = stream.next() => match message {
                Some(Ok(Message::Binary(bytes))) => {
                    let Some((channel, data)) = bytes.split_first() else { continue };
                    let writer = writers.get_mut(usize::from(channel / 2)).and_then(Option::as_mut);
                    if let Some(writer) = writer && writer.write_all(data).await.is_err() {
                        return drop(sink.close().await);
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
        }
    }
}

/// Connects to what serves the port and passes on what it sends; an error goes into the channel beside.
async fn open(
    channel: u8,
    port: u16,
    address: Option<&SocketAddr>,
    pod: &str,
    sender: &mpsc::Sender<Message>,
) -> Option<OwnedWriteHalf> {
    for channel in [channel, channel + 1] {
        sender.send(message(channel, &port.to_le_bytes())).await.ok()?;
    }
    let connection = match address {
        Some(address) => TcpStream::connect(address).await.map_err(|error| error.to_string()),
        None => Err(format!("dial tcp4 127.0.0.1:{port}: connect: connection refused")),
    };
    let stream = match connection {
        Ok(stream) => stream,
        Err(error) => {
            let text = format!(
                "error forwarding port {port} to pod {pod}: failed to connect to localhost:{port}: {error}"
            );
            sender.send(message(channel + 1, text.as_bytes())).await.ok()?;
            return None;
        }
    };
    let (mut reader, writer) = stream.into_split();
    let sender = sender.clone();
    tokio::spawn(async move {
        let mut block = vec![0; BLOCK];
        while let Ok(length @ 1..) = reader.read(&mut block).await {
            if sender.send(message(channel, &block[..length])).await.is_err() {
                return;
            }
        }
    });
    Some(writer)
}

fn message(channel: u8, data: &[u8]) -> Message {
    Message::Binary(Bytes::from([&[channel], data].concat()))
}

//! Asks one pod over HTTP, through the API server: one connection that is kept, so that looking at a pod each second is little
//! work for the control plane.

use anyhow::{Context, ensure};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// `/statz` has some kilobytes.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Asks one pod.
pub(super) struct PodClient {
    pods: Api<Pod>,
    name: String,
    port: u16,
    sender: Option<SendRequest<Empty<Bytes>>>,
}

impl PodClient {
    pub(super) fn new(pods: Api<Pod>, name: &str, port: u16) -> Self {
        Self { pods, name: name.to_owned(), port, sender: None }
    }

    /// The JSON answer of `GET path`.
    ///
    /// # Errors
    /// No answer within `timeout`, or another one than JSON with 200. The next question opens a new connection.
    pub(super) async fn get_json<T: DeserializeOwned>(
        &mut self,
        path: &str,
        timeout: Duration,
    ) -> anyhow::Result<T> {
        let answer = match tokio::time::timeout(timeout, self.ask(path)).await {
            Ok(answer) => answer,
            Err(_) => Err(anyhow::anyhow!("no answer within {} ms", timeout.as_millis())),
        };
        if answer.is_err() {
            self.sender = None;
        }
        answer.with_context(|| format!("the pod {} does not tell {path}", self.name))
    }

    async fn ask<T: DeserializeOwned>(&mut self, path: &str) -> anyhow::Result<T> {
        let mut sender = match self.sender.take().filter(|sender| !sender.is_closed()) {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        sender.ready().await?;
        let request = Request::get(path).header(HOST, self.name.as_str()).body(Empty::new())?;
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!("{error}"))?.to_bytes();
        self.sender = Some(sender);
        ensure!(status == StatusCode::OK, "it answers {status}");
        Ok(serde_json::from_slice(&body)?)
    }

    async fn connect(&self) -> anyhow::Result<SendRequest<Empty<Bytes>>> {
        let mut forwarder = self.pods.portforward(&self.name, &[self.port]).await?;
        let stream = forwarder.take_stream(self.port).context("the API server opened no stream")?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            // It ends when nobody asks any more; how is told to who asks.
            connection.await.unwrap_or_default();
            forwarder.abort();
        });
        Ok(sender)
    }
}

//! A receiver of OTLP over gRPC and HTTP that keeps what it gets.

use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use opentelemetry_proto::tonic::collector::logs::v1 as logs;
use opentelemetry_proto::tonic::collector::metrics::v1 as metrics;
use opentelemetry_proto::tonic::collector::trace::v1 as traces;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use test_support::Running;
use tonic::codec::CompressionEncoding;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// What the receiver does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Accept,
    /// Takes it and never answers.
    Hang,
    /// UNAVAILABLE over gRPC, 429 over HTTP.
    Refuse,
}

/// What has arrived. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Received {
    behaviour: Behaviour,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) spans: Vec<Span>,
    pub(crate) records: Vec<LogRecord>,
    pub(crate) metric_names: Vec<String>,
    /// Attributes of the last resource of each signal.
    pub(crate) resources: HashMap<&'static str, BTreeMap<String, String>>,
    /// Headers of the last request of each signal.
    pub(crate) headers: HashMap<&'static str, BTreeMap<String, String>>,
    pub(crate) requests: usize,
}

/// A running receiver.
pub(crate) struct Collector {
    pub(crate) received: Received,
    pub(crate) url: String,
    _running: Running,
}

impl Collector {
    pub(crate) async fn http(behaviour: Behaviour) -> Self {
        let received = Received::new(behaviour);
        let router = Router::new().fallback(receive).with_state(received.clone());
        let running = Running::start(|listener, shutdown| async move {
            tokio::select! {
                served = axum::serve(listener, router) => Ok(served?),
                () = shutdown.cancelled() => Ok(()),
            }
        })
        .await;
        Self { received, url: running.url(""), _running: running }
    }

    pub(crate) async fn grpc(behaviour: Behaviour) -> Self {
        let received = Received::new(behaviour);
        let gzip = CompressionEncoding::Gzip;
        let server = tonic::transport::Server::builder()
            .add_service(
                traces::trace_service_server::TraceServiceServer::new(received.clone())
                    .accept_compressed(gzip),
            )
            .add_service(
                metrics::metrics_service_server::MetricsServiceServer::new(received.clone())
                    .accept_compressed(gzip),
            )
            .add_service(
                logs::logs_service_server::LogsServiceServer::new(received.clone()).accept_compressed(gzip),
            );
        let running = Running::start(|listener, shutdown| async move {
            tokio::select! {
                served = server.serve_with_incoming(TcpIncoming::from(listener)) => Ok(served?),
                () = shutdown.cancelled() => Ok(()),
            }
        })
        .await;
        Self { received, url: running.url(""), _running: running }
    }
}

impl Received {
    fn new(behaviour: Behaviour) -> Self {
        Self { behaviour, kept: Arc::default() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().expect("lock")
    }

    /// Counts a request; false where it is to be refused.
    async fn arrives(&self, signal: &'static str, headers: BTreeMap<String, String>) -> bool {
        {
            let mut kept = self.lock();
            kept.requests += 1;
            kept.headers.insert(signal, headers);
        }
        if self.behaviour == Behaviour::Hang {
            std::future::pending::<()>().await;
        }
        self.behaviour == Behaviour::Accept
    }

    fn keep_traces(&self, request: traces::ExportTraceServiceRequest) {
        let mut kept = self.lock();
        for group in request.resource_spans {
            kept.resources.insert("traces", attributes(group.resource));
            kept.spans.extend(group.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }

    fn keep_metrics(&self, request: metrics::ExportMetricsServiceRequest) {
        let mut kept = self.lock();
        for group in request.resource_metrics {
            kept.resources.insert("metrics", attributes(group.resource));
            let metrics = group.scope_metrics.into_iter().flat_map(|scope| scope.metrics);
            kept.metric_names.extend(metrics.map(|metric| metric.name));
        }
    }

    fn keep_logs(&self, request: logs::ExportLogsServiceRequest) {
        let mut kept = self.lock();
        for group in request.resource_logs {
            kept.resources.insert("logs", attributes(group.resource));
            kept.records.extend(group.scope_logs.into_iter().flat_map(|scope| scope.log_records));
        }
    }
}

async fn receive(
    State(received): State<Received>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Vec<u8>) {
    let signal = match uri.path() {
        "/v1/traces" => "traces",
        "/v1/metrics" => "metrics",
        "/v1/logs" => "logs",
        _ => return (StatusCode::NOT_FOUND, Vec::new()),
    };
    let texts = headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes())));
    if !received.arrives(signal, texts.collect()).await {
        return (StatusCode::TOO_MANY_REQUESTS, Vec::new());
    }
    let mut bytes = body.to_vec();
    if headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip") {
        bytes.clear();
        flate2::read::GzDecoder::new(body.as_ref()).read_to_end(&mut bytes).expect("gzip");
    }
    match signal {
        "traces" => received.keep_traces(Message::decode(bytes.as_slice()).expect("a request")),
        "metrics" => received.keep_metrics(Message::decode(bytes.as_slice()).expect("a request")),
        _ => received.keep_logs(Message::decode(bytes.as_slice()).expect("a request")),
    }
    (StatusCode::OK, Vec::new())
}

#[tonic::async_trait]
impl traces::trace_service_server::TraceService for Received {
    async fn export(
        &self,
        request: Request<traces::ExportTraceServiceRequest>,
    ) -> Result<Response<traces::ExportTraceServiceResponse>, Status> {
        let headers = metadata(&request);
        if !self.arrives("traces", headers).await {
            return Err(Status::unavailable("refused"));
        }
        self.keep_traces(request.into_inner());
        Ok(Response::new(traces::ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl metrics::metrics_service_server::MetricsService for Received {
    async fn export(
        &self,
        request: Request<metrics::ExportMetricsServiceRequest>,
    ) -> Result<Response<metrics::ExportMetricsServiceResponse>, Status> {
        let headers = metadata(&request);
        if !self.arrives("metrics", headers).await {
            return Err(Status::unavailable("refused"));
        }
        self.keep_metrics(request.into_inner());
        Ok(Response::new(metrics::ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl logs::logs_service_server::LogsService for Received {
    async fn export(
        &self,
        request: Request<logs::ExportLogsServiceRequest>,
    ) -> Result<Response<logs::ExportLogsServiceResponse>, Status> {
        let headers = metadata(&request);
        if !self.arrives("logs", headers).await {
            return Err(Status::unavailable("refused"));
        }
        self.keep_logs(request.into_inner());
        Ok(Response::new(logs::ExportLogsServiceResponse::default()))
    }
}

fn metadata<T>(request: &Request<T>) -> BTreeMap<String, String> {
    let headers = request.metadata().clone().into_headers();
    headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect()
}

fn attributes(resource: Option<Resource>) -> BTreeMap<String, String> {
    let attributes = resource.expect("every export has a resource").attributes;
    let value = |value| match value {
        Some(Value::StringValue(text)) => text,
        other => format!("{other:?}"),
    };
    attributes.into_iter().map(|pair| (pair.key, value(pair.value.and_then(|value| value.value)))).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

//! Serves a router with the bounds that `axum::serve` lacks: header timeout, connection limit, bounded drain.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use observability::Outage;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::backoff::Backoff;
use crate::config::HttpConfig;
use crate::health::Readiness;

/// Accepts connections until `shutdown`, then reports not ready, goes on for the drain delay, stops accepting, and
/// waits for the requests in flight up to the drain timeout.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    config: &HttpConfig,
    readiness: &Readiness,
    shutdown: CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(config.connections_max));
    let accepting = async {
        let outage = Outage::new("accepting connections");
        let mut backoff = Backoff::default();
        loop {
            // The semaphore is never closed.
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, _)) => {
                    outage.recovered();
                    backoff.reset();
                    serve_connection(stream, slot, router.clone(), config, &graceful);
                }
                // Out of file descriptors, mostly: the connections that end will free some.
                Err(error) => {
                    outage.failed(&error);
                    sleep(backoff.next_delay()).await;
                }
            }
        }
    };
    let stop = async {
        shutdown.cancelled().await;
        readiness.begin_shutdown();
        sleep(config.drain_delay).await;
    };
    tokio::select! {
        () = accepting => {}
        () = stop => {}
    }
    drop(listener);
    if timeout(config.drain_timeout, graceful.shutdown()).await.is_err() {
        tracing::warn!(
            connections = config.connections_max - slots.available_permits(),
            "drain timeout, connections cut"
        );
    }
}

fn serve_connection(
    stream: TcpStream,
    slot: OwnedSemaphorePermit,
    router: Router,
    config: &HttpConfig,
    graceful: &GracefulShutdown,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "connection is gone already");
        return;
    }
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move { Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|never| match never {})) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout)
        .serve_connection(TokioIo::new(stream), service);
    let watched = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = watched.await {
            tracing::debug!(%error, "connection ended early");
        }
        drop(slot);
    });
}

//! The bound in front of the SDK's batch processors, whose own queue has the same size and so is never full first.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::logs::Severity;
use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogProcessor, SdkLogRecord};
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use super::Signal;

/// Passes on what the queue has room for; counts and drops the rest.
#[derive(Debug)]
pub(crate) struct BoundedQueue<P> {
    inner: P,
    signal: Signal,
    is_closed: AtomicBool,
}

impl<P> BoundedQueue<P> {
    /// `limit` is the size of the queue of `inner`.
    pub(crate) fn new(inner: P, signal: Signal, limit: usize) -> Self {
        signal.delivery().set_queue_limit(limit);
        Self { inner, signal, is_closed: AtomicBool::new(false) }
    }

    fn takes(&self, links: usize) -> bool {
        let delivery = self.signal.delivery();
        if self.is_closed.load(Ordering::Relaxed) {
            delivery.drop_one();
            return false;
        }
        delivery.enqueue(links)
    }
}

impl<P: SpanProcessor> SpanProcessor for BoundedQueue<P> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.inner.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if self.takes(span.links.len()) {
            self.inner.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.is_closed.store(true, Ordering::Relaxed);
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<P: LogProcessor> LogProcessor for BoundedQueue<P> {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        if self.takes(0) {
            self.inner.emit(record, scope);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.is_closed.store(true, Ordering::Relaxed);
        self.inner.shutdown_with_timeout(timeout)
    }

    fn event_enabled(&self, level: Severity, target: &str, name: Option<&str>) -> bool {
        self.inner.event_enabled(level, target, name)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

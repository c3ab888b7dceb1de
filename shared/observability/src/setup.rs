//! Starts and stops telemetry: logs on standard output, and OTLP export of all three signals.
//!
//! Exporters are built inside a runtime of their own. It has one thread, on which nothing is traced, logged or counted.

mod arguments;
mod destination;
mod export;
mod plan;
mod resource;
pub(crate) mod subscriber;

use std::panic::resume_unwind;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use tokio::runtime::Runtime;

pub use self::arguments::{BatchArgs, KubernetesArgs, LogFormat, OtlpArgs, TelemetryArgs, TelemetryMode};
use self::export::Providers;
use self::plan::Plan;
pub use self::resource::Identity;
pub use self::subscriber::LogOutput;

/// Longest wait for the last export, of all signals together; a collector that is down must not hold up a shutdown.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// About a tenth of a processor that is fully wanted: enough for metrics, which are wanted most when it is.
const NICENESS: i32 = 10;

/// Telemetry could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// A variable has a value that is not understood.
    #[error("{variable}: {message}")]
    Setting { variable: &'static str, message: String },
    #[error("telemetry runtime: {0}")]
    Runtime(#[from] std::io::Error),
    #[error("otlp exporter: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    #[error("log subscriber: {0}")]
    Subscriber(#[from] tracing_subscriber::util::TryInitError),
}

/// Running telemetry. [`Telemetry::shutdown`] sends what is left.
#[must_use = "dropping it loses what has not been exported"]
#[derive(Debug)]
pub struct Telemetry {
    providers: Providers,
    /// Transports run here and not on the service's runtime, so that shutdown can wait for them.
    runtime: Option<Runtime>,
    plan: Plan,
}

/// Starts logging and export. Call once, before any instrument is made, from outside of async code.
///
/// # Errors
/// A setting that is not understood, or an exporter that cannot be built. A collector that does not answer is no error.
pub fn init(
    identity: &Identity,
    args: &TelemetryArgs,
    output: LogOutput,
) -> Result<Telemetry, TelemetryError> {
    let plan = Plan::new(args, output)?;
    let (mut runtime, mut providers) = (None, Providers::default());
    if plan.exports() {
        let started = telemetry_runtime()?;
        let resource = resource::resource(identity, &args.kubernetes);
        providers = in_background(|| {
            let _entered = started.enter();
            export::start(&plan, &resource)
        })?;
        runtime = Some(started);
    }
    subscriber::start(args, output, providers.logger.as_ref())?;
    Ok(Telemetry { providers, runtime, plan })
}

impl Telemetry {
    /// What is exported, how and where to, for the log of the start; without credentials.
    pub fn effective(&self) -> String {
        self.plan.to_string()
    }

    /// Exports what is left, within three seconds. Call from outside of async code.
    pub fn shutdown(self) {
        crate::log::report_suppressed();
        // From here on lines go to the console only.
        let _suppressed = Context::enter_telemetry_suppressed_scope();
        let Providers { tracer, logger, meter } = self.providers;
        let (sender, ended) = sync_channel(3);
        let mut waiting = 0;
        if let Some(tracer) = tracer {
            waiting += end("traces", &sender, move || tracer.shutdown_with_timeout(FLUSH_TIMEOUT));
        }
        if let Some(logger) = logger {
            waiting += end("logs", &sender, move || logger.shutdown_with_timeout(FLUSH_TIMEOUT));
        }
        if let Some(meter) = meter {
            waiting += end("metrics", &sender, move || meter.shutdown_with_timeout(FLUSH_TIMEOUT));
        }
        let deadline = Instant::now() + FLUSH_TIMEOUT;
        for _ in 0..waiting {
            match ended.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok((_, Ok(()))) => {}
                Ok((signal, Err(error))) => {
                    tracing::warn!(target: crate::log::LIFECYCLE, signal, %error, "telemetry was not flushed");
                }
                Err(_) => {
                    tracing::warn!(target: crate::log::LIFECYCLE, "telemetry was not flushed in time");
                    break;
                }
            }
        }
        if let Some(runtime) = self.runtime {
            runtime.shutdown_background();
        }
    }
}

/// Ends one signal on a thread of its own, because some of the SDK's shutdowns do not keep their timeout. Gives the
/// number of answers to wait for.
fn end(
    signal: &'static str,
    sender: &SyncSender<(&'static str, OTelSdkResult)>,
    shutdown: impl FnOnce() -> OTelSdkResult + Send + 'static,
) -> usize {
    let sender = sender.clone();
    let spawned = thread::Builder::new().name(format!("flush-{signal}")).spawn(move || {
        let _suppressed = Context::enter_telemetry_suppressed_scope();
        // Nobody listens any more once the wait is over.
        sender.send((signal, shutdown())).ok();
    });
    match spawned {
        Ok(_) => 1,
        Err(error) => {
            tracing::warn!(target: crate::log::LIFECYCLE, signal, %error, "telemetry was not flushed");
            0
        }
    }
}

/// Runs on a thread of low priority, which the threads that are started there inherit.
fn in_background<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let background = || {
        yield_to_others();
        work()
    };
    thread::scope(|scope| scope.spawn(background).join().unwrap_or_else(|panic| resume_unwind(panic)))
}

/// From now on this thread gets little of a processor that others want as well: where there is not enough for both, the
/// program's work comes before the reports about it.
pub fn yield_to_others() {
    // Elsewhere it would be the whole process.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "reports are made at the priority of the program's work");
    }
}

/// One thread on which nothing is traced, logged or counted.
fn telemetry_runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("telemetry")
        .on_thread_start(|| {
            yield_to_others();
            std::mem::forget(Context::enter_telemetry_suppressed_scope());
        })
        .enable_all()
        .build()
}

//! The sampler, which is asked before anything is made.

use std::sync::OnceLock;

use events::TraceContext;
use opentelemetry::global::{self, BoxedTracer};

/// The sampler of `OTEL_TRACES_SAMPLER`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sampling {
    pub(crate) parent_based: bool,
    /// Share of the traces without a decided parent, 0 to 1.
    pub(crate) ratio: f64,
}

/// What makes spans, and when.
pub(super) struct Tracing {
    pub(super) sampling: Sampling,
    pub(super) tracer: BoxedTracer,
}

static TRACING: OnceLock<Tracing> = OnceLock::new();

/// From now on spans are made, by the global provider of this moment. Without this call none is, and contexts are
/// only passed on.
pub(crate) fn enable(sampling: Sampling) {
    // A second call in one process keeps the first sampler: there is one global provider.
    TRACING.get_or_init(|| Tracing { sampling, tracer: global::tracer("testbed") });
}

pub(super) fn tracing() -> Option<&'static Tracing> {
    TRACING.get()
}

/// Whether this process makes spans at all.
pub fn is_enabled() -> bool {
    TRACING.get().is_some()
}

/// Whether this process makes spans that continue a context.
pub fn samples(context: TraceContext) -> bool {
    tracing().is_some_and(|tracing| tracing.sampling.continues(context))
}

/// The context of an event, where this process makes spans that continue it.
pub fn sampled(traceparent: &str) -> Option<TraceContext> {
    let sampling = tracing()?.sampling;
    if sampling.parent_based {
        return TraceContext::parse_sampled(traceparent);
    }
    TraceContext::parse(traceparent).filter(|context| sampling.continues(*context))
}

impl Sampling {
    /// A sampler that does not follow the parent decides by the id of the trace, as every other one with its ratio
    /// does. Source: <https://opentelemetry.io/docs/specs/otel/trace/sdk/#traceidratiobased>.
    pub(super) fn continues(self, parent: TraceContext) -> bool {
        const IDS: f64 = (1_u64 << 63) as f64;
        if self.parent_based {
            return parent.sampled;
        }
        self.ratio >= 1.0 || ((parent.trace_id as u64 >> 1) as f64) < self.ratio * IDS
    }

    /// The decision for a new trace.
    pub(super) fn begins(self) -> bool {
        self.ratio > 0.0 && (self.ratio >= 1.0 || rand::random::<f64>() < self.ratio)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: TraceContext = TraceContext { trace_id: 7, span_id: 9, sampled: true };

    #[test]
    fn parent_decides_where_the_sampler_follows_it() {
        let sampling = Sampling { parent_based: true, ratio: 0.0 };
        assert!(sampling.continues(PARENT));
        assert!(!sampling.continues(TraceContext { sampled: false, ..PARENT }));
        assert!(!sampling.begins());
        assert!(Sampling { parent_based: true, ratio: 1.0 }.begins());
    }

    #[test]
    fn trace_decides_where_the_sampler_does_not_follow_its_parent() {
        let continues = |ratio, trace_id| {
            Sampling { parent_based: false, ratio }.continues(TraceContext { trace_id, ..PARENT })
        };
        assert!(!continues(0.0, 7));
        assert!(continues(0.5, 7) && !continues(0.5, u128::MAX));
        assert!(continues(1.0, u128::MAX));
    }
}

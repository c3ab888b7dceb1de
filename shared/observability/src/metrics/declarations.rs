//! Every metric of the testbed: its name, unit, labels and meaning, who exports it and when it exists.

mod table;

use self::table::SPECS;

/// A metric; [`Metric::spec`] describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    HttpRequestDuration,
    HttpRequestsActive,
    IngestEventsAccepted,
    IngestRequestsRefused,
    IngestEntriesWritten,
    IngestQueueEvents,
    IngestQueueUsage,
    IngestQueueLimit,
    IngestWritesInFlight,
    IngestBacklogEvents,
    IngestBacklogLimit,
    IngestWriteDuration,
    IngestWriteEvents,
    WorkerEntriesReceived,
    WorkerEventsProcessed,
    WorkerEventsRetried,
    WorkerEventsDeadLettered,
    WorkerEventsDuplicate,
    WorkerEntriesSettled,
    WorkerEntriesSuperseded,
    WorkerEntriesTrimmed,
    WorkerEntriesInFlight,
    WorkerQueueBatches,
    WorkerQueueLimit,
    WorkerLeaseHeld,
    WorkerBatchEvents,
    WorkerQueueDuration,
    WorkerProcessDuration,
    WorkerWorkDuration,
    WorkerSettleDuration,
    WorkerEventDuration,
    StreamEntries,
    StreamPendingEntries,
    StreamPendingAge,
    StreamConsumerPendingEntries,
    RedisReconnects,
    CacheCommitDuration,
    CacheCheckpointDuration,
    CacheRows,
    CacheSize,
    CacheWalSize,
    QueryEventsStored,
    QueryEntriesFollowed,
    QueryBatchEvents,
    QueryFreshness,
    QueryCaughtUp,
    QueryQueueBatches,
    QueryQueueLimit,
    ProcessCpuTime,
    ProcessMemoryUsage,
    ProcessFileDescriptors,
    ProcessThreads,
    ProcessContextSwitches,
    ContainerThrottledTime,
    TokioWorkers,
    TokioBusyTime,
    TokioTasks,
    TokioQueue,
    SystemCpuTime,
    SystemCpuFrequency,
    SystemTemperature,
    SystemThermalThrottles,
    SystemThrottled,
    SystemPressureStallTime,
    SystemMemoryAvailable,
    TelemetryExported,
    TelemetryFailed,
    TelemetryDropped,
    TelemetryQueueItems,
    TelemetryQueueLimit,
    TelemetryExportDuration,
    LogLines,
    LogLinesSuppressed,
    SimulatorEventsSent,
    SimulatorEventsAccepted,
    SimulatorEventsRefused,
    SimulatorEventsUnknown,
    SimulatorEventsUnsent,
    SimulatorEventsRepeated,
    SimulatorEventsMalformed,
    SimulatorRequestsLate,
    SimulatorRequestsInFlight,
    SimulatorConnections,
    SimulatorRatePlanned,
    SimulatorProbes,
    SimulatorPhase,
    SimulatorResponseDuration,
    SimulatorServiceDuration,
    SimulatorSendLateness,
    SimulatorProbeDuration,
}

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// The value of the moment.
    Gauge,
    /// A distribution; of seconds where the unit is `s`.
    Histogram,
}

/// When a series of a metric exists. Where it should and does not, something is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// From the start of the service, with value 0.
    FromStart,
    /// On the one worker that holds the lease of the partition.
    WithLease,
    /// Once it has happened.
    OnOccurrence,
    /// On machines that measure it.
    WhereMeasured,
}

/// The declaration of a metric.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    pub metric: Metric,
    pub kind: Kind,
    /// OpenTelemetry name.
    pub name: &'static str,
    /// UCUM, with `{annotation}` for counts.
    pub unit: &'static str,
    /// Names of all labels that a series of it may have.
    pub labels: &'static [&'static str],
    /// The value of the label `stage` where it is the same for all series.
    ///
    /// One query over all metrics can so compare the stages of the pipeline. A histogram needs a label in any case: the
    /// SDK does not export one without labels before its first value.
    pub stage: Option<&'static str>,
    /// The services that export it.
    pub services: &'static [&'static str],
    pub presence: Presence,
    pub description: &'static str,
}

impl Metric {
    pub fn spec(self) -> &'static Spec {
        &SPECS[self as usize]
    }

    /// All declarations.
    pub fn all() -> &'static [Spec] {
        &SPECS
    }

    /// The name in Prometheus; see [`Spec::prometheus_name`].
    pub fn prometheus_name(self) -> String {
        self.spec().prometheus_name()
    }
}

impl Spec {
    /// The name that the collector's translation gives the metric in Prometheus: `worker.events.processed` becomes
    /// `worker_events_processed_total`. A histogram has series with `_bucket`, `_sum` and `_count` behind it.
    /// Source: <https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/>.
    pub fn prometheus_name(&self) -> String {
        let unit = match self.unit {
            "s" => "_seconds",
            "By" => "_bytes",
            "Hz" => "_hertz",
            "Cel" => "_celsius",
            "{event}/s" => "_per_second",
            _ => "",
        };
        let total = if self.kind == Kind::Counter { "_total" } else { "" };
        format!("{}{unit}{total}", prometheus_label(self.name))
    }
}

/// The name of an attribute as a label in Prometheus.
pub fn prometheus_label(attribute: &str) -> String {
    attribute.replace('.', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_in_the_order_of_the_enum() {
        for (index, spec) in SPECS.iter().enumerate() {
            assert_eq!(spec.metric as usize, index, "{}", spec.name);
            assert_eq!(spec.metric.spec().name, spec.name);
        }
        assert_eq!(Metric::SimulatorProbeDuration as usize, SPECS.len() - 1);
    }

    #[test]
    fn names_are_unique_and_counts_have_annotated_units() {
        for (index, spec) in SPECS.iter().enumerate() {
            assert!(SPECS[..index].iter().all(|other| other.name != spec.name), "{} twice", spec.name);
            let known = matches!(spec.unit, "s" | "By" | "Hz" | "Cel" | "{event}/s")
                || (spec.unit.starts_with('{') && spec.unit.ends_with('}'));
            assert!(known, "{}: unit {}", spec.name, spec.unit);
        }
    }

    #[test]
    fn histograms_have_a_label() {
        let histograms = SPECS.iter().filter(|spec| spec.kind == Kind::Histogram);
        for spec in histograms {
            assert!(!spec.labels.is_empty(), "{} would not exist before its first value", spec.name);
        }
    }

    #[test]
    fn prometheus_names_have_unit_and_type() {
        assert_eq!(Metric::WorkerEventsProcessed.prometheus_name(), "worker_events_processed_total");
        assert_eq!(Metric::ProcessCpuTime.prometheus_name(), "process_cpu_time_seconds_total");
        assert_eq!(Metric::CacheWalSize.prometheus_name(), "cache_wal_size_bytes");
        assert_eq!(Metric::HttpRequestDuration.prometheus_name(), "http_server_request_duration_seconds");
        assert_eq!(Metric::QueryCaughtUp.prometheus_name(), "query_caught_up");
        assert_eq!(Metric::SimulatorRatePlanned.prometheus_name(), "simulator_rate_planned_per_second");
    }
}

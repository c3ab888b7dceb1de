//! A row of `timeseries.csv`.

use measurement::Histogram;
use serde::{Deserialize, Serialize};

use crate::plan::PhasePlan;
use crate::result::Pace;
use crate::tally::Tally;

/// What was counted of a phase in a second. Counts are of events unless they are named otherwise; durations are empty
/// where nothing was recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SeriesRow {
    pub(crate) second: u64,
    pub(crate) phase: String,
    #[serde(rename = "loop")]
    pub(crate) pace: Pace,
    planned: u64,
    sent: u64,
    accepted: u64,
    refused: u64,
    unknown: u64,
    unsent: u64,
    repeated: u64,
    malformed: u64,
    requests: u64,
    late_requests: u64,
    response_time_p50_us: Option<f64>,
    response_time_p90_us: Option<f64>,
    response_time_p99_us: Option<f64>,
    response_time_max_us: Option<f64>,
    service_time_p50_us: Option<f64>,
    service_time_p90_us: Option<f64>,
    service_time_p99_us: Option<f64>,
    service_time_max_us: Option<f64>,
    send_lateness_p99_us: Option<f64>,
    send_lateness_max_us: Option<f64>,
    connects: u64,
    connect_failures: u64,
}

impl SeriesRow {
    pub(crate) fn new(second: u64, phase: &PhasePlan, tally: &Tally) -> Self {
        let [response_time, service_time, lateness] =
            [&tally.response_time, &tally.service_time, &tally.send_lateness].map(quantiles_us);
        Self {
            second,
            phase: phase.name.clone(),
            pace: Pace::of(&phase.load),
            planned: tally.events.planned,
            sent: tally.events.sent,
            accepted: tally.events.accepted,
            refused: tally.events.refused,
            unknown: tally.events.unknown,
            unsent: tally.events.unsent,
            repeated: tally.repeated_events.sent,
            malformed: tally.malformed_events.sent,
            requests: tally.requests.sent,
            late_requests: tally.late_requests,
            response_time_p50_us: response_time[0],
            response_time_p90_us: response_time[1],
            response_time_p99_us: response_time[2],
            response_time_max_us: response_time[3],
            service_time_p50_us: service_time[0],
            service_time_p90_us: service_time[1],
            service_time_p99_us: service_time[2],
            service_time_max_us: service_time[3],
            send_lateness_p99_us: lateness[2],
            send_lateness_max_us: lateness[3],
            connects: tally.connects,
            connect_failures: tally.connect_failures,
        }
    }

    /// The tally of the row, without its histograms.
    pub(crate) fn counts(&self) -> Tally {
        let mut tally = Tally::default();
        tally.events.planned = self.planned;
        tally.events.sent = self.sent;
        tally.events.accepted = self.accepted;
        tally.events.refused = self.refused;
        tally.events.unknown = self.unknown;
        tally.events.unsent = self.unsent;
        tally.repeated_events.sent = self.repeated;
        tally.malformed_events.sent = self.malformed;
        tally.requests.sent = self.requests;
        tally.late_requests = self.late_requests;
        tally.connects = self.connects;
        tally.connect_failures = self.connect_failures;
        tally
    }
}

/// Median, 90th and 99th percentile, maximum.
fn quantiles_us(histogram: &Histogram) -> [Option<f64>; 4] {
    [0.5, 0.9, 0.99, 1.0]
        .map(|quantile| (histogram.count() > 0).then(|| histogram.quantile(quantile).as_nanos() as f64 / 1e3))
}

//! Where and how one signal is sent: its own settings, or those of all signals.

use std::fmt;
use std::time::Duration;

use super::TelemetryError;
use super::arguments::{BatchArgs, OtlpArgs, given};
use super::plan::{milliseconds, setting};
use crate::delivery::Signal;

/// Where one signal is sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) protocol: Protocol,
    /// The full address of the signal; without one the exporter takes the specification's default.
    pub(super) endpoint: Option<String>,
    pub(super) gzip: bool,
    /// Longest wait for one export; without one the exporter takes the specification's default, 10 s.
    pub(super) timeout: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    HttpProtobuf,
    Grpc,
}

/// A variable and its value, where it is given.
type Setting<'a> = (&'static str, Option<&'a str>);

impl Destination {
    pub(super) fn new(otlp: &OtlpArgs, batch: &BatchArgs, signal: Signal) -> Result<Self, TelemetryError> {
        let protocol = match otlp.protocol(signal) {
            (_, None | Some("http/protobuf")) => Protocol::HttpProtobuf,
            (_, Some("grpc")) => Protocol::Grpc,
            (variable, Some(other)) => {
                return Err(setting(
                    variable,
                    format!("{other:?} is not supported, use grpc or http/protobuf"),
                ));
            }
        };
        let gzip = match otlp.compression(signal) {
            (_, None | Some("none")) => false,
            (_, Some("gzip")) => true,
            (variable, Some(other)) => {
                return Err(setting(variable, format!("{other:?} is not supported, use gzip or none")));
            }
        };
        let timeouts = [otlp.timeout(signal), batch.timeout(signal)].into_iter();
        let timeouts =
            timeouts.filter_map(|(variable, value)| value.map(|value| milliseconds(variable, value)));
        let timeout = timeouts.collect::<Result<Vec<_>, _>>()?.into_iter().min();
        Ok(Self { protocol, endpoint: otlp.endpoint(signal, protocol)?, gzip, timeout })
    }
}

/// Without credentials, which stand in headers or before an `@`.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (protocol, default) = match self.protocol {
            Protocol::HttpProtobuf => ("http/protobuf", "http://localhost:4318"),
            Protocol::Grpc => ("grpc", "http://localhost:4317"),
        };
        let endpoint = self.endpoint.as_deref().unwrap_or(default);
        let (scheme, rest) = endpoint.split_once("://").unwrap_or(("http", endpoint));
        let address = rest.rsplit_once('@').map_or(rest, |(_, address)| address);
        let gzip = if self.gzip { ", gzip" } else { "" };
        write!(f, "{scheme}://{address} over {protocol}{gzip}")
    }
}

impl OtlpArgs {
    pub(super) fn names_an_endpoint(&self) -> bool {
        let endpoints = [
            &self.otel_exporter_otlp_endpoint,
            &self.otel_exporter_otlp_traces_endpoint,
            &self.otel_exporter_otlp_metrics_endpoint,
            &self.otel_exporter_otlp_logs_endpoint,
        ];
        endpoints.into_iter().any(|endpoint| given(endpoint.as_ref()).is_some())
    }

    /// The address of one signal: its own as it is, or the common one with the signal's path behind it over HTTP.
    fn endpoint(&self, signal: Signal, protocol: Protocol) -> Result<Option<String>, TelemetryError> {
        let own = own(
            signal,
            [
                ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &self.otel_exporter_otlp_traces_endpoint),
                ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", &self.otel_exporter_otlp_metrics_endpoint),
                ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", &self.otel_exporter_otlp_logs_endpoint),
            ],
        );
        if let (variable, Some(own)) = own {
            return checked_endpoint(variable, own).map(Some);
        }
        let Some(common) = given(self.otel_exporter_otlp_endpoint.as_ref()) else { return Ok(None) };
        let common = checked_endpoint("OTEL_EXPORTER_OTLP_ENDPOINT", common)?;
        Ok(Some(match protocol {
            Protocol::Grpc => common,
            Protocol::HttpProtobuf => format!("{}/v1/{}", common.trim_end_matches('/'), signal.name()),
        }))
    }

    fn protocol(&self, signal: Signal) -> Setting<'_> {
        let own = own(
            signal,
            [
                ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", &self.otel_exporter_otlp_traces_protocol),
                ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", &self.otel_exporter_otlp_metrics_protocol),
                ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", &self.otel_exporter_otlp_logs_protocol),
            ],
        );
        first(own, ("OTEL_EXPORTER_OTLP_PROTOCOL", given(self.otel_exporter_otlp_protocol.as_ref())))
    }

    fn compression(&self, signal: Signal) -> Setting<'_> {
        let own = own(
            signal,
            [
                ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", &self.otel_exporter_otlp_traces_compression),
                ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", &self.otel_exporter_otlp_metrics_compression),
                ("OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", &self.otel_exporter_otlp_logs_compression),
            ],
        );
        first(own, ("OTEL_EXPORTER_OTLP_COMPRESSION", given(self.otel_exporter_otlp_compression.as_ref())))
    }

    fn timeout(&self, signal: Signal) -> Setting<'_> {
        let own = own(
            signal,
            [
                ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", &self.otel_exporter_otlp_traces_timeout),
                ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", &self.otel_exporter_otlp_metrics_timeout),
                ("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", &self.otel_exporter_otlp_logs_timeout),
            ],
        );
        first(own, ("OTEL_EXPORTER_OTLP_TIMEOUT", given(self.otel_exporter_otlp_timeout.as_ref())))
    }
}

impl BatchArgs {
    fn timeout(&self, signal: Signal) -> Setting<'_> {
        own(
            signal,
            [
                ("OTEL_BSP_EXPORT_TIMEOUT", &self.otel_bsp_export_timeout),
                ("OTEL_METRIC_EXPORT_TIMEOUT", &self.otel_metric_export_timeout),
                ("OTEL_BLRP_EXPORT_TIMEOUT", &self.otel_blrp_export_timeout),
            ],
        )
    }
}

/// The setting of one signal among those of traces, metrics and logs.
fn own<'a>(signal: Signal, settings: [(&'static str, &'a Option<String>); 3]) -> Setting<'a> {
    let (variable, value) = match signal {
        Signal::Traces => settings[0],
        Signal::Metrics => settings[1],
        Signal::Logs => settings[2],
    };
    (variable, given(value.as_ref()))
}

fn first<'a>(own: Setting<'a>, common: Setting<'a>) -> Setting<'a> {
    if own.1.is_some() { own } else { common }
}

/// `localhost:4317` parses as a URL with the scheme `localhost`, and the exporters would send nothing anywhere.
fn checked_endpoint(variable: &'static str, endpoint: &str) -> Result<String, TelemetryError> {
    match endpoint.split_once("://") {
        Some(("http", rest)) if !rest.is_empty() && !rest.starts_with('/') => Ok(endpoint.to_owned()),
        Some(("https", rest)) => {
            let message = format!(
                "TLS is not built in, send to a collector nearby, which can: http:// in place of https://{rest}"
            );
            Err(setting(variable, message))
        }
        Some(_) => Err(setting(variable, format!("{endpoint:?} is no address, write http://HOST:PORT"))),
        None => Err(setting(
            variable,
            format!("{endpoint:?} has no scheme, write http://{endpoint} in its place"),
        )),
    }
}

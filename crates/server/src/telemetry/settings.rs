//! How a server is told what to tell of itself.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::ValueEnum;

/// Logs, traces and the decision log.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Telemetry")]
pub struct TelemetrySettings {
    /// How log lines are written to stderr: for people, or one JSON object a line. Their level is MANDATE_LOG's.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = LogFormat::Pretty, env = "MANDATE_LOG_FORMAT")]
    pub log_format: LogFormat,
    /// The collector that traces are sent to over OTLP/gRPC: http://127.0.0.1:4317, or https://. Left out: what
    /// OTEL_EXPORTER_OTLP_ENDPOINT says, and otherwise none, and nothing is traced.
    #[arg(long, value_name = "URL", env = "MANDATE_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<OtlpEndpoint>,
    /// Which part of calls is traced whose caller does not say by a `traceparent` whether it should be: 0 to 1.
    #[arg(long, value_name = "RATIO", default_value = "0.001", env = "MANDATE_TRACE_SAMPLE_RATIO", value_parser = ratio)]
    pub trace_sample_ratio: f64,
    /// The most calls a second that are traced because the `traceparent` of their caller says that it is sampled. A traced
    /// Check costs several times as much as another one, so that callers must not be able to have all of theirs traced.
    #[arg(long, value_name = "NUMBER", default_value_t = ASKED, env = "MANDATE_TRACE_ASKED_LIMIT")]
    pub trace_asked_limit: u32,
    /// Where each decision is recorded: off, file:PATH (a JSON object a line, appended; opened again on SIGHUP), or otlp (log
    /// records to the collector). Check then costs several times as much as without.
    #[arg(long, value_name = "off|otlp|file:PATH", default_value = "off", env = "MANDATE_DECISION_LOG")]
    pub decision_log: DecisionSink,
    /// Which part of the decisions is recorded, if they are: 0 to 1.
    #[arg(long, value_name = "RATIO", default_value = "1", env = "MANDATE_DECISION_LOG_SAMPLE", value_parser = ratio)]
    pub decision_log_sample: f64,
    /// Whether all decisions are recorded, or those only that deny.
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = Outcomes::All, env = "MANDATE_DECISION_LOG_OUTCOMES")]
    pub decision_log_outcomes: Outcomes,
}

const ASKED: u32 = 100;

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self {
            log_format: LogFormat::Pretty,
            otlp_endpoint: None,
            trace_sample_ratio: 0.001,
            trace_asked_limit: ASKED,
            decision_log: DecisionSink::Off,
            decision_log_sample: 1.0,
            decision_log_outcomes: Outcomes::All,
        }
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Which decisions are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Outcomes {
    /// All of them.
    All,
    /// Those that deny.
    Denied,
}

/// Where decisions are recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecisionSink {
    /// Nowhere.
    Off,
    /// By the collector.
    Otlp,
    /// In this file.
    File(PathBuf),
}

impl FromStr for DecisionSink {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, text.strip_prefix("file:")) {
            ("off", _) => Ok(Self::Off),
            ("otlp", _) => Ok(Self::Otlp),
            (_, Some(path)) if !path.is_empty() => Ok(Self::File(path.into())),
            _ => Err("is none of off, otlp and file:PATH"),
        }
    }
}

impl fmt::Display for DecisionSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Otlp => f.write_str("otlp"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

/// The URL of a collector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpEndpoint(String);

impl OtlpEndpoint {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is spoken to through TLS.
    pub(super) fn is_encrypted(&self) -> bool {
        self.0.starts_with("https:")
    }
}

impl FromStr for OtlpEndpoint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url: http::Uri = text.parse().map_err(|_| "is no URL: http://127.0.0.1:4317, for example")?;
        let host = url.authority().ok_or("names no host: http://127.0.0.1:4317, for example")?;
        match url.scheme_str() {
            Some("http" | "https") if host.as_str().contains('@') => Err(
                "must hold no password; what the collector wants to see goes into OTEL_EXPORTER_OTLP_HEADERS",
            ),
            Some("http" | "https") => Ok(Self(text.to_owned())),
            _ => Err("must begin with http:// or https://"),
        }
    }
}

impl fmt::Display for OtlpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A part of a whole, as the command line has it.
fn ratio(text: &str) -> Result<f64, &'static str> {
    let valid = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    valid.ok_or("is no number from 0 to 1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        telemetry: TelemetrySettings,
    }

    #[test]
    fn the_defaults_are_those_of_the_command_line() {
        let Ok(line) = <Line as clap::Parser>::try_parse_from(["x"]) else { panic!("no option is needed") };
        assert_eq!(format!("{:?}", line.telemetry), format!("{:?}", TelemetrySettings::default()));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert!(
            ratio("1.1").is_err()
                && ratio("-0.1").is_err()
                && ratio("NaN").is_err()
                && ratio("half").is_err()
        );
        assert_eq!(ratio("0.5"), Ok(0.5));
        for endpoint in ["", "127.0.0.1:4317", "ftp://host", "http://me:secret@host:4317"] {
            assert!(endpoint.parse::<OtlpEndpoint>().is_err(), "{endpoint}");
        }
        assert!("https://collector:4317".parse::<OtlpEndpoint>().is_ok_and(|url| url.is_encrypted()));
        for sink in ["", "on", "file", "file:"] {
            assert!(sink.parse::<DecisionSink>().is_err(), "{sink}");
        }
        for sink in ["off", "otlp", "file:/var/log/decisions"] {
            assert_eq!(sink.parse::<DecisionSink>().map(|sink| sink.to_string()), Ok(sink.to_owned()));
        }
    }
}

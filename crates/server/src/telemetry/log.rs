//! Log lines: to stderr, so that stdout holds results alone.

use std::io::{self, IsTerminal as _};
use std::panic::PanicHookInfo;

use opentelemetry_sdk::trace::SdkTracer;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Directive;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry};

use super::settings::LogFormat;
use super::statements;

/// The target of the spans by which a line carries the ids of its call.
pub(super) const LINE: &str = "mandate::call";

/// The target of lines that are there whatever the level.
pub(super) const DENIED: &str = "mandate::denied";

/// Begins to log in this format, and to export spans by this tracer, with the database that statements are made to.
pub(crate) fn set_up(format: LogFormat, tracer: Option<(SdkTracer, &'static str)>) {
    let traced = tracer.map(|(tracer, database)| statements::layers(tracer, database));
    let lines = match format {
        LogFormat::Pretty => tracing_subscriber::fmt::layer()
            .with_writer(io::stderr)
            .with_ansi(io::stderr().is_terminal())
            .with_filter(level())
            .boxed(),
        LogFormat::Json => {
            std::panic::set_hook(Box::new(panicked));
            tracing_subscriber::fmt::layer()
                .json()
                .flatten_event(true)
                .with_span_list(false)
                .with_writer(io::stderr)
                .with_filter(level())
                .boxed()
        }
    };
    let registry: tracing_subscriber::layer::Layered<_, Registry> =
        tracing_subscriber::registry().with(lines);
    registry.with(traced).init();
}

/// What MANDATE_LOG says, and what is there in any case: calls that were denied, and which call a line is of.
fn level() -> EnvFilter {
    let level = EnvFilter::try_from_env("MANDATE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let always = |target: &str, level: LevelFilter| format!("{target}={level}").parse::<Directive>();
    // What is a span for the collector alone is none of a line.
    let exported = [statements::RPC, statements::DECISION, statements::FACTS];
    [always(LINE, LevelFilter::ERROR), always(DENIED, LevelFilter::INFO)]
        .into_iter()
        .chain(exported.map(|target| always(target, LevelFilter::OFF)))
        .flatten()
        .fold(level, EnvFilter::add_directive)
}

/// A line like all others for what would otherwise be no JSON.
fn panicked(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string);
    let payload = info.payload();
    let said = payload.downcast_ref::<&str>().copied();
    let said = said.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("nothing");
    tracing::error!(place, said, "a thread panicked");
}

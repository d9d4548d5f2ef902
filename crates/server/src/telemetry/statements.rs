//! What becomes a span: RPCs and decisions of calls that are sampled, and within them reads of facts and statements.

use std::time::{Duration, SystemTime};

use opentelemetry::trace::{Span as _, SpanKind, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SdkTracer;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{self, Filter};
use tracing_subscriber::registry::LookupSpan;

/// The target of the spans of RPCs. They are made of sampled calls alone.
pub(super) const RPC: &str = "mandate::rpc";
/// The same of decisions.
pub(super) const DECISION: &str = "mandate::decision";
/// The target of spans that are made within any call; those of calls that are not sampled are no spans.
pub(crate) const FACTS: &str = "mandate::facts";
/// Where sqlx tells of each statement when it has ended.
const STATEMENT: &str = "sqlx::query";

/// What exports spans by this tracer, and statements to this database.
pub(super) fn layers<S>(tracer: SdkTracer, database: &'static str) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let spans = tracing_opentelemetry::layer()
        .with_tracer(tracer.clone())
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(Traced { targets: &[RPC, DECISION], within: FACTS });
    let statements = Statements { tracer, database }.with_filter(Traced { targets: &[], within: STATEMENT });
    spans.and_then(statements)
}

/// Lets pass what is of these targets, and within a sampled call what is of that one.
struct Traced {
    targets: &'static [&'static str],
    within: &'static str,
}

impl<S> Filter<S> for Traced {
    fn enabled(&self, of: &Metadata<'_>, _: &layer::Context<'_, S>) -> bool {
        self.targets.contains(&of.target()) || of.target() == self.within && is_sampled()
    }

    fn callsite_enabled(&self, of: &'static Metadata<'static>) -> Interest {
        if self.targets.contains(&of.target()) {
            Interest::always()
        } else if of.target() == self.within {
            Interest::sometimes()
        } else {
            Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }
}

fn is_sampled() -> bool {
    Context::map_current(|context| context.span().span_context().is_sampled())
}

/// Makes spans of what sqlx tells of statements.
struct Statements {
    tracer: SdkTracer,
    database: &'static str,
}

impl<S> Layer<S> for Statements
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_event(&self, event: &Event<'_>, _: layer::Context<'_, S>) {
        let mut statement = Statement::default();
        event.record(&mut statement);
        let end = SystemTime::now();
        let start = end.checked_sub(statement.took).unwrap_or(end);
        let text = statement.text();
        let operation = text.split_whitespace().next().unwrap_or("statement").to_owned();
        let attributes = vec![
            // Its name in the conventions, and in those before 2025, which many collectors still look for.
            KeyValue::new("db.system.name", self.database),
            KeyValue::new("db.system", self.database),
            KeyValue::new("db.operation.name", operation.clone()),
            KeyValue::new("db.query.text", text),
            KeyValue::new("db.response.returned_rows", statement.returned),
        ];
        let span = self.tracer.span_builder(operation).with_kind(SpanKind::Client);
        let span = span.with_start_time(start).with_attributes(attributes);
        span.start_with_context(&self.tracer, &Context::current()).end_with_timestamp(end);
    }
}

/// What sqlx tells: the whole text behind its first words, if it has more than these. It has no values: all are bound.
#[derive(Default)]
struct Statement {
    first_words: String,
    whole: String,
    returned: i64,
    took: Duration,
}

impl Statement {
    fn text(&self) -> String {
        let whole = self.whole.trim();
        if whole.is_empty() { self.first_words.clone() } else { whole.to_owned() }
    }
}

impl Visit for Statement {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.first_words),
            "db.statement" => value.clone_into(&mut self.whole),
            _ => {}
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "rows_returned" {
            self.returned = i64::try_from(value).unwrap_or(i64::MAX);
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "elapsed_secs" {
            self.took = Duration::try_from_secs_f64(value).unwrap_or_default();
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

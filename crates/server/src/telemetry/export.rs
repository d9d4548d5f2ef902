//! The way to the collector, over OTLP/gRPC.
//!
//! Spans and log records wait in queues with a bound, from which a thread of its own sends them in batches. While the
//! collector is away the queues are full, and what comes then is dropped and counted: nothing else happens to a call.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use opentelemetry::InstrumentationScope;
use opentelemetry::KeyValue;
use opentelemetry::logs::LoggerProvider as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::tonic_types::transport::ClientTlsConfig;
use opentelemetry_otlp::{WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{
    BatchConfigBuilder as LogQueue, BatchLogProcessor, LogBatch, LogExporter, LogProcessor, SdkLogRecord,
    SdkLogger, SdkLoggerProvider,
};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder as SpanQueue, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider, Span,
    SpanData, SpanExporter, SpanProcessor,
};

use super::SCOPE;
use super::settings::{DecisionSink, OtlpEndpoint, TelemetrySettings};
use super::tally::{Outcome, Signal, Tallies};

/// Spans, and records, that wait for the collector: some megabytes of each.
const QUEUE: u16 = 4_096;

/// How many are sent together.
const TOGETHER: usize = 512;

/// How long something waits for others to be sent with.
const PAUSE: Duration = Duration::from_secs(1);

/// How long the collector has to take a batch.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where collectors are named that other programs of the machine export to.
const ENDPOINT_OF_ALL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// What exports.
pub(super) struct Exporters {
    spans: Option<SdkTracerProvider>,
    records: Option<SdkLoggerProvider>,
}

impl Exporters {
    /// Begins to export, if there is a collector. It need not answer yet.
    ///
    /// # Errors
    /// Its address makes no sense.
    pub(super) fn start(settings: &TelemetrySettings, tallies: &Arc<Tallies>) -> anyhow::Result<Self> {
        let Some(endpoint) = endpoint(settings)? else { return Ok(Self { spans: None, records: None }) };
        let resource = resource()?;
        let cannot = || format!("traces cannot be sent to {endpoint}; check --otlp-endpoint");
        let exporter = at(opentelemetry_otlp::SpanExporter::builder().with_tonic(), &endpoint);
        let exporter =
            Counted { inner: exporter.build().with_context(cannot)?, tallies: Arc::clone(tallies) };
        let spans = SdkTracerProvider::builder()
            .with_resource(resource.clone())
            // Which calls are traced was decided before: `sampling.rs`.
            .with_sampler(Sampler::AlwaysOn)
            .with_span_processor(SpansWithinBounds::new(exporter, Arc::clone(tallies)))
            .build();
        let records = if settings.decision_log == DecisionSink::Otlp {
            let exporter = at(opentelemetry_otlp::LogExporter::builder().with_tonic(), &endpoint);
            let exporter =
                Counted { inner: exporter.build().with_context(cannot)?, tallies: Arc::clone(tallies) };
            let within_bounds = RecordsWithinBounds::new(exporter, Arc::clone(tallies));
            Some(
                SdkLoggerProvider::builder()
                    .with_resource(resource)
                    .with_log_processor(within_bounds)
                    .build(),
            )
        } else {
            None
        };
        Ok(Self { spans: Some(spans), records })
    }

    /// What makes spans, if there is a collector.
    pub(super) fn tracer(&self) -> Option<SdkTracer> {
        self.spans.as_ref().map(|spans| spans.tracer_with_scope(scope()))
    }

    /// What makes records, if they go to the collector.
    pub(super) fn logger(&self) -> Option<SdkLogger> {
        self.records.as_ref().map(|records| records.logger_with_scope(scope()))
    }

    /// Sends what is left; it takes no longer than this.
    pub(super) fn stop(self, limit: Duration) {
        let (spans, records) = (self.spans, self.records);
        // What could not be sent was counted, and the log has said why.
        std::thread::scope(|together| {
            together.spawn(|| spans.map(|spans| spans.shutdown_with_timeout(limit)));
            together.spawn(|| records.map(|records| records.shutdown_with_timeout(limit)));
        });
    }
}

fn endpoint(settings: &TelemetrySettings) -> anyhow::Result<Option<OtlpEndpoint>> {
    match &settings.otlp_endpoint {
        Some(endpoint) => Ok(Some(endpoint.clone())),
        None => match std::env::var(ENDPOINT_OF_ALL) {
            Ok(text) if !text.is_empty() => {
                text.parse().map(Some).map_err(|error| anyhow::anyhow!("{ENDPOINT_OF_ALL} {error}"))
            }
            _ => Ok(None),
        },
    }
}

fn at<B>(builder: B, endpoint: &OtlpEndpoint) -> B
where
    B: WithExportConfig + WithTonicConfig,
{
    let builder = builder.with_endpoint(endpoint.as_str()).with_timeout(PATIENCE);
    if endpoint.is_encrypted() {
        builder.with_tls_config(ClientTlsConfig::new().with_enabled_roots())
    } else {
        builder
    }
}

/// What sends: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say more, or otherwise.
fn resource() -> anyhow::Result<Resource> {
    let instance = format!("{:032x}", crate::clock::new_id_bits()?);
    let own = [
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", instance),
    ];
    let resource = Resource::builder().with_attributes(own);
    Ok(match std::env::var_os("OTEL_SERVICE_NAME") {
        Some(_) => resource.build(),
        None => resource.with_service_name("mandate").build(),
    })
}

fn scope() -> InstrumentationScope {
    InstrumentationScope::builder(SCOPE).with_version(env!("CARGO_PKG_VERSION")).build()
}

/// An exporter whose successes and failures are counted.
#[derive(Debug)]
struct Counted<E> {
    inner: E,
    tallies: Arc<Tallies>,
}

impl<E> Counted<E> {
    fn count(&self, signal: Signal, number: usize, result: &OTelSdkResult) {
        let outcome = if result.is_ok() { Outcome::Exported } else { Outcome::Failed };
        self.tallies.of(signal).leave(number, outcome);
    }
}

impl<E: SpanExporter> SpanExporter for Counted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let number = batch.len();
        let result = self.inner.export(batch).await;
        self.count(Signal::Spans, number, &result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<E: LogExporter> LogExporter for Counted<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let number = batch.iter().count();
        let result = self.inner.export(batch).await;
        self.count(Signal::Decisions, number, &result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// A queue of spans that says what finds no room in it.
///
/// INVARIANT: whatever has entered is in the queue or on its way to the collector, and together that is no more than the
/// queue of the library holds; so that one never drops anything that is not counted.
#[derive(Debug)]
struct SpansWithinBounds {
    inner: BatchSpanProcessor,
    tallies: Arc<Tallies>,
}

impl SpansWithinBounds {
    fn new<E: SpanExporter + 'static>(exporter: E, tallies: Arc<Tallies>) -> Self {
        let queue = SpanQueue::default()
            .with_max_queue_size(QUEUE.into())
            .with_max_export_batch_size(TOGETHER)
            .with_scheduled_delay(PAUSE)
            .build();
        Self { inner: BatchSpanProcessor::builder(exporter).with_batch_config(queue).build(), tallies }
    }
}

impl SpanProcessor for SpansWithinBounds {
    fn on_start(&self, span: &mut Span, context: &opentelemetry::Context) {
        self.inner.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if self.tallies.of(Signal::Spans).enter(QUEUE.into()) {
            self.inner.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// The same of log records.
#[derive(Debug)]
struct RecordsWithinBounds {
    inner: BatchLogProcessor,
    tallies: Arc<Tallies>,
}

impl RecordsWithinBounds {
    fn new<E: LogExporter + 'static>(exporter: E, tallies: Arc<Tallies>) -> Self {
        let queue = LogQueue::default()
            .with_max_queue_size(QUEUE.into())
            .with_max_export_batch_size(TOGETHER)
            .with_scheduled_delay(PAUSE)
            .build();
        Self { inner: BatchLogProcessor::builder(exporter).with_batch_config(queue).build(), tallies }
    }
}

impl LogProcessor for RecordsWithinBounds {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        if self.tallies.of(Signal::Decisions).enter(QUEUE.into()) {
            self.inner.emit(record, scope);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

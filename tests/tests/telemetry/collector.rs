//! A collector: the two services of OTLP that a server exports to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mandate_tests::poll;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// How long something may take to be exported.
const LIMIT: Duration = Duration::from_secs(30);

/// What arrived.
#[derive(Default)]
struct Taken {
    spans: Vec<Span>,
    records: Vec<LogRecord>,
    resources: Vec<BTreeMap<String, String>>,
}

/// A collector that keeps what it gets. It runs as long as the test.
#[derive(Clone)]
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    taken: Arc<Mutex<Taken>>,
}

impl Collector {
    /// Begins to listen.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let collector = Self { address: listener.local_addr().expect("an address"), taken: Arc::default() };
        let server = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(collector.clone()))
            .add_service(LogsServiceServer::new(collector.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(server);
        collector
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn taken<T>(&self, look: impl FnOnce(&mut Taken) -> T) -> T {
        look(&mut self.taken.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// All spans that have arrived.
    pub(crate) fn spans(&self) -> Vec<Span> {
        self.taken(|taken| taken.spans.clone())
    }

    /// All log records that have arrived.
    pub(crate) fn records(&self) -> Vec<LogRecord> {
        self.taken(|taken| taken.records.clone())
    }

    /// What the exporter says of itself.
    pub(crate) fn resource(&self) -> BTreeMap<String, String> {
        self.taken(|taken| taken.resources.first().cloned()).expect("something was exported")
    }

    /// Waits until this has arrived.
    pub(crate) async fn until<T>(&self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let found = poll::until(LIMIT, async || look(self)).await;
        found.unwrap_or_else(|| panic!("{what} did not arrive; spans: {:#?}", self.spans()))
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for part in request.into_inner().resource_spans {
            let resource = part.resource.map(|resource| attributes(&resource.attributes)).unwrap_or_default();
            let spans = part.scope_spans.into_iter().flat_map(|scope| scope.spans);
            self.taken(|taken| {
                taken.resources.push(resource);
                taken.spans.extend(spans);
            });
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Collector {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let parts = request.into_inner().resource_logs.into_iter();
        let records = parts.flat_map(|part| part.scope_logs).flat_map(|scope| scope.log_records);
        self.taken(|taken| taken.records.extend(records));
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

/// Attributes by name, each as text.
pub(crate) fn attributes(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    attributes.iter().map(|one| (one.key.clone(), text(one.value.as_ref()))).collect()
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(value)) => value.to_string(),
        Some(other) => format!("{other:?}"),
        None => String::new(),
    }
}

/// Bytes of an id as everybody writes them.
pub(crate) fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

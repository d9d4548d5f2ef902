//! A collector of traces that counts spans and throws them away.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// A collector on a thread of its own, as long as this process runs.
pub(crate) struct Sink {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    spans: Arc<AtomicU32>,
}

impl Sink {
    /// Begins to listen.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let (address, spans) = (listener.local_addr()?, Arc::<AtomicU32>::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let server = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(Counter { spans: Arc::clone(&spans) }));
        std::thread::spawn(move || {
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                server.serve_with_incoming(TcpListenerStream::new(listener)).await?;
                anyhow::Ok(())
            })
        });
        Ok(Self { address, spans })
    }

    /// How many spans have come.
    pub(crate) fn spans(&self) -> u32 {
        self.spans.load(Ordering::Relaxed)
    }
}

struct Counter {
    spans: Arc<AtomicU32>,
}

#[tonic::async_trait]
impl TraceService for Counter {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let parts = request.into_inner().resource_spans.into_iter();
        let number: usize = parts.flat_map(|part| part.scope_spans).map(|scope| scope.spans.len()).sum();
        self.spans.fetch_add(u32::try_from(number).unwrap_or(u32::MAX), Ordering::Relaxed);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

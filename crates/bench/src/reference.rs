//! The server to compare with: the same stack with handlers that do nothing.
//!
//! It reads the same messages and sends answers of the same size, and has none of Mandate's layers: no token is looked
//! at, nothing is looked up, nothing is decided.

mod point;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use anyhow::Context as _;
use mandate_proto::v1::authz_service_server::{AuthzService, AuthzServiceServer};
use mandate_proto::v1::batch_check_result::Result as Item;
use mandate_proto::v1::check_stream_response::Result as Streamed;
use mandate_proto::v1::via::Via as Way;
use mandate_proto::v1::{
    BatchCheckRequest, BatchCheckResponse, BatchCheckResult, CheckRequest, CheckResponse, CheckStreamRequest,
    CheckStreamResponse, DecisionReason, LookupPermissionsRequest, LookupPermissionsResponse, Via,
    WatchRequest, WatchResponse,
};
use tokio::runtime::{Builder, Runtime};
use tokio_stream::{Stream, StreamExt as _};
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};

use self::point::Point;
use crate::facts::MEMBER;

/// The URL of a database: `Check` makes one point query of it before it answers.
pub(crate) const QUERY: &str = "MANDATE_BENCH_POINT_QUERY";

/// What runs the reference server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// One thread that does all: what served best in every measurement so far.
    CurrentThread,
    /// tokio's default, which `mandate serve` uses.
    MultiThread,
}

impl Kind {
    /// As the command line spells it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CurrentThread => "current-thread",
            Self::MultiThread => "multi-thread",
        }
    }

    fn runtime(self) -> std::io::Result<Runtime> {
        match self {
            Self::CurrentThread => Builder::new_current_thread().enable_all().build(),
            Self::MultiThread => Builder::new_multi_thread().enable_all().build(),
        }
    }
}

/// How to run it.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// What runs it.
    #[arg(long, value_enum)]
    runtime: Kind,
    /// How many results a batch is answered with.
    #[arg(long, value_name = "NUMBER")]
    batch: usize,
    /// A file to write the address to.
    #[arg(long, value_name = "FILE")]
    ready_file: PathBuf,
}

/// Serves until it is killed.
///
/// # Errors
/// It cannot listen.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    options.runtime.runtime()?.block_on(serve(options))
}

async fn serve(options: &Options) -> anyhow::Result<()> {
    let incoming = TcpIncoming::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        .context("cannot listen")?
        .with_nodelay(Some(true));
    let address = incoming.local_addr()?;
    let mut nothing = Nothing::new(options.batch);
    if let Ok(url) = std::env::var(QUERY) {
        nothing.point = Some(Point::open(&url).await?);
    }
    let service = AuthzServiceServer::new(nothing);
    let serving = tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming);
    write_ready(&options.ready_file, address)?;
    Ok(serving.await?)
}

/// The listener is bound: whoever connects now is served.
fn write_ready(file: &Path, address: SocketAddr) -> anyhow::Result<()> {
    std::fs::write(file, format!("{address}\n"))
        .with_context(|| format!("{} cannot be written", file.display()))
}

/// The same for tests, in a thread of this process.
#[cfg(test)]
pub(crate) fn serve_in_test(batch: usize, ready_file: PathBuf) {
    run(&Options { runtime: Kind::CurrentThread, batch, ready_file }).unwrap();
}

/// Answers what was asked without looking at it.
struct Nothing {
    batch: Arc<BatchCheckResponse>,
    point: Option<Point>,
}

impl Nothing {
    fn new(batch: usize) -> Self {
        let result = || BatchCheckResult { result: Some(Item::Response(allowed())) };
        Self {
            batch: Arc::new(BatchCheckResponse { results: (0..batch).map(|_| result()).collect() }),
            point: None,
        }
    }
}

/// What Mandate answers to every question of the measurement.
pub(crate) fn allowed() -> CheckResponse {
    let via = vec![Via { via: Some(Way::Role(MEMBER.to_owned())) }];
    // As long as a token is on a database with few writes under way.
    let consistency_token = "x".repeat(24);
    let (reason, stale_for) = (DecisionReason::Role.into(), None);
    CheckResponse { allowed: true, reason, via, consistency_token, stale_for }
}

/// The answer to a question of a stream, with the question's number.
pub(crate) fn answered(question: CheckStreamRequest) -> CheckStreamResponse {
    let CheckStreamRequest { correlation_id, check } = question;
    drop(check);
    CheckStreamResponse { correlation_id, result: Some(Streamed::Response(allowed())) }
}

#[tonic::async_trait]
impl AuthzService for Nothing {
    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        if let Some(point) = &self.point {
            point.ask(request.get_ref()).await?;
        }
        drop(request);
        Ok(Response::new(allowed()))
    }

    async fn batch_check(
        &self,
        request: Request<BatchCheckRequest>,
    ) -> Result<Response<BatchCheckResponse>, Status> {
        drop(request);
        Ok(Response::new(self.batch.as_ref().clone()))
    }

    type CheckStreamStream = Pin<Box<dyn Stream<Item = Result<CheckStreamResponse, Status>> + Send>>;

    async fn check_stream(
        &self,
        request: Request<Streaming<CheckStreamRequest>>,
    ) -> Result<Response<Self::CheckStreamStream>, Status> {
        let answers = request.into_inner().map(|question| question.map(answered));
        Ok(Response::new(Box::pin(answers)))
    }

    async fn lookup_permissions(
        &self,
        _: Request<LookupPermissionsRequest>,
    ) -> Result<Response<LookupPermissionsResponse>, Status> {
        Err(Status::unimplemented("the reference server answers Check and BatchCheck"))
    }

    async fn lookup_members(
        &self,
        _: Request<mandate_proto::v1::LookupMembersRequest>,
    ) -> Result<Response<mandate_proto::v1::LookupMembersResponse>, Status> {
        Err(Status::unimplemented("the reference server answers Check and BatchCheck"))
    }

    async fn lookup_resources(
        &self,
        _: Request<mandate_proto::v1::LookupResourcesRequest>,
    ) -> Result<Response<mandate_proto::v1::LookupResourcesResponse>, Status> {
        Err(Status::unimplemented("the reference server answers Check and BatchCheck"))
    }

    async fn lookup_accounts(
        &self,
        _: Request<mandate_proto::v1::LookupAccountsRequest>,
    ) -> Result<Response<mandate_proto::v1::LookupAccountsResponse>, Status> {
        Err(Status::unimplemented("the reference server answers Check and BatchCheck"))
    }

    async fn apply_policy(
        &self,
        _: Request<mandate_proto::v1::ApplyPolicyRequest>,
    ) -> Result<Response<mandate_proto::v1::ApplyPolicyResponse>, Status> {
        Err(Status::unimplemented("the reference server answers Check and BatchCheck"))
    }

    async fn rollback_policy(
        &self,
        _: Request<mandate_proto::v1::RollbackPolicyRequest>,
    ) -> Result<Response<mandate_proto::v1::RollbackPolicyResponse>, Status> {
        Err(Status::unimplemented("the reference server answers Check and BatchCheck"))
    }

    async fn get_policy(
        &self,
        _: Request<mandate_proto::v1::GetPolicyRequest>,
    ) -> Result<Response<mandate_proto::v1::GetPolicyResponse>, Status> {
        Err(Status::unimplemented("the reference server answers Check and BatchCheck"))
    }

    async fn list_policies(
        &self,
        _: Request<mandate_proto::v1::ListPoliciesRequest>,
    ) -> Result<Response<mandate_proto::v1::ListPoliciesResponse>, Status> {
        Err(Status::unimplemented("the reference server answers Check and BatchCheck"))
    }

    async fn list_policy_versions(
        &self,
        _: Request<mandate_proto::v1::ListPolicyVersionsRequest>,
    ) -> Result<Response<mandate_proto::v1::ListPolicyVersionsResponse>, Status> {
        Err(Status::unimplemented("the reference server answers Check and BatchCheck"))
    }

    type WatchStream = tokio_stream::Empty<Result<WatchResponse, Status>>;

    async fn watch(&self, _: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("the reference server answers Check and BatchCheck"))
    }
}

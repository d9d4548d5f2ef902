//! Asks for health while something else goes on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use http::uri::PathAndQuery;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};

/// The pause between two questions.
const PAUSE: Duration = Duration::from_millis(50);

/// How long an answer may take at all.
const LIMIT: Duration = Duration::from_secs(5);

/// `SERVING` of grpc.health.v1.
const SERVING: i32 = 1;

/// grpc.health.v1.HealthCheckRequest.
#[derive(Clone, PartialEq, prost::Message)]
struct Question {
    #[prost(string, tag = "1")]
    service: String,
}

/// grpc.health.v1.HealthCheckResponse.
#[derive(Clone, PartialEq, prost::Message)]
struct Answer {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// What was answered.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Health {
    /// How many questions failed.
    pub(super) failed: u32,
    /// How long the others took at the most.
    pub(super) longest: Duration,
}

/// Somebody who asks, on a thread of its own.
pub(super) struct Watcher {
    over: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<Health>>,
}

impl Watcher {
    /// Begins to ask the server there, and its port for operators.
    pub(super) fn start(server: SocketAddr, operators: SocketAddr) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(watch(server, operators, &until))
        });
        Self { over, thread }
    }

    /// What was answered until now.
    ///
    /// # Errors
    /// Nobody could be asked at all.
    pub(super) fn end(self) -> anyhow::Result<Health> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the thread that asks for health panicked"))?
    }
}

async fn watch(server: SocketAddr, operators: SocketAddr, over: &AtomicBool) -> anyhow::Result<Health> {
    let channel = Endpoint::from_shared(format!("http://{server}"))?.connect().await?;
    let mut health = Health::default();
    while !over.load(Ordering::Relaxed) {
        let asked = Instant::now();
        health.note(asked, tokio::time::timeout(LIMIT, by_grpc(channel.clone())).await);
        let asked = Instant::now();
        health.note(asked, tokio::time::timeout(LIMIT, by_http(operators)).await);
        tokio::time::sleep(PAUSE).await;
    }
    Ok(health)
}

impl Health {
    fn note<E>(&mut self, asked: Instant, answer: Result<anyhow::Result<()>, E>) {
        match answer {
            Ok(Ok(())) => self.longest = self.longest.max(asked.elapsed()),
            _ => self.failed += 1,
        }
    }
}

async fn by_grpc(channel: Channel) -> anyhow::Result<()> {
    let mut grpc = Grpc::new(channel);
    grpc.ready().await?;
    let path = PathAndQuery::from_static("/grpc.health.v1.Health/Check");
    let codec = tonic_prost::ProstCodec::<Question, Answer>::default();
    let answer = grpc.unary(tonic::Request::new(Question::default()), path, codec).await?;
    ensure!(answer.into_inner().status == SERVING, "it does not serve");
    Ok(())
}

async fn by_http(address: SocketAddr) -> anyhow::Result<()> {
    let mut socket = TcpStream::connect(address).await?;
    socket.write_all(format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await?;
    let status = answer.split(|byte| *byte == b' ').nth(1).context("no answer of HTTP")?;
    ensure!(status == b"200", "it is not healthy");
    Ok(())
}

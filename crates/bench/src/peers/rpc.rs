//! Calls of foreign services, whose messages are written down here as far as they are needed.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use http::uri::PathAndQuery;
use prost::Message;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::client::Grpc;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

use crate::load::HeaderBlocks;
use crate::load::capture::{Calls, header_blocks};

/// A method of a service, and the token that it wants.
#[derive(Debug, Clone, Copy)]
pub(super) struct Method {
    /// `/SERVICE/METHOD`.
    pub(super) path: &'static str,
    /// For the header `authorization`.
    pub(super) token: Option<&'static str>,
}

/// A connection.
pub(super) struct Rpc(Grpc<Channel>);

impl Rpc {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens there.
    pub(super) async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self(Grpc::new(Endpoint::from_shared(format!("http://{address}"))?.connect().await?)))
    }

    /// Makes a call.
    ///
    /// # Errors
    /// The server's.
    pub(super) async fn call<Q, A>(&mut self, method: Method, question: Q) -> anyhow::Result<A>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let mut request = tonic::Request::new(question);
        if let Some(token) = method.token {
            let value: MetadataValue<Ascii> = token.parse()?;
            request.metadata_mut().insert("authorization", value);
        }
        self.0.ready().await?;
        let codec = ProstCodec::<Q, A>::default();
        let path = PathAndQuery::from_static(method.path);
        let answer = self.0.unary(request, path, codec).await;
        Ok(answer.with_context(|| method.path)?.into_inner())
    }
}

/// How tonic's client encodes the headers of such a call.
///
/// # Errors
/// The server's.
pub(super) async fn headers<Q: Message + Clone + 'static>(
    address: SocketAddr,
    method: Method,
    question: Q,
) -> anyhow::Result<HeaderBlocks> {
    header_blocks(address, Asking { method, question }).await
}

struct Asking<Q> {
    method: Method,
    question: Q,
}

impl<Q: Message + Clone + 'static> Calls for Asking<Q> {
    async fn make(&self, address: SocketAddr, calls: usize) -> anyhow::Result<()> {
        let mut rpc = Rpc::connect(address).await?;
        for _ in 0..calls {
            rpc.call::<Q, Any>(self.method, self.question.clone()).await?;
        }
        Ok(())
    }
}

/// An answer that nobody looks at.
#[derive(Clone, PartialEq, Message)]
struct Any {}

/// Sends JSON and returns the JSON that comes back. HTTP/1.0, so that the answer ends with the connection.
///
/// # Errors
/// The server's, with its words.
pub(super) async fn send_json(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: &str,
) -> anyhow::Result<serde_json::Value> {
    let mut socket = TcpStream::connect(address).await?;
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await?;
    socket.write_all(body.as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").context("an answer without an end of headers")?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    ensure!(status.starts_with('2'), "{method} {path} was answered with {status}: {body}");
    Ok(if body.is_empty() { serde_json::Value::Null } else { serde_json::from_str(body)? })
}

//! How tonic's own client encodes the headers of a call, overheard on the way to the server.
//!
//! A load generator that made up headers of its own would measure another thing than clients see: which fields go into
//! HPACK's table, and whether the token is Huffman-coded on each call, decides what the server has to undo.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};

use super::frames::{END_HEADERS, Kind, PREFACE, split};
use super::requests::HeaderBlocks;

/// Calls made while listening. From the second on, headers refer to the table that the first has filled.
const CALLS: usize = 4;

/// The header blocks of an RPC's calls.
///
/// # Errors
/// The server does not answer, or the client does not settle on one encoding.
pub(crate) async fn header_blocks(server: SocketAddr, calls: impl Calls) -> anyhow::Result<HeaderBlocks> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let overheard = Arc::new(Mutex::new(Vec::new()));
    let passing_on = tokio::spawn(pass_on(listener, server, Arc::clone(&overheard)));
    calls.make(address, CALLS).await.context("the server refused the call whose headers are wanted")?;
    passing_on.abort();
    let bytes = overheard.lock().unwrap_or_else(PoisonError::into_inner).clone();
    settled(&bytes)
}

/// Calls of one RPC on one connection, by tonic's client.
pub(crate) trait Calls {
    /// Makes so many, one after another, on a new connection to this address.
    ///
    /// # Errors
    /// The server's.
    async fn make(&self, address: SocketAddr, calls: usize) -> anyhow::Result<()>;
}

/// Passes one connection on, and keeps what the client says.
async fn pass_on(
    listener: TcpListener,
    server: SocketAddr,
    overheard: Arc<Mutex<Vec<u8>>>,
) -> anyhow::Result<()> {
    let (client, _) = listener.accept().await?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = TcpStream::connect(server).await?.into_split();
    let back = tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
    let mut buffer = vec![0; 16 << 10];
    loop {
        let length = from_client.read(&mut buffer).await?;
        let heard = buffer.get(..length).unwrap_or_default();
        if heard.is_empty() {
            back.abort();
            return Ok(());
        }
        overheard.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(heard);
        to_server.write_all(heard).await?;
    }
}

/// The first header block, and the one that all later ones but the second are equal to.
fn settled(bytes: &[u8]) -> anyhow::Result<HeaderBlocks> {
    let mut rest = bytes.strip_prefix(PREFACE).context("the client did not begin as HTTP/2 clients do")?;
    let mut blocks = Vec::new();
    while let Some((frame, after)) = split(rest) {
        rest = after;
        if frame.kind == Kind::Headers {
            ensure!(frame.flags == END_HEADERS, "a header block of more than one frame; use a shorter token");
            blocks.push(frame.payload.to_vec());
        }
    }
    let (Some(first), Some([before, later])) = (blocks.first(), blocks.last_chunk::<2>()) else {
        anyhow::bail!("{} calls were overheard", blocks.len());
    };
    ensure!(blocks.len() == CALLS && before == later, "the client encodes each call in another way");
    Ok(HeaderBlocks { first: first.clone(), later: later.clone() })
}

#[cfg(test)]
mod tests {
    use super::super::frames::put;
    use super::*;

    fn said(blocks: &[&[u8]]) -> Vec<u8> {
        let mut bytes = PREFACE.to_vec();
        for (stream, block) in (0_u32..).zip(blocks) {
            put(&mut bytes, Kind::Headers, END_HEADERS, 2 * stream + 1, block);
            put(&mut bytes, Kind::Data, 1, 2 * stream + 1, b"x");
        }
        bytes
    }

    #[test]
    fn headers_settle_after_the_first_call() {
        let blocks = settled(&said(&[b"long", b"s", b"s", b"s"])).unwrap();
        assert_eq!(blocks, HeaderBlocks { first: b"long".to_vec(), later: b"s".to_vec() });
    }

    #[test]
    fn headers_that_do_not_settle_cannot_be_replayed() {
        assert!(settled(&said(&[b"a", b"b", b"c", b"d"])).is_err());
        assert!(settled(&said(&[b"a", b"b"])).is_err());
        assert!(settled(b"GET / HTTP/1.1").is_err());
    }
}

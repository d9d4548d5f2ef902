//! What is told to whoever comes without TLS: gRPC clients show it, browsers and curl too.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What is told.
pub(crate) const ADVICE: &str = "this port speaks TLS: write https:// in the address";

/// How the first line of HTTP/2 begins (RFC 9113, section 3.4); every method of HTTP/1 that begins like it is longer.
const PREFACE: &[u8] = b"PRI ";

/// INADEQUATE_SECURITY: RFC 9113, section 7.
const INADEQUATE_SECURITY: u8 = 0xc;

/// More than anybody sends before they have read an answer, in bytes.
const LEFTOVER: u64 = 64 << 10;

/// For how long it is read at the most.
const PARTING: Duration = Duration::from_secs(1);

/// Tells it, in the protocol that they began with.
///
/// # Errors
/// They are gone.
pub(super) async fn tell(connection: &mut TcpStream, beginning: &[u8]) -> io::Result<()> {
    let answer = if beginning.starts_with(PREFACE) { goaway() } else { bad_request() };
    connection.write_all(&answer).await?;
    leave(connection).await
}

/// Says nothing more, and reads what is still coming: a connection that is closed with something left to read may take
/// with it what was said last.
///
/// # Errors
/// They are gone.
pub(super) async fn leave(connection: &mut TcpStream) -> io::Result<()> {
    connection.shutdown().await?;
    let mut leftover = connection.take(LEFTOVER);
    let mut nowhere = tokio::io::sink();
    let read = tokio::time::timeout(PARTING, tokio::io::copy(&mut leftover, &mut nowhere)).await;
    read.map_or(Ok(()), |read| read.map(drop))
}

/// SETTINGS without any, and GOAWAY: no call was looked at, and why not.
fn goaway() -> Vec<u8> {
    let length = u8::try_from(8 + ADVICE.len()).unwrap_or(u8::MAX);
    let mut frames = vec![0, 0, 0, 4, 0, 0, 0, 0, 0];
    frames.extend([0, 0, length, 7, 0, 0, 0, 0, 0]);
    frames.extend([0, 0, 0, 0, 0, 0, 0, INADEQUATE_SECURITY]);
    frames.extend(ADVICE.bytes());
    frames
}

fn bad_request() -> Vec<u8> {
    let length = ADVICE.len() + 1;
    format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{ADVICE}\n"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_has_room_for_what_is_told() {
        assert!(ADVICE.len() + 8 <= usize::from(u8::MAX));
        assert_eq!(goaway().len(), 9 + 9 + 8 + ADVICE.len());
    }
}

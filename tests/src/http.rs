//! One request of HTTP/1.1, as it goes over the wire, for ports that speak nothing else.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long an answer may take, on a machine with other things to do.
const LIMIT: Duration = Duration::from_secs(20);

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The header fields, their names in small letters.
    pub headers: BTreeMap<String, String>,
    /// What came behind them.
    pub body: String,
}

/// Asks for a path. Panics where nothing is answered.
pub async fn get(address: SocketAddr, path: &str) -> Reply {
    send(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n")).await
}

/// Sends these bytes and reads until the other side hangs up. Panics where nothing is answered.
pub async fn send(address: SocketAddr, request: &str) -> Reply {
    let exchange = async {
        let mut socket = TcpStream::connect(address).await.expect("somebody listens");
        // Whoever has heard enough may have hung up.
        let _ = socket.write_all(request.as_bytes()).await;
        let mut answer = Vec::new();
        let read = socket.read_to_end(&mut answer).await;
        (String::from_utf8(answer).expect("text"), read)
    };
    let (answer, read) = tokio::time::timeout(LIMIT, exchange).await.expect("an answer in time");
    parse(&answer).unwrap_or_else(|| panic!("no answer: {answer:?}, {read:?}"))
}

fn parse(answer: &str) -> Option<Reply> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.split(' ').next()?.parse().ok()?;
    let headers = lines.map(|line| line.split_once(": ").map(|(k, v)| (k.to_lowercase(), v.to_owned())));
    Some(Reply { status, headers: headers.collect::<Option<_>>()?, body: body.to_owned() })
}

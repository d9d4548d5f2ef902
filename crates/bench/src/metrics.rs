//! What a server publishes of itself.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long a scrape may take.
const LIMIT: Duration = Duration::from_secs(10);

/// The page of the server whose metrics are served there.
///
/// # Errors
/// It does not answer.
pub(crate) async fn scrape(port: SocketAddr) -> anyhow::Result<String> {
    let exchange = async {
        let mut socket = TcpStream::connect(port).await?;
        socket.write_all(format!("GET /metrics HTTP/1.1\r\nHost: {port}\r\n\r\n").as_bytes()).await?;
        let mut page = String::new();
        socket.read_to_string(&mut page).await?;
        anyhow::Ok(page)
    };
    tokio::time::timeout(LIMIT, exchange).await.context("the metrics do not come")?
}

/// The value of one series, named with its labels.
pub(crate) fn value(page: &str, series: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_found_by_its_labels() {
        let page = "# HELP x y\nx{kind=\"a\"} 3\nx{kind=\"ab\"} 4\n";
        assert_eq!(value(page, "x{kind=\"ab\"}"), Some(4.0));
        assert_eq!(value(page, "x{kind=\"c\"}"), None);
    }
}

//! What a connection may be: how large its messages and headers, how long it lasts, and when it is idle.
//!
//! A connection that is too old or idle is asked to end (HTTP/2 GOAWAY): calls in flight go on, and new ones go to another
//! connection, which clients open by themselves. (tonic's client notices it, while a stream is open, by a call that it then
//! does not send; whatever repeats unsent calls repeats it.)

use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::server::{Connected, TcpConnectInfo};

use crate::retention::KeepFor;
use crate::size::ByteSize;

/// What connections may be.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Connection")]
pub struct ConnectionSettings {
    /// The largest message that is read, with KiB or MiB, from 64KiB to 256MiB. A larger one is RESOURCE_EXHAUSTED,
    /// MESSAGE_TOO_LARGE.
    #[arg(long, value_name = "SIZE", default_value = "4MiB", env = "MANDATE_CONNECTION_MAX_MESSAGE",
          value_parser = ByteSize::between(ByteSize(64 << 10), ByteSize(256 << 20)))]
    pub connection_max_message: ByteSize,
    /// The largest list of headers of a call, its token among them, from 8KiB to 1MiB. HTTP/2 counts 32 bytes for each
    /// header besides its name and value. A larger one is refused by HTTP's status 431, or ends the connection.
    #[arg(long, value_name = "SIZE", default_value = "16KiB", env = "MANDATE_CONNECTION_MAX_HEADERS",
          value_parser = ByteSize::between(ByteSize(8 << 10), ByteSize(1 << 20)))]
    pub connection_max_headers: ByteSize,
    /// After how long a connection on which nothing but pings has come or gone is asked to end: a number with s, m, h or d,
    /// or forever. It lasts up to a quarter longer. A call that is open goes on.
    #[arg(long, value_name = "TIME", default_value = "1h", env = "MANDATE_CONNECTION_IDLE")]
    pub connection_idle: KeepFor,
    /// After how long a connection is asked to end whatever it does (each a tenth earlier or later), so that clients spread
    /// over servers that were added: 30m, for example.
    #[arg(long, value_name = "TIME", default_value = "forever", env = "MANDATE_CONNECTION_MAX_AGE")]
    pub connection_max_age: KeepFor,
    /// How long calls of a connection that has reached its age have to end, before they are broken off.
    #[arg(long, value_name = "TIME", default_value = "forever", env = "MANDATE_CONNECTION_AGE_GRACE")]
    pub connection_age_grace: KeepFor,
    /// How often a connection is asked whether its other side is still there (HTTP/2 PING), or forever: never.
    #[arg(long, value_name = "TIME", default_value = "1m", env = "MANDATE_CONNECTION_KEEP_ALIVE")]
    pub connection_keep_alive: KeepFor,
    /// How long the other side has to answer that, before the connection is closed.
    #[arg(long, value_name = "TIME", default_value = "20s", env = "MANDATE_CONNECTION_KEEP_ALIVE_TIMEOUT")]
    pub connection_keep_alive_timeout: KeepFor,
}

impl Default for ConnectionSettings {
    /// What the command line has where nothing is said.
    fn default() -> Self {
        let seconds = |seconds| KeepFor::For(Duration::from_secs(seconds));
        Self {
            connection_max_message: ByteSize(4 << 20),
            connection_max_headers: ByteSize(16 << 10),
            connection_idle: seconds(60 * 60),
            connection_max_age: KeepFor::Forever,
            connection_age_grace: KeepFor::Forever,
            connection_keep_alive: seconds(60),
            connection_keep_alive_timeout: seconds(20),
        }
    }
}

impl ConnectionSettings {
    /// How often to ask whether the other side is there; never, if `None`.
    pub(crate) fn keep_alive(&self) -> Option<Duration> {
        self.connection_keep_alive.limit()
    }

    /// How long to wait for its answer.
    pub(crate) fn keep_alive_timeout(&self) -> Option<Duration> {
        Some(self.connection_keep_alive_timeout.limit().unwrap_or(A_YEAR))
    }

    /// The headers' bound as HTTP/2 has it.
    pub(crate) fn headers(&self) -> u32 {
        u32::try_from(self.connection_max_headers.0).unwrap_or(u32::MAX)
    }

    /// For how long connections last.
    pub(crate) fn lifetime(&self) -> Lifetime {
        Lifetime {
            idle: self.connection_idle.limit(),
            age: self.connection_max_age.limit(),
            grace: self.connection_age_grace.limit(),
        }
    }
}

/// For how long connections last; `None` is no limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lifetime {
    idle: Option<Duration>,
    age: Option<Duration>,
    grace: Option<Duration>,
}

/// Longer than any connection lasts.
const A_YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How often within the time of idleness a connection is looked at.
const LOOKS: u32 = 4;

impl Lifetime {
    /// Waits until the connection has been idle for long enough.
    pub(crate) async fn idle(self, seen: &Seen) {
        let Some(idle) = self.idle else { return std::future::pending().await };
        let mut quiet = 0;
        while quiet < LOOKS {
            tokio::time::sleep(idle / LOOKS).await;
            quiet = if seen.0.swap(false, Ordering::Relaxed) { 0 } else { quiet + 1 };
        }
    }

    /// Waits until the connection of this number is old enough.
    pub(crate) async fn age(self, number: u64) {
        let Some(age) = self.age else { return std::future::pending().await };
        // So that connections that were opened together do not end together.
        let percent = 90 + u32::try_from(number.wrapping_mul(7) % 21).unwrap_or_default();
        tokio::time::sleep(age / 100 * percent).await;
    }

    /// Breaks the connection off once it is old and its calls have had their time.
    pub(crate) async fn cut(self, number: u64, handle: Option<std::net::TcpStream>) {
        let (Some(grace), Some(handle)) = (self.grace, handle) else { return std::future::pending().await };
        self.age(number).await;
        tokio::time::sleep(grace).await;
        // Who has gone by now need not be cut off.
        let _ = handle.shutdown(Shutdown::Both);
    }

    /// A second handle of the connection, if it is needed to break it off.
    pub(crate) fn handle(self, connection: &std::net::TcpStream) -> Option<std::net::TcpStream> {
        self.age.and(self.grace).and_then(|_| connection.try_clone().ok())
    }
}

/// Whether anything but pings has come or gone since this was last looked at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen(Arc<AtomicBool>);

/// What calls come by: a connection, encrypted or not.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Whose it is.
    fn peer(&self) -> TcpConnectInfo;
}

impl Stream for TcpStream {
    fn peer(&self) -> TcpConnectInfo {
        self.connect_info()
    }
}

impl Stream for TlsStream<TcpStream> {
    fn peer(&self) -> TcpConnectInfo {
        let (connection, _) = self.get_ref();
        connection.connect_info()
    }
}

/// A connection that tells whether it is used, and when it is gone.
pub(crate) struct Watched<S> {
    stream: S,
    seen: Seen,
    _gone: DropGuard,
}

impl<S> Watched<S> {
    /// Watches a connection; the token is cancelled when it is gone.
    pub(crate) fn new(stream: S) -> (Self, Seen, CancellationToken) {
        let (seen, gone) = (Seen::default(), CancellationToken::new());
        (Self { stream, seen: seen.clone(), _gone: gone.clone().drop_guard() }, seen, gone)
    }

    fn note(&self, bytes: &[u8]) {
        if !are_pings(bytes) {
            self.seen.0.store(true, Ordering::Relaxed);
        }
    }
}

/// A frame that asks whether anybody is there, or answers that: RFC 9113, section 6.7.
const PING: usize = 17;

/// Whether these are frames of that kind, whole and nothing else, as they are where nothing else is sent.
fn are_pings(bytes: &[u8]) -> bool {
    bytes.len().is_multiple_of(PING) && bytes.chunks(PING).all(|frame| frame.starts_with(&[0, 0, 8, 6]))
}

impl<S: Stream> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if polled.is_ready() {
            self.note(buffer.filled().get(before..).unwrap_or_default());
        }
        polled
    }
}

impl<S: Stream> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.note(bytes);
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        slices.iter().for_each(|bytes| self.note(bytes));
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: Stream> Connected for Watched<S> {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.peer()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        connection: ConnectionSettings,
    }

    #[test]
    fn the_defaults_are_those_of_the_command_line() {
        let Ok(line) = <Line as clap::Parser>::try_parse_from(["x"]) else { panic!("no option is needed") };
        assert_eq!(format!("{:?}", line.connection), format!("{:?}", ConnectionSettings::default()));
    }

    #[test]
    fn a_ping_is_no_use() {
        let ping = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        assert!(are_pings(&ping) && are_pings(&[ping, ping].concat()) && are_pings(&[]));
        let window = [0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        assert!(
            !are_pings(&window) && !are_pings(&[&ping[..], &window[..]].concat()) && !are_pings(&[1; 17])
        );
    }
}

//! How fast a thread reads: no faster than it answers.
//!
//! What a thread has read and not begun lies in its memory, and thousands of calls that lie there cost the others: the
//! processor's caches hold hundreds of them. What it has not read yet lies with the system and costs nothing. So a
//! thread that has so many calls waiting for their turn reads nothing more until it has begun most of them, whatever the
//! number of connections, and then reads from those first that have waited the longest.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;

/// With so many calls that wait for their turn, a thread reads nothing more.
const MOST: usize = 512;

/// With so few, connections that wait are read from again.
const FEW: usize = 128;

/// The calls of one thread that wait for their turn, and the connections that wait to be read from.
///
/// INVARIANT: a call lives and dies on the thread of its connection (`transport.rs`), so that a load and a store count it.
/// INVARIANT: as soon as no call waits, no connection does; and a call's turn comes whatever it may wait for afterwards.
/// So no connection waits for ever.
#[derive(Debug, Default)]
pub struct Pace {
    calls: AtomicUsize,
    connections: Mutex<VecDeque<Arc<Waiting>>>,
}

/// Whom to wake when a connection may be read from; nobody: it does not wait.
type Waiting = Mutex<Option<Waker>>;

/// A call whose turn has not come; it comes when this is dropped.
#[derive(Debug)]
pub(super) struct Waits(&'static Pace);

impl Pace {
    /// A call that waits for its turn.
    pub(super) fn call(&'static self) -> Waits {
        self.calls.store(self.calls() + 1, Ordering::Relaxed);
        Waits(self)
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// Whether a connection may be read from; if not, whoever asks is woken when it may be.
    fn poll(&self, context: &Context<'_>, connection: &Arc<Waiting>) -> Poll<()> {
        if self.calls() < MOST {
            return Poll::Ready(());
        }
        if lock(connection).replace(context.waker().clone()).is_none() {
            lock(&self.connections).push_back(Arc::clone(connection));
        }
        Poll::Pending
    }

    /// Lets connections be read from again: one for each call that begins, and all of them when none is left.
    fn begun(&self, left: usize) {
        let mut connections = lock(&self.connections);
        let number = if left == 0 { connections.len() } else { connections.len().min(1) };
        for connection in connections.drain(..number) {
            if let Some(waker) = lock(&connection).take() {
                waker.wake();
            }
        }
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Waits {
    fn drop(&mut self) {
        let left = self.0.calls().saturating_sub(1);
        self.0.calls.store(left, Ordering::Relaxed);
        if left <= FEW {
            self.0.begun(left);
        }
    }
}

/// A connection that is read from as fast as its thread answers.
#[derive(Debug)]
pub struct Paced<C> {
    connection: C,
    pace: &'static Pace,
    waiting: Arc<Waiting>,
}

impl<C> Paced<C> {
    /// A connection of that thread.
    pub fn new(connection: C, pace: &'static Pace) -> Self {
        Self { connection, pace, waiting: Arc::default() }
    }
}

impl<C: AsyncRead + Unpin> AsyncRead for Paced<C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        std::task::ready!(self.pace.poll(context, &self.waiting));
        Pin::new(&mut self.connection).poll_read(context, buffer)
    }
}

impl<C: AsyncWrite + Unpin> AsyncWrite for Paced<C> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }
}

impl<C: Connected> Connected for Paced<C> {
    type ConnectInfo = C::ConnectInfo;

    fn connect_info(&self) -> C::ConnectInfo {
        self.connection.connect_info()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
    use tokio_test::task::{Spawn, spawn};
    use tokio_test::{assert_pending, assert_ready_ok};

    use super::*;

    fn pace() -> &'static Pace {
        Box::leak(Box::default())
    }

    fn calls(pace: &'static Pace, number: usize) -> Vec<Waits> {
        (0..number).map(|_| pace.call()).collect()
    }

    /// A connection on which a byte has arrived.
    async fn connection(pace: &'static Pace) -> (Paced<DuplexStream>, DuplexStream) {
        let (mut far, near) = tokio::io::duplex(16);
        far.write_all(b"a").await.unwrap();
        (Paced::new(near, pace), far)
    }

    type Read<'c> = Spawn<Pin<Box<dyn Future<Output = io::Result<u8>> + 'c>>>;

    fn read(connection: &mut Paced<DuplexStream>) -> Read<'_> {
        spawn(Box::pin(connection.read_u8()))
    }

    #[tokio::test]
    async fn nothing_is_read_while_many_calls_wait() {
        let pace = pace();
        let mut waiting = calls(pace, MOST);
        let (mut near, _far) = connection(pace).await;
        let mut reading = read(&mut near);
        assert_pending!(reading.poll());
        waiting.truncate(FEW + 1);
        assert!(!reading.is_woken(), "a few more have to begin");
        waiting.truncate(FEW);
        assert!(reading.is_woken());
        assert_eq!(assert_ready_ok!(reading.poll()), b'a');
    }

    #[tokio::test]
    async fn who_waits_longest_is_read_first_and_nobody_waits_for_ever() {
        let pace = pace();
        let mut waiting = calls(pace, MOST);
        let (mut first, _a) = connection(pace).await;
        let (mut second, _b) = connection(pace).await;
        let (mut third, _c) = connection(pace).await;
        let (mut gone, _d) = connection(pace).await;
        let [mut first, mut second, mut third] = [read(&mut first), read(&mut second), read(&mut third)];
        {
            let mut gone = read(&mut gone);
            assert_pending!(gone.poll());
        }
        drop(gone);
        assert_pending!(first.poll());
        assert_pending!(second.poll());
        assert_pending!(third.poll());
        // It asks again, and keeps its place.
        assert_pending!(first.poll());
        // One for whoever is gone, one for the first.
        waiting.truncate(FEW - 1);
        assert_eq!([first.is_woken(), second.is_woken(), third.is_woken()], [true, false, false]);
        waiting.clear();
        assert_eq!([second.is_woken(), third.is_woken()], [true, true]);
        assert_eq!(assert_ready_ok!(third.poll()), b'a');
    }

    #[tokio::test]
    async fn what_is_written_never_waits() {
        let pace = pace();
        let _waiting = calls(pace, MOST);
        let (mut near, mut far) = connection(pace).await;
        near.write_all(b"b").await.unwrap();
        near.flush().await.unwrap();
        assert_eq!(far.read_u8().await.unwrap(), b'b');
    }
}

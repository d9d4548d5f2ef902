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
    use std::sync::atomic::AtomicBool;
    use std::task::Wake;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

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

    /// Somebody who reads a byte, and whether they were woken since they asked.
    struct Reader {
        connection: Paced<DuplexStream>,
        woken: Arc<Woken>,
    }

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    impl Reader {
        fn of(connection: Paced<DuplexStream>) -> Self {
            Self { connection, woken: Arc::default() }
        }

        /// The byte; `None`: it has to wait.
        fn read(&mut self) -> Option<u8> {
            self.woken.0.store(false, Ordering::Relaxed);
            let waker = Waker::from(Arc::clone(&self.woken));
            let (mut place, mut context) = ([0], Context::from_waker(&waker));
            match Pin::new(&mut self.connection).poll_read(&mut context, &mut ReadBuf::new(&mut place)) {
                Poll::Ready(read) => read.map(|()| place[0]).ok(),
                Poll::Pending => None,
            }
        }

        fn is_woken(&self) -> bool {
            self.woken.0.load(Ordering::Relaxed)
        }
    }

    #[tokio::test]
    async fn nothing_is_read_while_many_calls_wait() {
        let pace = pace();
        let mut waiting = calls(pace, MOST);
        let (near, _far) = connection(pace).await;
        let mut reader = Reader::of(near);
        assert_eq!(reader.read(), None);
        waiting.truncate(FEW + 1);
        assert!(!reader.is_woken(), "a few more have to begin");
        waiting.truncate(FEW);
        assert!(reader.is_woken());
        assert_eq!(reader.read(), Some(b'a'));
    }

    #[tokio::test]
    async fn who_waits_longest_is_read_first_and_nobody_waits_for_ever() {
        let pace = pace();
        let mut waiting = calls(pace, MOST);
        let (mut readers, mut far) = (Vec::new(), Vec::new());
        for _ in 0..4 {
            let (near, other) = connection(pace).await;
            readers.push(Reader::of(near));
            far.push(other);
        }
        for reader in &mut readers {
            assert_eq!(reader.read(), None);
        }
        let gone = readers.remove(0);
        drop(gone);
        // It asks again, and keeps its place.
        assert_eq!(readers[0].read(), None);
        let woken = |readers: &[Reader]| readers.iter().map(Reader::is_woken).collect::<Vec<_>>();
        // One for whoever is gone, one for the first.
        waiting.truncate(FEW - 1);
        assert_eq!(woken(&readers), [true, false, false]);
        waiting.clear();
        assert_eq!(woken(&readers), [true, true, true]);
        assert_eq!(readers[2].read(), Some(b'a'));
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

//! The threads that answer calls: each runs by itself, with the connections that were dealt to it.
//!
//! A call stays on the thread of its connection, so that nothing of it waits for another core: by measurement half as
//! many calls again as on threads that share their work. Connections are dealt in turns, which spreads them evenly;
//! the kernel's own way (SO_REUSEPORT) may put all of a few clients on one thread.

use std::convert::Infallible;
use std::io;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use futures::StreamExt as _;
use futures::future::{ready, try_join_all};
use futures::stream;
use http::{Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::transport::server::Router;
use tower::{Layer, Service};

use crate::connection::{Lifetime, Stream, Watched};
use crate::tls::{Handshakes, Secure};

/// Connections that wait for a thread to take them; those beyond it wait in the kernel.
const DEALT: usize = 64;

/// How long nothing is accepted after the system refused to (too many open files, say).
const PAUSE: Duration = Duration::from_millis(50);

/// What answers the calls of a connection: one name for all that tonic asks of it.
pub(crate) trait Answering:
    Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send
{
}

impl<S> Answering for S where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send
{
}

/// What stands around the services of a router: the same for it.
pub(crate) trait RouterLayer:
    Layer<Routes, Service: Answering + 'static> + Clone + Send + 'static
{
}

impl<L: Layer<Routes, Service: Answering + 'static> + Clone + Send + 'static> RouterLayer for L {}

/// The threads, and who deals connections to them. Dropping it ends them, and whatever they still do.
pub(crate) struct Workers {
    dealer: JoinHandle<()>,
    served: Vec<oneshot::Receiver<()>>,
    stopping: CancellationToken,
    /// Dropped when the threads may end.
    _leave: Vec<oneshot::Sender<Infallible>>,
}

impl Workers {
    /// Starts so many threads, each with a router of its own. With `secure`, connections are encrypted.
    ///
    /// # Errors
    /// The system's, when it gives no more threads.
    pub(crate) fn start<L: RouterLayer>(
        listener: TcpListener,
        number: usize,
        lifetime: Lifetime,
        secure: Option<&Secure>,
        router: impl Fn() -> Router<L>,
    ) -> anyhow::Result<Self> {
        let stopping = CancellationToken::new();
        let (mut hands, mut served, mut leave) = (Vec::new(), Vec::new(), Vec::new());
        for index in 0..number {
            let (hand, dealt) = mpsc::channel(DEALT);
            let (done, was_served) = oneshot::channel();
            let (go, mut may_leave) = oneshot::channel::<Infallible>();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let (router, stopped) = (router(), stopping.clone());
            let handshakes = secure.map(Secure::on_a_thread);
            let work = async move {
                tokio::select! {
                    () = serve(dealt, router, lifetime, handshakes, stopped) => {
                        // Nobody listens any more if the server was dropped.
                        let _ = done.send(());
                        let _ = may_leave.await;
                    }
                    _ = &mut may_leave => {}
                }
            };
            thread::Builder::new()
                .name(format!("worker-{index}"))
                .spawn(move || {
                    runtime.block_on(work);
                    runtime.shutdown_background();
                })
                .context("the system gives no thread to answer calls on")?;
            hands.push(hand);
            served.push(was_served);
            leave.push(go);
        }
        let dealer = tokio::spawn(deal(listener, hands, stopping.clone()));
        Ok(Self { dealer, served, stopping, _leave: leave })
    }

    /// Waits until no connection is dealt any more, which happens by a defect alone.
    ///
    /// # Errors
    /// Always: that it happened.
    pub(crate) async fn ended(&mut self) -> anyhow::Result<()> {
        (&mut self.dealer).await.context("connections are not accepted any more")?;
        Err(anyhow!("a thread that answers calls has ended"))
    }

    /// Takes no new connections and waits until the calls of all others have ended.
    ///
    /// # Errors
    /// A thread ended otherwise.
    pub(crate) async fn drain(&mut self) -> anyhow::Result<()> {
        self.stopping.cancel();
        try_join_all(&mut self.served).await.context("a thread that answers calls has ended")?;
        Ok(())
    }
}

/// Serves the connections that are dealt to one thread until it is told to stop and all of them have ended.
async fn serve<L: RouterLayer>(
    mut dealt: mpsc::Receiver<std::net::TcpStream>,
    router: Router<L>,
    lifetime: Lifetime,
    handshakes: Option<Handshakes>,
    stopping: CancellationToken,
) {
    let (mut connections, mut number) = (JoinSet::new(), 0_u64);
    loop {
        tokio::select! {
            biased;
            () = stopping.cancelled() => break,
            connection = dealt.recv() => {
                let Some(connection) = connection else { break };
                number = number.wrapping_add(1);
                let handle = lifetime.handle(&connection);
                // The system gives no events of it: as good as gone.
                let Ok(connection) = TcpStream::from_std(connection) else { continue };
                let (router, stopping) = (router.clone(), stopping.clone());
                match &handshakes {
                    None => connections.spawn(serve_one(connection, handle, router, lifetime, number, stopping)),
                    Some(handshakes) => {
                        let handshakes = handshakes.clone();
                        connections.spawn(serve_encrypted(
                            connection, handle, handshakes, router, lifetime, number, stopping,
                        ))
                    }
                };
            }
            Some(_) = connections.join_next() => {}
        }
    }
    while connections.join_next().await.is_some() {}
}

async fn serve_encrypted<L: RouterLayer>(
    connection: TcpStream,
    handle: Option<std::net::TcpStream>,
    handshakes: Handshakes,
    router: Router<L>,
    lifetime: Lifetime,
    number: u64,
    stopping: CancellationToken,
) {
    let encrypted = tokio::select! {
        encrypted = handshakes.shake(connection) => encrypted,
        () = stopping.cancelled() => None,
    };
    if let Some(connection) = encrypted {
        serve_one(connection, handle, router, lifetime, number, stopping).await;
    }
}

/// Serves one connection until it is gone: by a server of its own, since tonic asks no single connection to end.
async fn serve_one<L: RouterLayer, S: Stream>(
    connection: S,
    handle: Option<std::net::TcpStream>,
    router: Router<L>,
    lifetime: Lifetime,
    number: u64,
    stopping: CancellationToken,
) {
    let (connection, seen, gone) = Watched::new(connection);
    let over = async move {
        tokio::select! {
            () = gone.cancelled() => {}
            () = stopping.cancelled() => {}
            () = lifetime.age(number) => {}
            () = lifetime.idle(&seen) => {}
        }
    };
    let one = stream::once(ready(io::Result::Ok(connection))).chain(stream::pending());
    let serving = router.serve_with_incoming_shutdown(one, over);
    tokio::select! {
        // Why one connection ended is its own business.
        _ = serving => {}
        () = lifetime.cut(number, handle) => {}
    }
}

/// Deals connections in turns until it is told to stop or a thread has ended.
async fn deal(
    listener: TcpListener,
    hands: Vec<mpsc::Sender<std::net::TcpStream>>,
    stopping: CancellationToken,
) {
    for hand in hands.iter().cycle() {
        let connection = tokio::select! {
            biased;
            () = stopping.cancelled() => return,
            connection = accept(&listener) => connection,
        };
        if hand.send(connection).await.is_err() {
            return;
        }
    }
}

/// The next connection. What keeps one from being accepted keeps nobody else from it.
async fn accept(listener: &TcpListener) -> std::net::TcpStream {
    loop {
        let connection = listener.accept().await.and_then(|(connection, _)| {
            // An answer goes out when it is there, not when there is more to send.
            connection.set_nodelay(true)?;
            connection.into_std()
        });
        match connection {
            Ok(connection) => return connection,
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted now; is the limit on open files too low?");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Whether the other side was gone before it was greeted.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, InvalidInput, NotConnected};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | InvalidInput | NotConnected
    )
}

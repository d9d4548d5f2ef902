//! What lies between a server and its database: bytes pass it both ways, or are held back.

use std::net::SocketAddr;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A door before a database. It ends with this value.
pub(super) struct Door {
    url: String,
    state: watch::Sender<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Nothing passes, and nobody is told.
    Stuck,
}

impl Door {
    /// An open door before the database of this URL, which has a user, a host and a port.
    ///
    /// # Errors
    /// The URL is of another form, or there is no port to be had.
    pub(super) async fn before(url: &str) -> anyhow::Result<Self> {
        let authority = url.rsplit_once('@').context("a database URL without a user")?.1;
        let behind = authority.split('/').next().unwrap_or(authority).to_owned();
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let url = url.replacen(&behind, &listener.local_addr()?.to_string(), 1);
        let (state, watched) = watch::channel(State::Open);
        tokio::spawn(stand(listener, behind, watched));
        Ok(Self { url, state })
    }

    /// The database's URL, through this door.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Lets everything pass, first of all what was held back.
    pub(super) fn open(&self) {
        self.state.send_replace(State::Open);
    }

    /// Lets nothing pass, and nobody know.
    pub(super) fn stick(&self) {
        self.state.send_replace(State::Stuck);
    }
}

async fn stand(listener: TcpListener, behind: String, mut watched: watch::Receiver<State>) {
    loop {
        let inside = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((inside, _)) => inside,
                Err(_) => return,
            },
            gone = gone(&mut watched) => return gone,
        };
        if let Ok(outside) = TcpStream::connect(&behind).await {
            // A commit waits for three small packets; none of them may wait for another.
            let _ = (inside.set_nodelay(true), outside.set_nodelay(true));
            let (from, to) = inside.into_split();
            let (back, forth) = outside.into_split();
            tokio::spawn(pass(from, forth, watched.clone()));
            tokio::spawn(pass(back, to, watched.clone()));
        }
    }
}

/// Waits until the door is no more.
async fn gone(watched: &mut watch::Receiver<State>) {
    while watched.changed().await.is_ok() {}
}

/// Passes bytes on until one side has ended.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<State>) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if state.wait_for(|state| *state == State::Open).await.is_err() {
            return;
        }
        let Some(bytes) = buffer.get(..read) else { return };
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

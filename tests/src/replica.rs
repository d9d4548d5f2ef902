//! Another server on the database of the first one, and a door between it and the database.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tonic::transport::{Channel, Endpoint};

use crate::process::Process;
use crate::server::metrics_in;
use crate::world::Party;
use crate::{Bearer, Server, background, binary};

/// A second `mandate serve` on a server's database, with the same keys. It ends with this value, and before the first.
pub struct Replica {
    log: PathBuf,
    process: Process,
    address: SocketAddr,
    channel: Channel,
}

impl Replica {
    /// Starts one beside `server`; it reaches the database through `door`, if there is one. Panics where it fails.
    pub async fn start(server: &Server, door: Option<&Door>, arguments: &[&str]) -> Self {
        let url = door.map_or_else(|| server.database_url(), Door::url);
        Self::start_on(server, url, arguments).await
    }

    /// The same on a database that is reached by another URL.
    pub async fn start_on(server: &Server, url: &str, arguments: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let folder = server.data_dir().parent().expect("the folder of a server").to_owned();
        let name = format!("replica-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let (ready, log): (PathBuf, PathBuf) =
            (folder.join(format!("{name}.ready")), folder.join(format!("{name}.log")));
        let mut command = Command::new(binary::path());
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--database", url])
            .arg("--data-dir")
            .arg(server.data_dir())
            .arg("--ready-file")
            .arg(&ready)
            .args(arguments);
        let started = Process::start(&mut command, &ready, &log).await;
        let (process, address) = started.unwrap_or_else(|error| panic!("a replica: {error}"));
        Self { log, process, address, channel: connect(address) }
    }

    /// Somebody who calls this server with a token; both servers know each other's.
    pub fn party(&self, token: &str) -> Party {
        Party::new(Bearer::new(token).on(self.channel.clone()))
    }

    /// The same on a connection of its own, for races between clients.
    pub fn another_party(&self, token: &str) -> Party {
        Party::new(Bearer::new(token).on(connect(self.address)))
    }

    /// Where it serves metrics; it was started with `--metrics-listen 127.0.0.1:0`. Panics where it was not.
    pub fn metrics(&self) -> SocketAddr {
        metrics_in(&self.log())
    }

    /// Everything it has printed.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("the log of a server that was started")
    }

    /// Ends it as a power cut would (SIGKILL).
    pub fn kill9(self) {
        self.process.kill9();
    }
}

fn connect(address: SocketAddr) -> Channel {
    let _background = background::enter();
    Endpoint::from_shared(format!("http://{address}"))
        .expect("the URL of an address")
        .connect_timeout(Duration::from_secs(10))
        .timeout(Duration::from_secs(30))
        .connect_lazy()
}

/// What lies between a server and its database: bytes pass it both ways, or do not.
pub struct Door {
    url: String,
    state: watch::Sender<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct State {
    passage: Passage,
    /// Connections made earlier are lost: nothing passes them any more, and nobody is told.
    lost_before: u64,
    /// How many connections were made.
    made: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Passage {
    #[default]
    Open,
    /// Nothing passes, and nobody is told.
    Stuck,
    /// Connections are cut, and new ones too.
    Shut,
}

impl Door {
    /// An open door before the database of this URL.
    pub async fn before(url: &str) -> Self {
        let authority = url.rsplit_once('@').expect("a URL with a user").1;
        let behind = authority.split_once('/').expect("a URL with a database").0.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (state, watched) = watch::channel(State::default());
        let counted = state.clone();
        let url = url.replacen(&behind, &address.to_string(), 1);
        let listener = listener.into_std().expect("a socket");
        background::spawn(async move {
            let listener = TcpListener::from_std(listener).expect("a socket");
            while let Ok((inside, _)) = listener.accept().await {
                if watched.borrow().passage != Passage::Shut
                    && let Ok(outside) = TcpStream::connect(&behind).await
                {
                    let (from, to) = inside.into_split();
                    let (back, forth) = outside.into_split();
                    let number = watched.borrow().made;
                    counted.send_modify(|state| state.made += 1);
                    tokio::spawn(pass(from, forth, number, watched.clone()));
                    tokio::spawn(pass(back, to, number, watched.clone()));
                }
            }
        });
        Self { url, state }
    }

    /// The URL of the database behind it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets everything pass.
    pub fn open(&self) {
        self.state.send_modify(|state| state.passage = Passage::Open);
    }

    /// Lets nothing pass, and nobody know.
    pub fn stick(&self) {
        self.state.send_modify(|state| state.passage = Passage::Stuck);
    }

    /// Lets nothing pass any more that is connected now, and nobody know. New connections pass.
    pub fn lose(&self) {
        self.state.send_modify(|state| state.lost_before = state.made);
    }

    /// Cuts all connections, and those that come.
    pub fn shut(&self) {
        self.state.send_modify(|state| state.passage = Passage::Shut);
    }
}

/// Passes bytes on while the door is open, until it is shut or one side has ended; the end of a side passes as bytes do.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    number: u64,
    mut state: watch::Receiver<State>,
) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            Ok(_) = state.wait_for(|state| state.passage == Passage::Shut) => return,
        };
        let read = read.unwrap_or_default();
        let passes = |state: &State| state.passage != Passage::Stuck && number >= state.lost_before;
        match state.wait_for(passes).await {
            Ok(state) if state.passage == Passage::Open && read > 0 => {}
            _ => return,
        }
        let Some(bytes) = buffer.get(..read) else { return };
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

//! A mail server on loopback that keeps what it is sent, and can be told to refuse it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufStream};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::letter::Letter;
use crate::{background, poll};

/// How long a mail may take to arrive.
const LIMIT: Duration = Duration::from_secs(30);

/// What the server does with mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Takes it on.
    Takes,
    /// Answers every recipient with this (`451 come back later`).
    Refuses(&'static str),
    /// Closes each connection without a word.
    HangsUp,
    /// Reads a mail to its end and never says so.
    Stalls,
}

/// How clients connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// In clear.
    None,
    /// TLS from the start.
    Implicit,
    /// TLS after STARTTLS; mail in clear is refused.
    StartTls,
}

/// A mail server; it ends with the process.
pub struct Smtp {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its certificate in PEM, for clients to believe.
    pub certificate: String,
    shared: Arc<Shared>,
}

struct Shared {
    security: Security,
    acceptor: TlsAcceptor,
    state: Mutex<State>,
}

struct State {
    mood: Mood,
    letters: Vec<Letter>,
    connections: usize,
    credentials: Vec<String>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds it can leave it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Smtp {
    /// A server on a free port of 127.0.0.1, with a certificate for `localhost`.
    pub fn start(security: Security, mood: Mood) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .expect("a TLS configuration");
        let state = State { mood, letters: Vec::new(), connections: 0, credentials: Vec::new() };
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let shared = Arc::new(Shared { security, acceptor, state: Mutex::new(state) });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener that does not block");
        let address = listener.local_addr().expect("its address");
        let serving = Arc::clone(&shared);
        // In the background, so that it answers while a test's thread blocks.
        background::spawn(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            while let Ok((connection, _)) = listener.accept().await {
                let shared = Arc::clone(&serving);
                // What goes wrong with one connection is the client's to report.
                tokio::spawn(async move { converse(&shared, connection).await });
            }
        });
        Self { address, certificate: cert.pem(), shared }
    }

    /// Changes what it does with mail from now on.
    pub fn becomes(&self, mood: Mood) {
        self.shared.state().mood = mood;
    }

    /// The mail it took on, or read to its end, so far.
    pub fn letters(&self) -> Vec<Letter> {
        self.shared.state().letters.clone()
    }

    /// Waits until it holds this many mails; panics when it does not.
    pub async fn holds(&self, count: usize) -> Vec<Letter> {
        let found =
            poll::until(LIMIT, async || Some(self.letters()).filter(|letters| letters.len() >= count)).await;
        found.unwrap_or_else(|| panic!("{} of {count} mails after {LIMIT:?}", self.letters().len()))
    }

    /// Waits until clients have connected this often; panics when they have not.
    pub async fn met(&self, count: usize) {
        let found =
            poll::until(LIMIT, async || (self.shared.state().connections >= count).then_some(())).await;
        found.unwrap_or_else(|| panic!("fewer than {count} connections after {LIMIT:?}"));
    }

    /// What clients sent to sign in, in the base64 of AUTH PLAIN.
    pub fn credentials(&self) -> Vec<String> {
        self.shared.state().credentials.clone()
    }
}

/// Where a conversation goes on after a layer of it has ended.
enum Next {
    Upgrade,
    End,
}

async fn converse(shared: &Shared, connection: tokio::net::TcpStream) -> std::io::Result<()> {
    let mood = {
        let mut state = shared.state();
        state.connections += 1;
        state.mood
    };
    if mood == Mood::HangsUp {
        return Ok(());
    }
    if shared.security == Security::Implicit {
        let stream = shared.acceptor.accept(connection).await?;
        return dialogue(shared, &mut BufStream::new(stream), Layer::Secret, true).await.map(drop);
    }
    let mut stream = BufStream::new(connection);
    let layer = if shared.security == Security::None { Layer::Secret } else { Layer::Clear };
    match dialogue(shared, &mut stream, layer, true).await? {
        Next::End => Ok(()),
        Next::Upgrade => {
            let stream = shared.acceptor.accept(stream.into_inner()).await?;
            dialogue(shared, &mut BufStream::new(stream), Layer::Secret, false).await.map(drop)
        }
    }
}

/// Whether mail may be sent on this layer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layer {
    Clear,
    Secret,
}

async fn dialogue<S>(
    shared: &Shared,
    stream: &mut BufStream<S>,
    layer: Layer,
    greets: bool,
) -> std::io::Result<Next>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if greets {
        say(stream, "220 localhost ESMTP").await?;
    }
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(Next::End);
        }
        let mood = shared.state().mood;
        let command = line.trim_end();
        let word = command.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        match (word.as_str(), layer, mood) {
            ("EHLO", Layer::Clear, _) => say(stream, "250-localhost\r\n250 STARTTLS").await?,
            ("EHLO" | "HELO", Layer::Secret, _) => say(stream, "250-localhost\r\n250 AUTH PLAIN").await?,
            ("STARTTLS", Layer::Clear, _) => {
                say(stream, "220 go ahead").await?;
                return Ok(Next::Upgrade);
            }
            ("QUIT", ..) => {
                say(stream, "221 bye").await?;
                return Ok(Next::End);
            }
            (_, Layer::Clear, _) => say(stream, "530 STARTTLS first").await?,
            ("AUTH", ..) => {
                shared.state().credentials.push(command.to_owned());
                say(stream, "235 welcome").await?;
            }
            ("RCPT", _, Mood::Refuses(answer)) => say(stream, answer).await?,
            ("DATA", ..) => {
                say(stream, "354 go on").await?;
                let letter = data(stream).await?;
                shared.state().letters.push(letter);
                if mood == Mood::Stalls {
                    std::future::pending::<()>().await;
                }
                say(stream, "250 taken on").await?;
            }
            ("MAIL" | "RCPT" | "RSET" | "NOOP", ..) => say(stream, "250 fine").await?,
            _ => say(stream, "502 what?").await?,
        }
    }
}

async fn say<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufStream<S>,
    text: &str,
) -> std::io::Result<()> {
    stream.write_all(text.as_bytes()).await?;
    stream.write_all(b"\r\n").await?;
    stream.flush().await
}

/// A message up to the line with a dot alone (RFC 5321 §4.5.2).
async fn data<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufStream<S>) -> std::io::Result<Letter> {
    let mut message = Vec::new();
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await? == 0 || line == b".\r\n" {
            return Ok(Letter::parse(&message));
        }
        message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}

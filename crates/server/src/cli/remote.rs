//! What commands that are clients of a running server have in common: where it is, and the token of whoever asks.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tonic::Request;
use tonic::transport::{Channel, Endpoint};

/// Which server, and in whose name.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Remote {
    /// The server.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:50051", env = "MANDATE_ENDPOINT")]
    pub(super) endpoint: String,
    #[command(flatten)]
    pub(super) credentials: Credentials,
}

/// In whose name a server is asked.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Credentials {
    /// The token of a platform operator (`mandate token --subject me --scope platform.operator`).
    #[arg(long, value_name = "TOKEN", env = "MANDATE_TOKEN", hide_env_values = true)]
    token: Option<Token>,
    /// A file that holds the token, which keeps it out of the list of processes. It goes before any other.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// A bearer token, never shown.
#[derive(Clone)]
struct Token(String);

impl From<String> for Token {
    fn from(token: String) -> Self {
        Self(token)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Credentials {
    /// The token.
    pub(super) fn token(&self) -> anyhow::Result<String> {
        let token = match (&self.token_file, &self.token) {
            (Some(file), _) => std::fs::read_to_string(file)
                .with_context(|| format!("{}: the token cannot be read", file.display()))?,
            (None, Some(Token(token))) => token.clone(),
            (None, None) => bail!(
                "a token is needed: --token-file FILE, or MANDATE_TOKEN in the environment; mint one with \
                 mandate token --subject me --scope platform.operator"
            ),
        };
        Ok(token.trim().to_owned())
    }
}

/// A connection to a server.
pub(super) async fn connect(endpoint: &str) -> anyhow::Result<Channel> {
    let wrong = || format!("{endpoint} is no address of a server; write --endpoint http://HOST:PORT");
    let endpoint = Endpoint::from_shared(endpoint.to_owned())
        .with_context(wrong)?
        .connect_timeout(Duration::from_secs(10))
        .http2_keep_alive_interval(Duration::from_secs(30));
    let unreachable = || format!("no connection to {}; is the server running?", endpoint.uri());
    endpoint.connect().await.with_context(unreachable)
}

/// A call with a token.
pub(super) fn authorized<T>(token: &str, message: T) -> anyhow::Result<Request<T>> {
    let mut request = Request::new(message);
    let header = format!("Bearer {token}").parse().context("the token holds what no token holds")?;
    request.metadata_mut().insert("authorization", header);
    Ok(request)
}

//! What commands that are clients of a running server have in common: where it is, and the token of whoever asks.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use tonic::Request;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::trust::{Encrypted, Trust, mistake, mistake_of};

/// Which server, and in whose name.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Remote {
    /// The server: http://HOST:PORT, or https://HOST:PORT, which is encrypted.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:50051", env = "MANDATE_ENDPOINT")]
    pub(super) endpoint: String,
    #[command(flatten)]
    pub(super) trust: Trust,
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

/// A connection to a server, which has answered once: who is to be believed and who not shows with some versions of TLS only
/// then.
pub(super) async fn connect(remote: &Remote) -> anyhow::Result<Channel> {
    let address = &remote.endpoint;
    let wrong = || {
        format!("{address} is no address of a server; write --endpoint http://HOST:PORT or https://HOST:PORT")
    };
    let endpoint = Endpoint::from_shared(address.clone())
        .with_context(wrong)?
        .connect_timeout(Duration::from_secs(10))
        .http2_keep_alive_interval(Duration::from_secs(30));
    let (endpoint, encrypted) = match endpoint.uri().scheme_str() {
        Some("https") => (remote.trust.verified(endpoint)?, Encrypted::Yes),
        Some("http") if remote.trust.is_given() => {
            bail!(
                "{address} is not encrypted, and --endpoint-ca and the like are about encryption: write https://HOST:PORT"
            )
        }
        Some("http") => (endpoint, Encrypted::No),
        _ => return Err(anyhow!(wrong())),
    };
    let channel = endpoint.connect().await.map_err(|error| match mistake(&error) {
        Some(mistake) => anyhow!("no connection to {address}: {mistake}"),
        None => anyhow!(error).context(format!("no connection to {address}; is the server running?")),
    })?;
    // Whatever else is wrong, the call itself will tell.
    if let Err(status) = HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await
        && let Some(mistake) = mistake_of(&status, encrypted)
    {
        bail!("no connection to {address}: {mistake}");
    }
    Ok(channel)
}

/// A call with a token.
pub(super) fn authorized<T>(token: &str, message: T) -> anyhow::Result<Request<T>> {
    let mut request = Request::new(message);
    let header = format!("Bearer {token}").parse().context("the token holds what no token holds")?;
    request.metadata_mut().insert("authorization", header);
    Ok(request)
}

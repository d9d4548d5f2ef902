//! What a client is made with.

use std::sync::Arc;
use std::time::Duration;

use tonic::transport::channel::Change;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::call::{Client, Deadlines, Shared};
use crate::channel::Channel;
use crate::freshness::Freshness;
use crate::token::TokenSource;

/// How many connections there are to each address, unless told otherwise: a server answers each on one of its cores.
const CONNECTIONS: usize = 4;
/// For how long a read may take, its retries included.
const READ: Duration = Duration::from_secs(2);
/// The same of a write: it may wait for others.
const WRITE: Duration = Duration::from_secs(10);
/// For how long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(2);
/// After what time of silence a connection is asked whether it is still there, and how long it may take to say so.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(5));

/// Why no client could be made.
#[derive(Debug)]
pub enum BuildError {
    /// No address was given, or one that is none.
    Address(String),
    /// The certificates cannot be used.
    Tls(tonic::transport::Error),
}

impl std::fmt::Display for BuildError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(address) => {
                write!(
                    f,
                    "`{address}` is no address of a server; write http://HOST:PORT or https://HOST:PORT"
                )
            }
            Self::Tls(error) => write!(f, "the certificates cannot be used: {error}"),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Address(_) => None,
            Self::Tls(error) => Some(error),
        }
    }
}

/// What a client is made with. Every setting has a default but the addresses.
#[derive(Debug, Clone)]
pub struct Builder {
    addresses: Vec<String>,
    connections: usize,
    token: TokenSource,
    deadlines: Deadlines,
    tls: Option<ClientTlsConfig>,
    has_ca: bool,
}

impl Builder {
    pub(crate) fn new(address: String) -> Self {
        Self {
            addresses: vec![address],
            connections: CONNECTIONS,
            token: TokenSource::none(),
            deadlines: Deadlines { read: READ, write: WRITE },
            tls: None,
            has_ca: false,
        }
    }

    /// Another server of the same installation. Calls go to whichever has fewer of them in hand.
    #[must_use]
    pub fn or(mut self, address: impl Into<String>) -> Self {
        self.addresses.push(address.into());
        self
    }

    /// How many connections there are to each address. Default 4, at least 1.
    #[must_use]
    pub fn connections(mut self, number: usize) -> Self {
        self.connections = number.max(1);
        self
    }

    /// Where the token of each call comes from. Default: calls have none.
    #[must_use]
    pub fn token(mut self, source: TokenSource) -> Self {
        self.token = source;
        self
    }

    /// For how long a call that only reads may take, its retries included. Default 2 seconds.
    #[must_use]
    pub fn read_deadline(mut self, deadline: Duration) -> Self {
        self.deadlines.read = deadline;
        self
    }

    /// For how long a write may take, its retries included. Default 10 seconds.
    #[must_use]
    pub fn write_deadline(mut self, deadline: Duration) -> Self {
        self.deadlines.write = deadline;
        self
    }

    /// Believes servers by these certificates (PEM) beside the system's, if it has any. Addresses with `https://` are always encrypted.
    #[must_use]
    pub fn ca(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.has_ca = true;
        self.tls = Some(self.tls_config().ca_certificate(Certificate::from_pem(pem)));
        self
    }

    /// Shows servers this certificate (PEM, with its key), where they ask for one.
    #[must_use]
    pub fn identity(mut self, certificate: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Self {
        self.tls = Some(self.tls_config().identity(Identity::from_pem(certificate, key)));
        self
    }

    /// The name that the servers' certificates are of, where it is not that of the address.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.tls = Some(self.tls_config().domain_name(name));
        self
    }

    /// Makes the client. It connects with its first call. Call it inside of a Tokio runtime.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn build(self) -> Result<Client, BuildError> {
        let wanted = self.addresses.len().saturating_mul(self.connections);
        let (channel, changes) = tonic::transport::Channel::balance_channel(wanted.max(1));
        for (server, address) in self.addresses.iter().enumerate() {
            let endpoint = self.endpoint(address)?;
            for connection in 0..self.connections {
                // Under keys of their own: several connections to one address are several places to go.
                let change = Change::Insert((server, connection), endpoint.clone());
                // There is room for all of them.
                if changes.try_send(change).is_err() {
                    return Err(BuildError::Address(address.clone()));
                }
            }
        }
        let channel = Channel::new(channel, Arc::new(self.token));
        let shared = Shared { deadlines: self.deadlines, freshness: Freshness::default() };
        Ok(Client::new(channel, shared))
    }

    fn tls_config(&self) -> ClientTlsConfig {
        self.tls.clone().unwrap_or_default()
    }

    fn endpoint(&self, address: &str) -> Result<Endpoint, BuildError> {
        let no_address = || BuildError::Address(address.to_owned());
        let encrypted = match address.split_once("://") {
            Some(("http", _)) => false,
            Some(("https", _)) => true,
            _ => return Err(no_address()),
        };
        let endpoint = Endpoint::from_shared(address.to_owned()).map_err(|_| no_address())?;
        let endpoint = endpoint
            .connect_timeout(CONNECT)
            .http2_keep_alive_interval(KEEP_ALIVE.0)
            .keep_alive_timeout(KEEP_ALIVE.1)
            .keep_alive_while_idle(true);
        if !encrypted {
            return Ok(endpoint);
        }
        let config = self.tls_config();
        let with_the_systems = endpoint.clone().tls_config(config.clone().with_enabled_roots());
        match with_the_systems {
            // A container may have none of its own, and need none beside those that were given.
            Err(_) if self.has_ca => endpoint.tls_config(config).map_err(BuildError::Tls),
            other => other.map_err(BuildError::Tls),
        }
    }
}

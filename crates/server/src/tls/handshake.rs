//! From a connection to an encrypted one.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::server::Acceptor;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::TlsSettings;
use super::plain;
use super::reload::Tls;
use super::tally::Shaken;

/// How the first message of TLS begins: a record of the type handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 0x16;

/// What all threads make handshakes with.
pub(crate) struct Secure {
    tls: Arc<Tls>,
    limit: Duration,
    places: usize,
}

impl Secure {
    pub(crate) fn new(tls: Arc<Tls>, settings: &TlsSettings) -> Self {
        let places = usize::from(settings.tls_handshakes.get());
        Self { tls, limit: settings.tls_handshake_timeout, places }
    }

    /// What one thread makes them with.
    pub(crate) fn on_a_thread(&self) -> Handshakes {
        let places = Arc::new(Semaphore::new(self.places));
        Handshakes { tls: Arc::clone(&self.tls), limit: self.limit, places }
    }
}

/// The handshakes of one thread.
#[derive(Clone)]
pub(crate) struct Handshakes {
    tls: Arc<Tls>,
    limit: Duration,
    places: Arc<Semaphore>,
}

impl Handshakes {
    /// Encrypts a connection; `None`: it could not be, and is closed.
    pub(crate) async fn shake(&self, connection: TcpStream) -> Option<TlsStream<TcpStream>> {
        let (how, encrypted) = match tokio::time::timeout(self.limit, self.attempt(connection)).await {
            Ok(Ok(Some(encrypted))) => (Shaken::Done, Some(encrypted)),
            Ok(Ok(None)) => (Shaken::Plain, None),
            Ok(Err(error)) => {
                let how = classified(&error);
                tracing::debug!(how = how.name(), %error, "a connection could not be encrypted");
                (how, None)
            }
            Err(_) => (Shaken::Late, None),
        };
        self.tls.shaken(how);
        encrypted
    }

    /// `None`: it spoke no TLS, and was told so.
    async fn attempt(&self, mut connection: TcpStream) -> io::Result<Option<TlsStream<TcpStream>>> {
        // Whoever says nothing, as probes of the network do, or is slow to greet takes nobody's place.
        let mut beginning = [0; 4];
        let length = connection.peek(&mut beginning).await?;
        let beginning = beginning.get(..length).unwrap_or_default();
        match beginning.first() {
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some(&HANDSHAKE) => {}
            Some(_) => return plain::tell(&mut connection, beginning).await.map(|()| None),
        }
        let greeted = LazyConfigAcceptor::new(Acceptor::default(), connection).await?;
        // It is never closed.
        let place = self.places.acquire().await.map_err(io::Error::other)?;
        // With what is in force now, however long the place was waited for.
        let shaken = greeted.into_stream(self.tls.config()).into_fallible().await;
        drop(place);
        match shaken {
            Ok(encrypted) => Ok(Some(encrypted)),
            Err((error, mut connection)) => {
                // They were told why. Whether they hear it makes no difference here.
                let _ = plain::leave(&mut connection).await;
                Err(error)
            }
        }
    }
}

/// Whose fault it was, as far as TLS tells.
fn classified(error: &io::Error) -> Shaken {
    use rustls::{AlertDescription as Alert, Error as Tls};
    match error.get_ref().and_then(|error| error.downcast_ref::<Tls>()) {
        Some(Tls::NoCertificatesPresented) => Shaken::NoCertificate,
        Some(Tls::InvalidCertificate(_)) => Shaken::BadCertificate,
        Some(Tls::AlertReceived(
            Alert::UnknownCA
            | Alert::BadCertificate
            | Alert::CertificateUnknown
            | Alert::CertificateExpired
            | Alert::CertificateRevoked
            | Alert::UnsupportedCertificate,
        )) => Shaken::Refused,
        _ => Shaken::Failed,
    }
}

//! A mail server over SMTP, encrypted unless told otherwise.

use std::fmt;
use std::time::Duration;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::{AsyncSmtpTransport, Error};
use lettre::{AsyncTransport as _, Message, Tokio1Executor};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::transport::SendError;

/// How long the server may take for one step of the conversation.
const STEP: Duration = Duration::from_secs(30);

/// How long one message may take altogether.
const WHOLE: Duration = Duration::from_secs(120);

/// Why a mail server's URL cannot be used. No message repeats the URL, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SmtpConfigError {
    /// It is no such URL.
    #[error(
        "the mail server's URL is not well formed: write smtps://USER:PASSWORD@HOST:465 (TLS from the start) or \
             smtp://USER:PASSWORD@HOST:587 (STARTTLS), with special characters of the password percent-encoded; \
             smtp://HOST:25?tls=none does without encryption"
    )]
    Url,
    /// A user without a password, or a password without encryption.
    #[error("{0}")]
    Credentials(&'static str),
    /// The certificates cannot be read.
    #[error("the mail server's CA file holds no certificate in PEM: {0}")]
    Certificate(String),
    /// TLS cannot be set up for this host.
    #[error("TLS with the mail server cannot be set up: {0}")]
    Tls(String),
}

/// A mail server.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    host: String,
}

/// Never shows the password.
impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp").field("host", &self.host).finish_non_exhaustive()
    }
}

/// How the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encryption {
    FromTheStart,
    Upgraded,
    None,
}

impl Smtp {
    /// A mail server by its URL. `password` counts where the URL has none; `ca` is certificates in PEM that are
    /// believed beside the system's.
    ///
    /// # Errors
    /// [`SmtpConfigError`]. Nothing is sent and nobody is connected to.
    pub fn new(url: &str, password: Option<String>, ca: Option<&[u8]>) -> Result<Self, SmtpConfigError> {
        let url = Url::parse(url).map_err(|_| SmtpConfigError::Url)?;
        let (encryption, port) = encryption(&url)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(SmtpConfigError::Url)?.to_owned();
        let tls = match encryption {
            Encryption::None => Tls::None,
            Encryption::Upgraded => Tls::Required(tls(&host, ca)?),
            Encryption::FromTheStart => Tls::Wrapper(tls(&host, ca)?),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host.clone())
            .port(url.port().unwrap_or(port))
            .tls(tls)
            .timeout(Some(STEP));
        if let Some(credentials) = credentials(&url, password)? {
            if encryption == Encryption::None {
                let message =
                    "the mail server's password would travel unencrypted; use smtps:// or leave out tls=none";
                return Err(SmtpConfigError::Credentials(message));
            }
            builder = builder.credentials(credentials);
        }
        Ok(Self { transport: builder.build(), host })
    }

    pub(crate) async fn send(&self, message: Message) -> Result<(), SendError> {
        match tokio::time::timeout(WHOLE, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if error.is_permanent() => Err(SendError::permanent(told(&error))),
            Ok(Err(error)) => Err(SendError::temporary(told(&error))),
            Err(_) => Err(SendError::temporary(format!("{} did not answer in time", self.host))),
        }
    }
}

/// The error with its causes; none of them knows the password.
fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    // A chain of sources ends by itself; the bound keeps a defect there out of the outbox.
    for _ in 0..8 {
        let Some(next) = cause else { break };
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

/// The encryption a URL asks for, and its usual port.
fn encryption(url: &Url) -> Result<(Encryption, u16), SmtpConfigError> {
    if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
        return Err(SmtpConfigError::Url);
    }
    let mut encryption = match url.scheme() {
        "smtps" => (Encryption::FromTheStart, 465),
        "smtp" => (Encryption::Upgraded, 587),
        _ => return Err(SmtpConfigError::Url),
    };
    for (name, value) in url.query_pairs() {
        match (&*name, &*value, url.scheme()) {
            ("tls", "none", "smtp") => encryption = (Encryption::None, 25),
            ("tls", "required", _) => {}
            _ => return Err(SmtpConfigError::Url),
        }
    }
    Ok(encryption)
}

fn credentials(url: &Url, password: Option<String>) -> Result<Option<Credentials>, SmtpConfigError> {
    let decoded = |text: &str| {
        percent_decode_str(text)
            .decode_utf8()
            .map(std::borrow::Cow::into_owned)
            .map_err(|_| SmtpConfigError::Url)
    };
    let user = decoded(url.username())?;
    let own = url.password().map(decoded).transpose()?;
    match (user.is_empty(), own.or(password)) {
        (true, None) => Ok(None),
        (true, Some(_)) => Err(SmtpConfigError::Credentials(
            "there is a password for the mail server and no user; write the user into its URL",
        )),
        (false, Some(password)) => Ok(Some(Credentials::new(user, password))),
        (false, None) => Err(SmtpConfigError::Credentials(
            "the mail server's URL names a user without a password; add it there or give a file with it",
        )),
    }
}

fn tls(host: &str, ca: Option<&[u8]>) -> Result<TlsParameters, SmtpConfigError> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(pem) = ca {
        let certificate =
            Certificate::from_pem(pem).map_err(|error| SmtpConfigError::Certificate(error.to_string()))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build().map_err(|error| SmtpConfigError::Tls(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_how_to_connect() {
        for url in [
            "smtps://user:p%40ss@mail.example.com",
            "smtp://user:pass@mail.example.com:2525",
            "smtp://127.0.0.1:2500?tls=none",
        ] {
            assert!(Smtp::new(url, None, None).is_ok(), "{url}");
        }
        assert!(Smtp::new("smtps://user@mail.example.com", Some("secret".to_owned()), None).is_ok());
    }

    #[test]
    fn no_password_travels_in_clear_and_no_error_repeats_one() {
        let urls = [
            "smtp://user:hunter2@mail.example.com?tls=none",
            "smtps://:hunter2@mail.example.com",
            "smtps://user:hunter2@",
            "http://user:hunter2@mail.example.com",
            "smtps://user:hunter2@mail.example.com/?tls=none",
            "smtps://user:hunter2@mail.example.com/inbox",
            "hunter2",
        ];
        for url in urls {
            let error = Smtp::new(url, None, None).expect_err(url);
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        let smtp = Smtp::new("smtps://user:hunter2@mail.example.com", None, None).unwrap();
        assert!(!format!("{smtp:?}").contains("hunter2"));
    }
}

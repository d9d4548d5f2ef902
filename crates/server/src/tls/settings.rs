//! The part of the command line that is about TLS.

use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use super::material::{Sources, TlsError};
use crate::mailer::seconds;

/// Handshakes at a time on a thread, unless told otherwise.
const HANDSHAKES: NonZero<u16> = match NonZero::new(256) {
    Some(number) => number,
    None => NonZero::<u16>::MIN,
};

/// Encryption of the port of `--listen`.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "TLS")]
pub struct TlsSettings {
    /// The server's certificate (PEM), behind it those that lead to its authority. With it the port of --listen speaks TLS
    /// 1.2 and 1.3, and nothing unencrypted. The files of certificate, key and authority are read again when they
    /// change. Left out: no TLS.
    #[arg(long, value_name = "FILE", env = "MANDATE_TLS_CERTIFICATE")]
    pub tls_certificate: Option<PathBuf>,
    /// The key of the certificate (PEM), in a file that only its owner can read; if that is another user, its group, too.
    #[arg(long, value_name = "FILE", env = "MANDATE_TLS_KEY")]
    pub tls_key: Option<PathBuf>,
    /// The authorities (PEM) of which whoever connects must show a certificate (mTLS), health checks too. It stands for
    /// nobody: each call needs its token as ever. Left out: nobody is asked for one.
    #[arg(long, value_name = "FILE", env = "MANDATE_TLS_CLIENT_CA")]
    pub tls_client_ca: Option<PathBuf>,
    /// How often the files are looked at, in seconds. SIGHUP has them looked at now.
    #[arg(long, value_name = "SECONDS", default_value = "10", env = "MANDATE_TLS_RELOAD_INTERVAL", value_parser = seconds)]
    pub tls_reload_interval: Duration,
    /// How many seconds a connection has to be encrypted, before it is closed.
    #[arg(long, value_name = "SECONDS", default_value = "10", env = "MANDATE_TLS_HANDSHAKE_TIMEOUT", value_parser = seconds)]
    pub tls_handshake_timeout: Duration,
    /// The most handshakes at a time on each thread that answers calls. Further connections wait for their turn.
    #[arg(long, value_name = "NUMBER", default_value_t = HANDSHAKES, env = "MANDATE_TLS_HANDSHAKES")]
    pub tls_handshakes: NonZero<u16>,
}

impl Default for TlsSettings {
    /// No TLS, and what the command line has where nothing is said.
    fn default() -> Self {
        Self {
            tls_certificate: None,
            tls_key: None,
            tls_client_ca: None,
            tls_reload_interval: Duration::from_secs(10),
            tls_handshake_timeout: Duration::from_secs(10),
            tls_handshakes: HANDSHAKES,
        }
    }
}

impl TlsSettings {
    /// The files; `None`: there is no TLS.
    ///
    /// # Errors
    /// One of them is named, and what goes with it is not.
    pub(super) fn sources(&self) -> Result<Option<Sources>, TlsError> {
        match (&self.tls_certificate, &self.tls_key, &self.tls_client_ca) {
            (Some(certificate), Some(key), client_ca) => Ok(Some(Sources {
                certificate: certificate.clone(),
                key: key.clone(),
                client_ca: client_ca.clone(),
            })),
            (None, None, None) => Ok(None),
            (None, ..) => {
                Err(TlsError::Missing { given: "--tls-key or --tls-client-ca", missing: "--tls-certificate" })
            }
            (_, None, _) => Err(TlsError::Missing { given: "--tls-certificate", missing: "--tls-key" }),
        }
    }

    /// Which setting is wrong, and how, as far as can be told without a port.
    pub(crate) fn problem(&self) -> Option<(&'static str, String)> {
        match self.sources() {
            Ok(None) => None,
            Ok(Some(sources)) => match sources.read().and_then(|contents| sources.material(&contents, &[])) {
                Ok(_) => None,
                Err(error) => Some((sources.setting(&error), error.to_string())),
            },
            Err(error) => {
                let given = if self.tls_certificate.is_none() { "tls_certificate" } else { "tls_key" };
                Some((given, error.to_string()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        tls: TlsSettings,
    }

    #[test]
    fn the_defaults_are_those_of_the_command_line() {
        let Ok(line) = <Line as clap::Parser>::try_parse_from(["x"]) else { panic!("no option is needed") };
        assert_eq!(format!("{:?}", line.tls), format!("{:?}", TlsSettings::default()));
    }

    #[test]
    fn certificate_and_key_go_together() {
        let file = || Some(PathBuf::from("file"));
        let without_key = TlsSettings { tls_certificate: file(), ..TlsSettings::default() };
        assert_eq!(without_key.problem().map(|(id, _)| id), Some("tls_key"));
        let authority_alone = TlsSettings { tls_client_ca: file(), ..TlsSettings::default() };
        assert_eq!(authority_alone.problem().map(|(id, _)| id), Some("tls_certificate"));
        assert!(TlsSettings::default().problem().is_none());
    }
}

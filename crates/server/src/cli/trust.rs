//! How commands that are clients of a server encrypt: whom they believe, who they are, and what went wrong with it.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use tonic::Status;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::secret_file;
use crate::tls::ADVICE;

/// Whom to believe, and who this is: where the address begins with `https://`.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Trust {
    /// The authorities (PEM) of the server's certificate. Default: the system's.
    #[arg(long, value_name = "FILE", env = "MANDATE_ENDPOINT_CA")]
    endpoint_ca: Option<PathBuf>,
    /// The certificate (PEM) to show a server that asks for one.
    #[arg(long, value_name = "FILE", env = "MANDATE_ENDPOINT_CERTIFICATE", requires = "endpoint_key")]
    endpoint_certificate: Option<PathBuf>,
    /// The key of that certificate (PEM), in a file that only its owner can read.
    #[arg(long, value_name = "FILE", env = "MANDATE_ENDPOINT_KEY", requires = "endpoint_certificate")]
    endpoint_key: Option<PathBuf>,
    /// The name that the server's certificate is of, where it is not that of the address.
    #[arg(long, value_name = "NAME", env = "MANDATE_ENDPOINT_SERVER_NAME")]
    endpoint_server_name: Option<String>,
}

impl Trust {
    /// Whether anything of it was given.
    pub(super) fn is_given(&self) -> bool {
        self.endpoint_ca.is_some()
            || self.endpoint_certificate.is_some()
            || self.endpoint_server_name.is_some()
    }

    /// Encrypts calls to this endpoint, and believes no server but the right one.
    pub(super) fn verified(&self, endpoint: Endpoint) -> anyhow::Result<Endpoint> {
        let config = match &self.endpoint_ca {
            Some(file) => self.config()?.ca_certificate(Certificate::from_pem(read(file)?)),
            None => self.config()?.with_native_roots(),
        };
        endpoint.tls_config(config).map_err(|error| {
            let cause = causes(&error).last();
            let cause = cause.map(ToString::to_string).unwrap_or_default();
            anyhow!("no certificates to believe or to show ({cause}); check --endpoint-ca, --endpoint-certificate and --endpoint-key")
        })
    }

    /// The same to a server on this machine; unless an authority was named, whichever certificate it shows will do.
    pub(super) fn of_this_machine(&self, endpoint: Endpoint) -> anyhow::Result<Endpoint> {
        if self.endpoint_ca.is_some() {
            return self.verified(endpoint);
        }
        endpoint
            .tls_config_with_verifier(self.config()?, Arc::new(Anybody::new()))
            .context("the certificate of --endpoint-certificate cannot be used")
    }

    fn config(&self) -> anyhow::Result<ClientTlsConfig> {
        let mut config = ClientTlsConfig::new();
        if let Some(name) = &self.endpoint_server_name {
            config = config.domain_name(name);
        }
        if let (Some(certificate), Some(key)) = (&self.endpoint_certificate, &self.endpoint_key) {
            let key = secret_file::load(key)
                .map_err(|error| match error {
                    secret_file::SecretFileError::Exposed { path, mode } => anyhow!(
                        "{}: its mode is {mode:03o}, so that others may use the key; run `chmod 600 {0}`",
                        path.display()
                    ),
                    error => anyhow!("{}: the key cannot be read ({error})", key.display()),
                })?
                .with_context(|| format!("{}: there is no such file; check --endpoint-key", key.display()))?;
            config = config.identity(Identity::from_pem(read(certificate)?, key));
        }
        Ok(config)
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("{}: the certificate cannot be read", file.display()))
}

/// The same of a call, the first one of a connection. HTTP/2 may tell no more than that the connection has ended: with TLS 1.3
/// a server says only behind the handshake that it misses a certificate, and what it says may come before the call is sent.
pub(super) fn mistake_of(status: &Status, encrypted: Encrypted) -> Option<String> {
    let ended = || causes(status).any(|cause| cause.downcast_ref::<hyper::Error>().is_some());
    let guess = match encrypted {
        Encrypted::Yes => {
            "the server ended the connection: if it asks for certificates, give --endpoint-certificate and --endpoint-key, of \
             an authority that it believes (its --tls-client-ca)"
        }
        Encrypted::No => "the server ended the connection: if it speaks TLS, write https:// in the address",
    };
    mistake(status).or_else(|| ended().then(|| guess.to_owned()))
}

/// Whether a connection is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Encrypted {
    Yes,
    No,
}

/// The error, what caused it, what caused that…
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (**error).source())
}

/// What a person has to correct, where encryption is why there was no answer.
pub(super) fn mistake(error: &(dyn Error + 'static)) -> Option<String> {
    causes(error).find_map(|cause| {
        // What an I/O error holds is not what it names as its source.
        let held = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let tls = held.and_then(|held| held.downcast_ref::<rustls::Error>());
        tls.or_else(|| cause.downcast_ref())
            .map(advice)
            .or_else(|| cause.to_string().contains(ADVICE).then(|| ADVICE.to_owned()))
    })
}

fn advice(error: &rustls::Error) -> String {
    use rustls::{AlertDescription as Alert, CertificateError as Bad, Error as Tls};
    match error {
        Tls::InvalidCertificate(Bad::UnknownIssuer | Bad::BadSignature) => {
            "the server's certificate is of an authority that is not trusted: name the file of its root certificate with \
             --endpoint-ca"
                .to_owned()
        }
        Tls::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => {
            "the server's certificate is for another host: write the host as the certificate has it, or give \
             --endpoint-server-name"
                .to_owned()
        }
        Tls::InvalidCertificate(bad @ Bad::Other(_)) if format!("{bad:?}").contains("CaUsedAsEndEntity") => {
            "the server's certificate is one of an authority (CA:TRUE), and no server's: make it anew with \
             basicConstraints=CA:FALSE"
                .to_owned()
        }
        Tls::InvalidCertificate(bad) => format!("the server's certificate is not good: {bad}"),
        Tls::InvalidMessage(_) => "the server speaks no TLS there: write http:// in the address".to_owned(),
        Tls::AlertReceived(Alert::CertificateRequired) => {
            "the server asks for a certificate: give --endpoint-certificate and --endpoint-key".to_owned()
        }
        Tls::AlertReceived(alert) => format!(
            "the server does not go on ({alert:?}): check --endpoint-certificate, which must be of an authority that it \
             believes (its --tls-client-ca)"
        ),
        other => format!("there is no agreement on TLS with the server ({other})"),
    }
}

/// Believes that whoever answers is the server. INVARIANT: for `mandate health` on the server's own machine alone, which
/// tells no secret and asks nothing but whether somebody answers.
#[derive(Debug)]
struct Anybody(CryptoProvider);

impl Anybody {
    fn new() -> Self {
        Self(aws_lc_rs::default_provider())
    }
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

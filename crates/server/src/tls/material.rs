//! Certificate, key and authority: from files to what handshakes are made with.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{InconsistentKeys, RootCertStore, ServerConfig};
use sha2::{Digest as _, Sha256};
use x509_parser::parse_x509_certificate;

use crate::clock::now_micros;
use crate::secret_file::{self, SecretFileError};

/// More than any file of certificates has, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Microseconds in a second.
const MICROS: i64 = 1_000_000;

/// Why connections cannot be encrypted with these files. None of it holds anything of a key.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsError {
    #[error("{given} goes with {missing}: give both")]
    Missing { given: &'static str, missing: &'static str },
    #[error("{path}: cannot be read ({error}); {}", unread(error))]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{path}: is larger than 1 MiB; is it a file of certificates?")]
    TooLarge { path: PathBuf },
    #[error(
        "{path}: its mode is {mode:03o}, so that others than its owner may use the key; run `chmod 600 {path}`, and if \
         others may have read it, have another certificate made"
    )]
    Exposed { path: PathBuf, mode: u32 },
    #[error("{path}: holds no whole certificate in PEM (-----BEGIN CERTIFICATE-----)")]
    NoCertificate { path: PathBuf },
    #[error("{path}: holds no whole key in PEM without a passphrase (-----BEGIN PRIVATE KEY-----)")]
    NoKey { path: PathBuf },
    #[error("{key} is not the key of {certificate}: give the one that the certificate was made for")]
    NotItsKey { certificate: PathBuf, key: PathBuf },
    #[error("{path}: the certificate was good until {end}; renew it")]
    Expired { path: PathBuf, end: String },
    #[error("{path}: cannot be used ({error})")]
    Unusable { path: PathBuf, error: String },
}

/// What to do about a file that cannot be read.
fn unread(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "name one that is there; paths in a file of settings are relative to that file"
        }
        _ => "the server's user must be able to",
    }
}

/// Where everything is read from.
#[derive(Debug, Clone)]
pub(super) struct Sources {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    pub(super) client_ca: Option<PathBuf>,
}

/// What is in the files at one time.
pub(super) struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

/// Which contents: that of two times are the same is told without keeping a key.
pub(super) type Fingerprint = [u8; 32];

/// What handshakes are made with.
pub(super) struct Material {
    pub(super) config: Arc<ServerConfig>,
    pub(super) fingerprint: Fingerprint,
    /// Until when the certificate and all that lead to its authority are good, in seconds since 1970.
    pub(super) certificate_ends: i64,
    /// The same of the authorities of callers.
    pub(super) client_ca_ends: Option<i64>,
}

impl Sources {
    /// Reads the files.
    pub(super) fn read(&self) -> Result<Contents, TlsError> {
        Ok(Contents {
            certificate: read(&self.certificate)?,
            key: read_key(&self.key)?,
            client_ca: self.client_ca.as_deref().map(read).transpose()?,
        })
    }

    /// Judges what was read, and makes something of it.
    pub(super) fn material(&self, contents: &Contents, protocols: &[&[u8]]) -> Result<Material, TlsError> {
        let chain = certificates(&contents.certificate, &self.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key)
            .map_err(|_| TlsError::NoKey { path: self.key.clone() })?;
        let certificate_ends = first_end(&chain, &self.certificate)?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(unusable(&self.certificate))?;
        let (builder, client_ca_ends) = match (&self.client_ca, &contents.client_ca) {
            (Some(path), Some(bytes)) => {
                let authorities = certificates(bytes, path)?;
                let ends = first_end(&authorities, path)?;
                let mut roots = RootCertStore::empty();
                for authority in authorities {
                    roots.add(authority).map_err(unusable(path))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = verifier.build().map_err(|error| unusable(path)(error.to_string()))?;
                (builder.with_client_cert_verifier(verifier), Some(ends))
            }
            _ => (builder.with_no_client_auth(), None),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                TlsError::NotItsKey { certificate: self.certificate.clone(), key: self.key.clone() }
            }
            error => unusable(&self.certificate)(error),
        })?;
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        // Every handshake looks at the certificates anew: a session that is taken up again would not, and calls share
        // connections that last.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        let fingerprint = contents.fingerprint();
        Ok(Material { config: Arc::new(config), fingerprint, certificate_ends, client_ca_ends })
    }

    /// The setting that this is a mistake of.
    pub(super) fn setting(&self, error: &TlsError) -> &'static str {
        match error {
            TlsError::Missing { .. }
            | TlsError::NotItsKey { .. }
            | TlsError::NoKey { .. }
            | TlsError::Exposed { .. } => "tls_key",
            TlsError::Unreadable { path, .. }
            | TlsError::TooLarge { path }
            | TlsError::NoCertificate { path }
            | TlsError::Expired { path, .. }
            | TlsError::Unusable { path, .. } => {
                if *path == self.key {
                    "tls_key"
                } else if self.client_ca.as_ref() == Some(path) {
                    "tls_client_ca"
                } else {
                    "tls_certificate"
                }
            }
        }
    }
}

impl Contents {
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        for part in [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()] {
            hash.update(
                part.map_or(u64::MAX, |part| u64::try_from(part.len()).unwrap_or(u64::MAX)).to_be_bytes(),
            );
            hash.update(part.map(Vec::as_slice).unwrap_or_default());
        }
        hash.finalize().into()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    use io::Read as _;
    let unreadable = |error| TlsError::Unreadable { path: path.to_owned(), error };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let length = file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(length).is_ok_and(|length| length > MAX_BYTES) {
        return Err(TlsError::TooLarge { path: path.to_owned() });
    }
    Ok(bytes)
}

fn read_key(path: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable = |error| TlsError::Unreadable { path: path.to_owned(), error };
    match secret_file::load(path) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(unreadable(io::ErrorKind::NotFound.into())),
        Err(SecretFileError::Exposed { path, mode }) => Err(TlsError::Exposed { path, mode }),
        Err(SecretFileError::Io { source, .. }) => Err(unreadable(source)),
    }
}

/// All certificates of a file, of which there is one at least.
fn certificates(bytes: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        _ => Err(TlsError::NoCertificate { path: path.to_owned() }),
    }
}

/// When the first of them ends, in seconds since 1970; none may have ended already.
fn first_end(certificates: &[CertificateDer<'_>], path: &Path) -> Result<i64, TlsError> {
    let mut first = i64::MAX;
    for certificate in certificates {
        let (_, parsed) = parse_x509_certificate(certificate)
            .map_err(|_| TlsError::NoCertificate { path: path.to_owned() })?;
        let end = parsed.validity().not_after;
        if end.timestamp() < now_micros() / MICROS {
            return Err(TlsError::Expired { path: path.to_owned(), end: end.to_string() });
        }
        first = first.min(end.timestamp());
    }
    Ok(first)
}

fn unusable<E: ToString>(path: &Path) -> impl Fn(E) -> TlsError {
    move |error| TlsError::Unusable { path: path.to_owned(), error: error.to_string() }
}

//! The service's own keys over time: the first of its file signs, and tokens of all of them are believed.
//!
//! So a key is exchanged without a failed call: another one is added, moved to the front once every server knows it, and the
//! one before goes when its last token has expired (`mandate signing-key`).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use mandate_domain::session::Session;
use tokio::task::JoinSet;

use super::keys::VerificationKey;
use super::session_token::PublicKey;
use super::signing_key::{MintError, SIGNING_KEY_FILE, SigningKey, SigningKeyError};
use super::verifier::Verifier;
use crate::look_again::{Hangup, Mistake};

/// How often the file is looked at; on SIGHUP it is at once.
const LOOKED_AT: Duration = Duration::from_secs(10);

/// The keys of a server.
#[derive(Debug)]
pub struct SigningKeys {
    /// `None`: nobody else has them, and they do not change.
    file: Option<PathBuf>,
    // INVARIANT: never empty.
    current: ArcSwap<Vec<SigningKey>>,
}

/// Looks at the file until it is dropped.
pub struct OwnKeysRefresh {
    _tasks: JoinSet<()>,
}

impl SigningKeys {
    /// Those of the data folder; one is made if there is none.
    ///
    /// # Errors
    /// See [`SigningKeyError`]; an existing file is never replaced.
    pub fn load_or_create(data_dir: &Path) -> Result<Self, SigningKeyError> {
        let keys = SigningKey::load_or_create_all(data_dir)?;
        Ok(Self { file: Some(data_dir.join(SIGNING_KEY_FILE)), current: ArcSwap::from_pointee(keys) })
    }

    /// One that nobody else has, and that ends with this value.
    ///
    /// # Errors
    /// [`SigningKeyError::NoRandomness`].
    pub fn in_memory() -> Result<Self, SigningKeyError> {
        Ok(Self { file: None, current: ArcSwap::from_pointee(vec![SigningKey::in_memory()?]) })
    }

    /// What signs now.
    ///
    /// # Errors
    /// See [`MintError`].
    pub fn signing<T>(&self, sign: impl FnOnce(&SigningKey) -> Result<T, MintError>) -> Result<T, MintError> {
        self.current.load().first().ok_or(MintError::Signing).and_then(sign)
    }

    /// As [`SigningKey::mint_session`].
    ///
    /// # Errors
    /// As there.
    pub fn mint_session(&self, session: &Session, now_micros: i64) -> Result<(String, Duration), MintError> {
        self.signing(|key| key.mint_session(session, now_micros))
    }

    /// The public halves, the one that signs first.
    #[must_use]
    pub fn public_keys(&self) -> Vec<PublicKey> {
        self.current.load().iter().map(SigningKey::public_key).collect()
    }

    pub(super) fn verification_keys(&self) -> Vec<VerificationKey> {
        verification_keys(&self.current.load())
    }

    /// Takes what changes in the file, for the verifier first: what signs is believed.
    ///
    /// # Errors
    /// The system gives no signals.
    pub fn keep_fresh(self: &Arc<Self>, verifier: &Arc<Verifier>) -> anyhow::Result<OwnKeysRefresh> {
        let mut tasks = JoinSet::new();
        if let Some(file) = self.file.clone() {
            tasks.spawn(follow(Arc::clone(self), Arc::clone(verifier), file, Hangup::listen()?));
        }
        Ok(OwnKeysRefresh { _tasks: tasks })
    }

    fn take(&self, keys: Vec<SigningKey>, verifier: &Verifier) {
        let kids = |keys: &[SigningKey]| keys.iter().map(|key| key.kid().to_owned()).collect::<Vec<_>>();
        if kids(&keys) == kids(&self.current.load()) {
            return;
        }
        // INVARIANT: the verifier knows a key before anything is signed with it.
        verifier.believe_own(verification_keys(&keys));
        let signs = keys.first().map(SigningKey::kid).unwrap_or_default().to_owned();
        tracing::info!(signs, known = keys.len(), "other signing keys are in force");
        self.current.store(Arc::new(keys));
    }
}

fn verification_keys(keys: &[SigningKey]) -> Vec<VerificationKey> {
    keys.iter().map(|key| key.verification_key().clone()).collect()
}

async fn follow(keys: Arc<SigningKeys>, verifier: Arc<Verifier>, file: PathBuf, mut hangup: Hangup) {
    let mut mistake = Mistake::default();
    loop {
        hangup.or_after(LOOKED_AT).await;
        match SigningKey::read_all(&file)
            .and_then(|read| read.ok_or(SigningKeyError::Gone { path: file.clone() }))
        {
            Ok(read) => {
                keys.take(read, &verifier);
                mistake.mended();
            }
            Err(error) => {
                if let Some(error) = mistake.news(&error) {
                    tracing::error!(error, "the signing keys cannot be read; those before stay in force");
                }
            }
        }
    }
}

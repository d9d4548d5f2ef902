//! The file of the key that links in mails are derived from.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mandate_mail::{MAIL_KEY_BYTES, MailKey};

use crate::secret_file::{self, SecretFileError};

/// The key's file in the data folder: 32 random bytes in base64url.
pub const MAIL_KEY_FILE: &str = "mail-secret.key";

/// Why the key can be neither read nor made.
#[derive(Debug, thiserror::Error)]
pub enum MailKeyError {
    /// Its file cannot be used.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// The file holds no such key.
    #[error(
        "{path}: does not hold 32 bytes in base64url; restore it from a backup, or delete it to have a new one made \
         (links that were mailed end with it)"
    )]
    NotAKey {
        /// The file.
        path: PathBuf,
    },
    /// The system gave no random numbers.
    #[error("the system's random numbers are not available; no mail key could be made")]
    NoRandomness,
}

/// The key in `data_dir`, made there if there is none yet, the folder too.
///
/// # Errors
/// See [`MailKeyError`]; an existing file is never replaced.
pub fn load_or_create(data_dir: &Path) -> Result<MailKey, MailKeyError> {
    let path = data_dir.join(MAIL_KEY_FILE);
    if let Some(key) = load(&path)? {
        return Ok(key);
    }
    secret_file::create(&path, format!("{}\n", URL_SAFE_NO_PAD.encode(random()?)).as_bytes())?;
    load(&path)?.ok_or(MailKeyError::NotAKey { path })
}

/// A key that nobody else has, and that ends with this value.
///
/// # Errors
/// [`MailKeyError::NoRandomness`].
pub fn in_memory() -> Result<MailKey, MailKeyError> {
    Ok(MailKey::new(&random()?))
}

fn random() -> Result<[u8; MAIL_KEY_BYTES], MailKeyError> {
    let mut bytes = [0_u8; MAIL_KEY_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| MailKeyError::NoRandomness)?;
    Ok(bytes)
}

fn load(path: &Path) -> Result<Option<MailKey>, MailKeyError> {
    let Some(text) = secret_file::load(path)? else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_ascii()).ok().and_then(|bytes| bytes.try_into().ok());
    match bytes {
        Some(bytes) => Ok(Some(MailKey::new(&bytes))),
        None => Err(MailKeyError::NotAKey { path: path.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use mandate_domain::id::InvitationId;

    use super::*;

    #[test]
    fn the_key_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let token = || load_or_create(folder.path()).unwrap().token(InvitationId::from_bits(1), 1);
        assert_eq!(token(), token());
    }

    #[test]
    fn a_file_that_is_no_key_is_kept_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(MAIL_KEY_FILE);
        for text in [&b""[..], b"not a key", b"c2hvcnQ", b"\xff\xfe"] {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let error = load_or_create(folder.path()).unwrap_err();
            assert!(matches!(error, MailKeyError::NotAKey { .. }), "{error}");
            assert_eq!(fs::read(&path).unwrap(), text);
        }
    }
}

//! The key that links and initial passwords in mails are derived from. It lies outside of the database: whoever reads
//! tables, outbox or backups of them can follow no link and sign in as nobody.

use std::fmt;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mandate_domain::id::{InvitationId, PasswordId};

/// The key's file in the data folder: 32 random bytes in base64url.
pub const MAIL_KEY_FILE: &str = "mail-secret.key";

/// Bytes of the key, and of a token's proof.
const KEY_BYTES: usize = 32;

/// More than any such file has, in bytes.
const MAX_FILE_BYTES: u64 = 1024;

/// Keeps tokens of this kind from being those of another one made with the same key.
const PURPOSE: &[u8] = b"mandate invitation v1";

/// The same for initial passwords.
const PASSWORD_PURPOSE: &[u8] = b"mandate initial password v1";

/// What letters and digits an initial password has: none that people take for another (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Letters and digits of an initial password, of 5 bits each, and of each of the groups in which it is written.
const PASSWORD_LETTERS: usize = 20;
const GROUP_LETTERS: usize = 5;

/// Why the key can be neither read nor made.
#[derive(Debug, thiserror::Error)]
pub enum MailKeyError {
    /// The file or its folder cannot be read or written.
    #[error("{path}: {action} failed; give the server a data folder that its user may write to")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was attempted.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Others than its owner may read or change the file.
    #[error(
        "{path}: its mode is {mode:03o}, so that others than its owner may use the key; run `chmod 600 {path}`, \
         and if others may have read it, delete it to have a new one made (links that were mailed end with it)"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
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

/// Derives initial passwords, and derives and recognises the tokens of invitations: `inv_….PROOF`, where the proof is HMAC-SHA-256 over id and
/// generation in base64url, 256 bits that nobody without the key can guess.
#[derive(Clone)]
pub struct MailKey(hmac::Key);

/// Never shows the key.
impl fmt::Debug for MailKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailKey").finish_non_exhaustive()
    }
}

impl MailKey {
    /// The key in `data_dir`, made there if there is none yet, the folder too.
    ///
    /// Processes that start at once end up with the same key: the file appears whole, and only once.
    ///
    /// # Errors
    /// See [`MailKeyError`]; an existing file is never replaced.
    pub fn load_or_create(data_dir: &Path) -> Result<Self, MailKeyError> {
        let path = data_dir.join(MAIL_KEY_FILE);
        if let Some(key) = load(&path)? {
            return Ok(key);
        }
        create(data_dir, &path)?;
        load(&path)?.ok_or(MailKeyError::NotAKey { path })
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The token of one link of an invitation.
    #[must_use]
    pub fn token(&self, invitation: InvitationId, generation: u32) -> String {
        let proof = hmac::sign(&self.0, &signed(invitation, generation));
        format!("{invitation}.{}", URL_SAFE_NO_PAD.encode(proof.as_ref()))
    }

    /// An initial password: 100 bits that nobody without the key can guess, in groups that can be typed, 23 characters
    /// (IX-10).
    #[must_use]
    pub fn initial_password(&self, id: PasswordId) -> String {
        let bits = hmac::sign(&self.0, &[PASSWORD_PURPOSE, &id.bits().to_be_bytes()].concat());
        let mut text = String::with_capacity(PASSWORD_LETTERS + PASSWORD_LETTERS / GROUP_LETTERS);
        for (place, byte) in bits.as_ref().iter().take(PASSWORD_LETTERS).enumerate() {
            if place > 0 && place % GROUP_LETTERS == 0 {
                text.push('-');
            }
            // 256 is a multiple of 32: no letter is likelier than another.
            text.extend(ALPHABET.get(usize::from(byte % 32)).map(|letter| char::from(*letter)));
        }
        text
    }

    /// The invitation that a token says it is of. That proves nothing: see [`Self::proves`].
    #[must_use]
    pub fn invitation(token: &str) -> Option<InvitationId> {
        token.split_once('.')?.0.parse().ok()
    }

    /// Whether the token is this link's, in a time that does not depend on how much of it is right.
    #[must_use]
    pub fn proves(&self, token: &str, invitation: InvitationId, generation: u32) -> bool {
        let proof = token.split_once('.').and_then(|(_, proof)| URL_SAFE_NO_PAD.decode(proof).ok());
        let is_whole = proof.as_ref().is_some_and(|proof| proof.len() == KEY_BYTES);
        let proof = proof.unwrap_or_default();
        is_whole
            && Self::invitation(token) == Some(invitation)
            && hmac::verify(&self.0, &signed(invitation, generation), &proof).is_ok()
    }
}

/// What a proof is made over. Each part has a fixed length, so that no two links share it.
fn signed(invitation: InvitationId, generation: u32) -> Vec<u8> {
    [PURPOSE, &invitation.bits().to_be_bytes(), &generation.to_be_bytes()].concat()
}

fn load(path: &Path) -> Result<Option<MailKey>, MailKeyError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("opening it", path)(error)),
    };
    // Asked of the open file: what is checked is what is read.
    let metadata = file.metadata().map_err(failed("reading it", path))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(MailKeyError::Exposed { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    file.take(MAX_FILE_BYTES).read_to_string(&mut text).map_err(failed("reading it", path))?;
    let bytes = URL_SAFE_NO_PAD.decode(text.trim()).ok().filter(|bytes| bytes.len() == KEY_BYTES);
    match bytes {
        Some(bytes) => Ok(Some(MailKey::from_bytes(&bytes))),
        None => Err(MailKeyError::NotAKey { path: path.to_owned() }),
    }
}

/// Makes a key and puts it at `path`, unless somebody else was faster.
fn create(data_dir: &Path, path: &Path) -> Result<(), MailKeyError> {
    let mut bytes = [0_u8; KEY_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| MailKeyError::NoRandomness)?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)
        .map_err(failed("making the folder", data_dir))?;
    let mut file = tempfile::Builder::new()
        .prefix(".mail-secret-")
        .permissions(fs::Permissions::from_mode(0o600))
        .tempfile_in(data_dir)
        .map_err(failed("making a file in it", data_dir))?;
    writeln!(file, "{}", URL_SAFE_NO_PAD.encode(bytes))
        .and_then(|()| file.as_file().sync_all())
        .map_err(failed("writing a file in it", data_dir))?;
    match file.persist_noclobber(path) {
        Ok(_) => {}
        Err(lost) if lost.error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(lost) => return Err(failed("making it", path)(lost.error)),
    }
    // The name too must survive a power cut, or the next start makes another key.
    File::open(data_dir).and_then(|folder| folder.sync_all()).map_err(failed("flushing the folder", data_dir))
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> MailKeyError {
    let path = path.to_owned();
    move |source| MailKeyError::Io { path, action, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_proves_its_own_link_alone() {
        let (key, other) = (MailKey::from_bytes(&[7; 32]), MailKey::from_bytes(&[8; 32]));
        let (id, stranger) = (InvitationId::from_bits(1), InvitationId::from_bits(2));
        let token = key.token(id, 1);
        assert!(key.proves(&token, id, 1));
        assert!(!key.proves(&token, id, 2), "a rotated link is dead");
        assert!(!key.proves(&token, stranger, 1));
        assert!(!other.proves(&token, id, 1));
        let grafted = token.replace(&id.to_string(), &stranger.to_string());
        assert!(!key.proves(&grafted, stranger, 1));
        for broken in
            ["", ".", "inv_", token.get(..token.len() - 1).unwrap(), &format!("{token}A"), &id.to_string()]
        {
            assert!(!key.proves(broken, id, 1), "{broken}");
        }
    }

    #[test]
    fn an_initial_password_is_its_own_ids_alone() {
        let (key, other) = (MailKey::from_bytes(&[7; 32]), MailKey::from_bytes(&[8; 32]));
        let (id, another) = (PasswordId::from_bits(1), PasswordId::from_bits(2));
        let password = key.initial_password(id);
        assert_eq!(password, key.initial_password(id));
        assert_ne!(password, key.initial_password(another));
        assert_ne!(password, other.initial_password(id));
        assert_eq!(password.len(), 23);
        assert!(password.split('-').all(|group| group.len() == 5), "{password}");
        // Neither is part of the other, though both come from one key and the same bits.
        let token = key.token(InvitationId::from_bits(1), 1);
        assert!(!token.contains(&password.replace('-', "")), "{password} {token}");
    }

    #[test]
    fn the_key_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let first = MailKey::load_or_create(folder.path()).unwrap().token(InvitationId::from_bits(1), 1);
        let second = MailKey::load_or_create(folder.path()).unwrap().token(InvitationId::from_bits(1), 1);
        assert_eq!(first, second);
        let path = folder.path().join(MAIL_KEY_FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(
            MailKey::load_or_create(folder.path()),
            Err(MailKeyError::Exposed { mode: 0o640, .. })
        ));
        fs::remove_file(&path).unwrap();
        File::options().create(true).truncate(true).write(true).open(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(MailKey::load_or_create(folder.path()), Err(MailKeyError::NotAKey { .. })));
    }
}

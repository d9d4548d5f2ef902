//! Changing which keys are in the file, for `mandate signing-key`.

use std::path::{Path, PathBuf};

use super::signing_key::{SIGNING_KEY_FILE, SigningKey, SigningKeyError, generated};
use crate::secret_file::{self, SecretFileError};

/// The most keys that a file holds: the file has a bound, and an exchange needs two.
const MOST: usize = 16;

/// Why the keys stay as they are.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be used.
    #[error(transparent)]
    Key(#[from] SigningKeyError),
    /// It could not be written.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// There is no such key.
    #[error("there is no key {kid}; `mandate signing-key list` prints those there are")]
    Unknown {
        /// What was asked for.
        kid: String,
    },
    /// The key signs.
    #[error("{kid} signs; let another one sign first: mandate signing-key use KID")]
    Signs {
        /// The key.
        kid: String,
    },
    /// There are too many.
    #[error(
        "there are {MOST} keys already; remove those whose tokens have expired: mandate signing-key remove KID"
    )]
    TooMany,
}

/// The keys in a data folder.
pub struct SigningKeyFile {
    path: PathBuf,
    /// The ids of the keys and their PEM.
    keys: Vec<(String, pem::Pem)>,
}

impl SigningKeyFile {
    /// Reads it.
    ///
    /// # Errors
    /// [`KeyFileError::Key`].
    pub fn open(data_dir: &Path) -> Result<Self, KeyFileError> {
        let path = data_dir.join(SIGNING_KEY_FILE);
        let keys = SigningKey::read_blocks(&path)?;
        let keys = keys.ok_or_else(|| SigningKeyError::Missing { path: path.clone() })?;
        let keys = keys.into_iter().map(|(key, block)| (key.kid().to_owned(), block)).collect();
        Ok(Self { path, keys })
    }

    /// The ids, the one that signs first.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|(kid, _)| kid.as_str())
    }

    /// Makes a key behind the others.
    ///
    /// # Errors
    /// See [`KeyFileError`]; the file is as it was then.
    pub fn add(&mut self) -> Result<String, KeyFileError> {
        if self.keys.len() >= MOST {
            return Err(KeyFileError::TooMany);
        }
        let block = generated()?;
        let kid = SigningKey::from_block(&block).ok_or(SigningKeyError::NoRandomness)?.kid().to_owned();
        self.keys.push((kid.clone(), block));
        self.write()?;
        Ok(kid)
    }

    /// Moves a key to the front.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn promote(&mut self, kid: &str) -> Result<(), KeyFileError> {
        let position = self.position(kid)?;
        let key = self.keys.remove(position);
        self.keys.insert(0, key);
        self.write()
    }

    /// Takes a key out.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn remove(&mut self, kid: &str) -> Result<(), KeyFileError> {
        match self.position(kid)? {
            0 => Err(KeyFileError::Signs { kid: kid.to_owned() }),
            position => {
                self.keys.remove(position);
                self.write()
            }
        }
    }

    fn position(&self, kid: &str) -> Result<usize, KeyFileError> {
        self.kids()
            .position(|known| known == kid)
            .ok_or_else(|| KeyFileError::Unknown { kid: kid.to_owned() })
    }

    fn write(&self) -> Result<(), KeyFileError> {
        let text: String = self.keys.iter().map(|(_, block)| pem::encode(block)).collect();
        Ok(secret_file::replace(&self.path, text.as_bytes())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::SigningKeys;

    #[test]
    fn the_first_signs_and_the_others_wait_or_end() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            SigningKeyFile::open(folder.path()),
            Err(KeyFileError::Key(SigningKeyError::Missing { .. }))
        ));
        SigningKeys::load_or_create(folder.path()).unwrap();
        let kids = || -> Vec<String> {
            SigningKeys::load_or_create(folder.path())
                .unwrap()
                .public_keys()
                .into_iter()
                .map(|key| key.kid)
                .collect()
        };
        let [old] = kids().try_into().unwrap();
        let mut file = SigningKeyFile::open(folder.path()).unwrap();
        let new = file.add().unwrap();
        assert_eq!(kids(), [old.clone(), new.clone()]);
        file.promote(&new).unwrap();
        assert_eq!(kids(), [new.clone(), old.clone()]);
        assert_eq!(SigningKey::load(folder.path()).unwrap().kid(), new);
        let error = file.remove(&new).unwrap_err().to_string();
        assert!(error.contains("let another one sign first"), "{error}");
        let error = file.remove("nothing").unwrap_err().to_string();
        assert!(error.contains("mandate signing-key list"), "{error}");
        file.remove(&old).unwrap();
        assert_eq!(kids(), [new]);
        for _ in 1..MOST {
            file.add().unwrap();
        }
        assert!(matches!(file.add(), Err(KeyFileError::TooMany)));
        assert_eq!(kids().len(), MOST);
    }
}

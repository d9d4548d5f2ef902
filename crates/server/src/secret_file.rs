//! Files that hold a key: readable by their owner alone, made whole and once, and replaced by whoever is told to alone.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt as _, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use tempfile::NamedTempFile;

/// More than any such file has, in bytes.
const MAX_BYTES: u64 = 16 * 1024;

/// Why such a file can be neither read nor made.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
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
         and if others may have read it, delete it to have a new one made (tokens and links of the old one end with it)"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// What is in the file; `None`: there is no such file.
///
/// # Errors
/// See [`SecretFileError`].
pub fn load(path: &Path) -> Result<Option<Vec<u8>>, SecretFileError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("opening it", path)(error)),
    };
    // Asked of the open file: what is checked is what is read.
    let metadata = file.metadata().map_err(failed("reading it", path))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & not_for(metadata.uid(), geteuid().as_raw()) != 0 {
        return Err(SecretFileError::Exposed { path: path.to_owned(), mode });
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(failed("reading it", path))?;
    Ok(Some(bytes))
}

/// The permission bits that a key may not have.
///
/// One's own key is for oneself alone. One of another owner can only be read by way of its group, as secrets are in
/// Kubernetes: they are root's, and of the group of the pod (`fsGroup`).
fn not_for(owner: u32, own: u32) -> u32 {
    if owner == own { 0o077 } else { 0o037 }
}

/// Puts something else in the place of the file, whole or not at all.
///
/// # Errors
/// [`SecretFileError::Io`]; the file is as it was then.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), SecretFileError> {
    let folder = folder_of(path);
    let file = draft(folder, bytes)?;
    file.persist(path).map_err(|lost| failed("replacing it", path)(lost.error))?;
    sync_folder(folder)
}

/// Makes the file, and its folder if there is none, unless somebody else was faster: then it stays as it is.
///
/// Processes that start at once end up with the same file: it appears whole, and only once.
///
/// # Errors
/// [`SecretFileError::Io`].
pub fn create(path: &Path, bytes: &[u8]) -> Result<(), SecretFileError> {
    let folder = folder_of(path);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(failed("making the folder", folder))?;
    match draft(folder, bytes)?.persist_noclobber(path) {
        Ok(_) => {}
        Err(lost) if lost.error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(lost) => return Err(failed("making it", path)(lost.error)),
    }
    sync_folder(folder)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file that has no name of its own yet.
fn draft(folder: &Path, bytes: &[u8]) -> Result<NamedTempFile, SecretFileError> {
    let mut file = tempfile::Builder::new()
        .prefix(".new-key-")
        .permissions(fs::Permissions::from_mode(0o600))
        .tempfile_in(folder)
        .map_err(failed("making a file in it", folder))?;
    file.write_all(bytes)
        .and_then(|()| file.as_file().sync_all())
        .map_err(failed("writing a file in it", folder))?;
    Ok(file)
}

/// The name too must survive a power cut, or the next start makes another key.
fn sync_folder(folder: &Path) -> Result<(), SecretFileError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("flushing the folder", folder))
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SecretFileError {
    let path = path.to_owned();
    move |source| SecretFileError::Io { path, action, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/data/secret.key");
        assert_eq!(load(&path).unwrap(), None);
        create(&path, b"first").unwrap();
        create(&path, b"second").unwrap();
        assert_eq!(load(&path).unwrap().unwrap(), b"first");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let data = path.parent().unwrap();
        assert_eq!(fs::metadata(data).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(data).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn one_of_another_owner_is_read_by_its_group_and_nobody_else() {
        let refused = |mode: u32, owner| mode & not_for(owner, 65_532) != 0;
        assert!(!refused(0o440, 0) && !refused(0o400, 65_532));
        assert!(refused(0o440, 65_532), "one's own needs no group");
        for mode in [0o444, 0o460, 0o441, 0o450] {
            assert!(refused(mode, 0), "{mode:o}");
        }
    }

    #[test]
    fn one_that_others_can_use_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        create(&path, b"secret").unwrap();
        for mode in [0o640, 0o604, 0o620, 0o644, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let message = load(&path).unwrap_err().to_string();
            assert!(message.contains(&format!("chmod 600 {}", path.display())), "{message}");
            assert!(message.contains(&format!("{mode:o}")), "{message}");
            assert!(!message.contains("secret\n"), "{message}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert!(load(&path).is_ok());
    }
}

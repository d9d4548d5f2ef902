//! The embedded transport: a folder of `.eml` files that any mail program opens.
//!
//! A file has to be on the disk before its mail counts as sent, and waiting for the disk is nearly all that writing one
//! takes. So what comes while the disk is waited for is written together, and waited for once.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tempfile::NamedTempFile;
use tokio::sync::oneshot;

use crate::transport::SendError;

/// A folder that takes mail.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    waiting: Mutex<Vec<Waiting>>,
    /// Held by whoever writes.
    turn: tokio::sync::Mutex<()>,
}

/// A message that is to be written.
#[derive(Debug)]
struct Waiting {
    bytes: Vec<u8>,
    message_id: String,
    told: oneshot::Sender<Result<(), Arc<io::Error>>>,
}

impl Folder {
    /// The folder there. It is made when the first mail comes.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, waiting: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    /// Writes a message, whole or not at all. A second attempt at the same one replaces the file by its like.
    pub(crate) async fn put(&self, bytes: Vec<u8>, message_id: &str) -> Result<(), SendError> {
        let (told, answer) = oneshot::channel();
        self.waiting().push(Waiting { bytes, message_id: message_id.to_owned(), told });
        // Those who were called at the same time have theirs waiting, too, once it is this one's turn again.
        tokio::task::yield_now().await;
        let turn = self.turn.lock().await;
        let together = std::mem::take(&mut *self.waiting());
        if !together.is_empty() {
            let path = self.path.clone();
            // One that breaks off tells nobody anything, which everybody is told below.
            let _ = tokio::task::spawn_blocking(move || write(&path, together)).await;
        }
        drop(turn);
        let shown = self.path.display();
        match answer.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                Err(SendError::temporary(format!("{shown}: a mail could not be written there: {error}")))
            }
            Err(_) => Err(SendError::temporary(format!("{shown}: writing a mail broke off"))),
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes messages and says of each what became of it.
fn write(folder: &Path, together: Vec<Waiting>) {
    let mut written = Vec::with_capacity(together.len());
    for Waiting { bytes, message_id, told } in together {
        match draft(folder, &bytes) {
            Ok(file) => written.push((file, message_id, told)),
            Err(error) => tell(told, Err(Arc::new(error))),
        }
    }
    let files: Vec<&File> = written.iter().map(|(file, ..)| file.as_file()).collect();
    let on_disk = sync(&files).map_err(Arc::new);
    let mut named = Vec::with_capacity(written.len());
    for (file, message_id, told) in written {
        let name = folder.join(format!("{message_id}.eml"));
        match on_disk.clone().and_then(|()| file.persist(name).map_err(|error| Arc::new(error.error))) {
            Ok(_) => named.push(told),
            Err(error) => tell(told, Err(error)),
        }
    }
    let names_on_disk = File::open(folder).and_then(|folder| folder.sync_all()).map_err(Arc::new);
    for told in named {
        tell(told, names_on_disk.clone());
    }
}

fn tell(told: oneshot::Sender<Result<(), Arc<io::Error>>>, result: Result<(), Arc<io::Error>>) {
    // Whoever has hung up does not want to know.
    let _ = told.send(result);
}

/// Writes a file that has no name of its own yet.
fn draft(folder: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    // Invitations hold secrets, so what is in here is nobody else's business.
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut file = tempfile::Builder::new()
        .prefix(".mail-")
        .permissions(fs::Permissions::from_mode(0o600))
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    Ok(file)
}

/// Waits until the files are on the disk: one by itself, several with all of their file system.
fn sync(files: &[&File]) -> io::Result<()> {
    match files {
        #[cfg(target_os = "linux")]
        [first, _, ..] => Ok(rustix::fs::syncfs(first)?),
        files => files.iter().try_for_each(|file| file.sync_all()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn many_at_once_are_all_there_when_they_are_answered() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::new(data.path().join("mail"));
        let ids: Vec<String> = (0..50).map(|n| format!("id-{n}")).collect();
        let puts = ids.iter().map(|id| folder.put(format!("mail {id}").into_bytes(), id));
        let answers = futures::future::join_all(puts.map(Box::pin)).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        for n in 0..50 {
            let text = fs::read_to_string(data.path().join(format!("mail/id-{n}.eml"))).unwrap();
            assert_eq!(text, format!("mail id-{n}"));
        }
        assert_eq!(fs::read_dir(data.path().join("mail")).unwrap().count(), 50, "no draft is left");
    }

    #[tokio::test]
    async fn each_is_told_why_it_is_not_there() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::new(data.path().join("mail"));
        fs::create_dir_all(data.path().join("mail/id-1.eml")).unwrap();
        let (fine, blocked) =
            tokio::join!(folder.put(b"a".to_vec(), "id-0"), folder.put(b"b".to_vec(), "id-1"));
        assert_eq!(fine, Ok(()));
        assert!(blocked.unwrap_err().text.contains("a mail could not be written there"));
        assert_eq!(fs::read_dir(data.path().join("mail")).unwrap().count(), 2, "no draft is left");
    }
}

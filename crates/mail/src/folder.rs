//! The embedded transport: a folder of `.eml` files that any mail program opens.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::transport::SendError;

/// Writes one message, whole or not at all. A second attempt at the same one replaces the file by its like.
pub(crate) async fn put(folder: PathBuf, bytes: Vec<u8>, message_id: String) -> Result<(), SendError> {
    let shown = folder.display().to_string();
    match tokio::task::spawn_blocking(move || write(&folder, &bytes, &message_id)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            Err(SendError::temporary(format!("{shown}: a mail could not be written there: {error}")))
        }
        Err(error) => Err(SendError::temporary(format!("{shown}: writing a mail broke off: {error}"))),
    }
}

fn write(folder: &Path, bytes: &[u8], message_id: &str) -> io::Result<()> {
    // Invitations hold secrets, so what is in here is nobody else's business.
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut file = tempfile::Builder::new()
        .prefix(".mail-")
        .permissions(fs::Permissions::from_mode(0o600))
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(folder.join(format!("{message_id}.eml"))).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

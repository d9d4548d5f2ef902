//! The demo's post: the folder into which its server writes mail.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

/// How often the folder is looked into before a mail counts as lost, and the pause between two looks.
const LOOKS: u32 = 1_000;
const PAUSE: Duration = Duration::from_millis(10);

/// Waits for the mail with an invitation and returns the token of its link.
pub(super) async fn token(folder: &Path, invitation: &str) -> anyhow::Result<String> {
    for _ in 0..LOOKS {
        if let Some(token) = look(folder, invitation)? {
            return Ok(token);
        }
        tokio::time::sleep(PAUSE).await;
    }
    anyhow::bail!("no mail with the invitation {invitation} came into {}", folder.display())
}

fn look(folder: &Path, invitation: &str) -> anyhow::Result<Option<String>> {
    let unread = || format!("{} cannot be read", folder.display());
    // The first mail makes the folder.
    if !folder.try_exists().with_context(unread)? {
        return Ok(None);
    }
    for entry in std::fs::read_dir(folder).with_context(unread)? {
        let file: PathBuf = entry.with_context(unread)?.path();
        if file.extension().is_none_or(|extension| extension != "eml") {
            continue;
        }
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        // It stands alone in a line that is short enough to be as it is in any encoding of text.
        let token =
            text.lines().map(str::trim).find(|line| line.starts_with(invitation) && line.contains('.'));
        if let Some(token) = token {
            return Ok(Some(token.to_owned()));
        }
    }
    Ok(None)
}

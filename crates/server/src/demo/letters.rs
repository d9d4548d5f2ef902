//! The demo's post: the folder into which its server writes mail.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

/// How often the folder is looked into before a mail counts as lost, and the pause between two looks.
const LOOKS: u32 = 1_000;
const PAUSE: Duration = Duration::from_millis(10);

/// Waits for the mail with an invitation and returns the token of its link.
pub(super) async fn token(folder: &Path, invitation: &str) -> anyhow::Result<String> {
    // It stands alone in a line that is short enough to be as it is in any encoding of text.
    let find = |text: &str| {
        let mut lines = text.lines().map(str::trim);
        lines.find(|line| line.starts_with(invitation) && line.contains('.')).map(str::to_owned)
    };
    wait(folder, find).await.with_context(|| format!("no mail with the invitation {invitation}"))
}

/// Waits for the mail with an initial password to the address and returns the password.
pub(super) async fn password(folder: &Path, email: &str) -> anyhow::Result<String> {
    let find = |text: &str| {
        let to = text.lines().any(|line| line.starts_with("To:") && line.contains(email));
        let is_password = |line: &&str| line.len() == 23 && line.split('-').all(|group| group.len() == 5);
        text.lines().map(str::trim).find(is_password).filter(|_| to).map(str::to_owned)
    };
    wait(folder, find).await.with_context(|| format!("no mail with an initial password to {email}"))
}

/// Looks until a mail holds what is looked for.
async fn wait(folder: &Path, find: impl Fn(&str) -> Option<String>) -> anyhow::Result<String> {
    for _ in 0..LOOKS {
        if let Some(found) = look(folder, &find)? {
            return Ok(found);
        }
        tokio::time::sleep(PAUSE).await;
    }
    anyhow::bail!("it did not come into {}", folder.display())
}

fn look(folder: &Path, find: &impl Fn(&str) -> Option<String>) -> anyhow::Result<Option<String>> {
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
        if let Some(found) = find(&text) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

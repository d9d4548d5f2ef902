//! What the files of a start make of the policies in the database.
//!
//! A file makes a new version if its text never was one of its policy and the newest version came from a file, too.
//! Otherwise the newest version stands, and a warning says so: an old file, or an old program's, does not undo a newer
//! version, and no file undoes what an operator applied or rolled back.

use mandate_domain::plan::Policies;
use mandate_storage::{Applied, Mode, NewVersion, PolicySource, Store, StoredPolicy};

use super::dropped::LeftOut;
use super::{PolicyError, PolicyFile, compiled, digest, in_force};
use crate::clock::now_micros;

/// How often a version is judged again because another server wrote one meanwhile.
const ATTEMPTS: usize = 16;

/// Writes new versions to the database and reads back what is in force, so that every server on it decides alike.
/// A policy whose file is gone stays in force for the accounts it governs.
///
/// # Errors
/// [`PolicyError::InUse`] when a new version leaves out what is held; those of the store.
pub async fn sync(store: &Store, files: &[PolicyFile]) -> Result<Policies, PolicyError> {
    let stored = store.load_policies().await?;
    let mut in_use = Vec::new();
    for file in files {
        in_use.extend(bring(store, &stored, file, Mode::Preview).await?);
    }
    if !in_use.is_empty() {
        return Err(PolicyError::InUse(in_use.join("\n")));
    }
    for file in files {
        let in_use = bring_in(store, file).await?;
        if !in_use.is_empty() {
            return Err(PolicyError::InUse(in_use.join("\n")));
        }
    }
    Ok(in_force(&store.load_policies().await?))
}

/// Writes a version of one file, whoever else does so at the same time.
async fn bring_in(store: &Store, file: &PolicyFile) -> Result<Vec<String>, PolicyError> {
    let mut result = Err(overtaken(file));
    for _ in 0..ATTEMPTS {
        let stored = store.load_policies().await?;
        result = bring(store, &stored, file, Mode::Once).await;
        if !matches!(result, Err(PolicyError::Refused(_))) {
            break;
        }
    }
    result
}

fn overtaken(file: &PolicyFile) -> PolicyError {
    PolicyError::Refused(format!("{}: another server writes versions of this policy; start again", file.file))
}

/// Writes a version of one file, or only says what of it is held although the file leaves it out.
async fn bring(
    store: &Store,
    stored: &[StoredPolicy],
    file: &PolicyFile,
    mode: Mode<'_>,
) -> Result<Vec<String>, PolicyError> {
    let digest = digest(&file.source);
    let newest = stored.iter().find(|newest| newest.name == file.policy.name);
    if let Some(newest) = newest
        && stands(store, newest, file, &digest, mode).await?
    {
        return Ok(Vec::new());
    }
    let old = newest.and_then(compiled);
    let leaves_out = LeftOut::between(old.as_ref(), &file.policy);
    let new = NewVersion {
        policy: PolicySource { name: &file.policy.name, source: &file.source, digest: &digest },
        judged: newest.map_or(0, |newest| newest.version),
        leaves_out: &leaves_out.names,
        actor: None,
    };
    match store.apply_policy(new, mode, now_micros()).await {
        Ok(Applied::Prepared(prepared)) => {
            let (policy, version) = (prepared.stored.name.clone(), prepared.stored.version);
            prepared.commit().await?;
            tracing::info!(policy, version, "a new version of a policy is in force");
            Ok(Vec::new())
        }
        Ok(Applied::Previewed(_) | Applied::Replayed(_)) => Ok(Vec::new()),
        Ok(Applied::Overtaken) => match mode {
            Mode::Preview => Ok(Vec::new()),
            Mode::Once | Mode::Retriable(_) => Err(overtaken(file)),
        },
        Ok(Applied::InUse(held)) => {
            let sentences = leaves_out.sentences(&held).into_iter();
            Ok(sentences.map(|sentence| format!("{}: {sentence}", file.file)).collect())
        }
        Err(mandate_storage::WriteError::Store(error)) => Err(error.into()),
        Err(error) => Err(PolicyError::Refused(format!("{}: {error}", file.file))),
    }
}

/// Whether the newest version stays in force whatever the file says; if it says something else, the log tells.
async fn stands(
    store: &Store,
    newest: &StoredPolicy,
    file: &PolicyFile,
    digest: &str,
    mode: Mode<'_>,
) -> Result<bool, PolicyError> {
    if newest.digest == digest {
        return Ok(true);
    }
    let before = store.version_of_digest(&newest.name, digest).await?;
    let why = match (&newest.applied_by, before) {
        (Some(by), _) => format!("{by} applied that one"),
        (None, Some(before)) => format!("the file is version {before}"),
        (None, None) => return Ok(false),
    };
    if let Mode::Once = mode {
        tracing::warn!(
            policy = newest.name,
            version = newest.version,
            file = file.file,
            "the file differs from the version in force, which stays: {why}; `mandate policy apply FILE` puts a file in force"
        );
    }
    Ok(true)
}

//! Where policies come from: the program, a folder, platform operators, and what all of these left in the database.

mod apply;
mod dropped;
mod effects;
mod start;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use mandate_domain::plan::Policies;
use mandate_domain::policy::{self, Checked, Diagnostic, Policy, Severity};
use mandate_storage::{StoreError, StoredPolicy};
use sha2::{Digest as _, Sha256};

pub use self::apply::{Outcome, PolicyRefusal, Proposal, apply, source_of};
pub use self::effects::{EffectsFrom, EffectsPage, effects};
pub use self::start::sync;

/// A policy file that can be used.
#[derive(Debug)]
pub struct PolicyFile {
    /// Where it came from, for messages.
    pub file: String,
    /// Its text.
    pub source: String,
    /// What it says.
    pub policy: Policy,
}

/// Why the server cannot start with its policies. Each text names every mistake there is.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Files cannot be read or have mistakes.
    #[error("{0}")]
    Files(String),
    /// New versions leave out names that are held.
    #[error("{0}")]
    InUse(String),
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something else kept a version from being written.
    #[error("{0}")]
    Refused(String),
}

/// The policies that come with the program.
///
/// # Errors
/// [`PolicyError::Files`]: the program was built with a bad one.
pub fn builtin() -> Result<Vec<PolicyFile>, PolicyError> {
    let read = |(name, source): &(&str, &str)| read(&format!("{name}.yaml"), source);
    all(policy::builtin().iter().map(read))
}

/// The policies of a folder: its files `*.yaml` and `*.yml` but for `*.tests.yaml`, by name.
///
/// # Errors
/// [`PolicyError::Files`] with every mistake of every file.
pub fn folder(folder: &Path) -> Result<Vec<PolicyFile>, PolicyError> {
    let unreadable = |path: &Path, error: std::io::Error| {
        PolicyError::Files(format!("{}: cannot be read ({error}); check --policies", path.display()))
    };
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        let path = entry.map_err(|error| unreadable(folder, error))?.path();
        let is_yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        if is_yaml && !holds_assertions(&path) {
            paths.push(path);
        }
    }
    paths.sort();
    all(paths.into_iter().map(|path| {
        let source = fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
        read(&path.display().to_string(), &source)
    }))
}

/// Whether a file holds assertions about the policy that it stands beside: `NAME.tests.yaml`.
#[must_use]
pub fn holds_assertions(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| Path::new(stem).extension().is_some_and(|end| end == "tests"))
}

/// One file; its warnings go to the log.
fn read(file: &str, source: &str) -> Result<PolicyFile, PolicyError> {
    let Checked { policy, diagnostics } = policy::check(file, source);
    match policy {
        Some(policy) => {
            for warning in diagnostics.iter().filter(|one| one.severity == Severity::Warning) {
                tracing::warn!("{warning}");
            }
            Ok(PolicyFile { file: file.to_owned(), source: source.to_owned(), policy })
        }
        None => Err(PolicyError::Files(lines(&diagnostics))),
    }
}

fn lines(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// All of them, or the mistakes of all of them.
fn all(read: impl Iterator<Item = Result<PolicyFile, PolicyError>>) -> Result<Vec<PolicyFile>, PolicyError> {
    let (mut files, mut mistakes) = (Vec::new(), Vec::new());
    for result in read {
        match result {
            Ok(file) => files.push(file),
            Err(error) => mistakes.push(error.to_string()),
        }
    }
    if mistakes.is_empty() { Ok(files) } else { Err(PolicyError::Files(mistakes.join("\n"))) }
}

/// The built-in policies and those of a folder, each name once.
///
/// # Errors
/// [`PolicyError::Files`] when two files have one name, or any has a mistake.
pub fn gather(from: Option<&Path>) -> Result<Vec<PolicyFile>, PolicyError> {
    let mut files = builtin()?;
    let own = from.map(folder).transpose()?.unwrap_or_default();
    let mut clashes = String::new();
    for new in own {
        let name = &new.policy.name;
        if let Some(known) = files.iter().find(|known| known.policy.name == *name) {
            // Writing to a string cannot fail.
            let _ = writeln!(
                clashes,
                "{}: the policy name {name} is taken by {}; give this policy another name (`policy: …`)",
                new.file, known.file
            );
        }
        files.push(new);
    }
    if clashes.is_empty() { Ok(files) } else { Err(PolicyError::Files(clashes.trim_end().to_owned())) }
}

/// The policies in force, ready to decide by.
#[must_use]
pub fn in_force(stored: &[StoredPolicy]) -> Policies {
    // Versions count from 1, without gaps.
    let revision = stored.iter().map(|stored| stored.version).sum();
    stored.iter().filter_map(compiled).collect::<Policies>().of_revision(revision)
}

/// A stored policy. One that this version cannot read is left out: its accounts deny everything until it can.
fn compiled(stored: &StoredPolicy) -> Option<Policy> {
    let Checked { policy, diagnostics } = policy::check(&format!("{}.yaml", stored.name), &stored.source);
    if policy.is_none() {
        let detail = lines(&diagnostics);
        tracing::error!(
            policy = stored.name,
            version = stored.version,
            detail,
            "a stored policy cannot be read"
        );
    }
    policy
}

/// The SHA-256 digest of a text, in hexadecimal digits: by it versions are told apart.
pub(crate) fn digest(source: &str) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(source) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

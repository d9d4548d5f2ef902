//! Policies: what they say ([`model`]), how a file becomes one ([`compile`]), and how one is shown to
//! people ([`matrix`]).
//!
//! A file goes through four steps, and a mistake in one does not keep the next from finding more:
//! `yaml` (text to a tree with places), `compile` (names resolved, patterns expanded), `check`
//! (contradictions between parts that are each fine), and then the [`Policy`]. POLICY.md documents the language.

mod attribute;
mod builtin;
mod check;
mod compile;
mod diagnostic;
mod group_rule;
mod matrix;
pub mod model;
pub mod reader;
mod resource_type;
mod role;
pub mod set;
pub mod trial;
pub mod yaml;

pub use builtin::builtin;
pub use diagnostic::{Diagnostic, Severity};
pub use matrix::{AccessLevel, AccessRow, Cell, Matrix, MatrixRow, Section, access_level, matrix};
pub use matrix::{Difference, HolderChange, RuleChange, difference};
pub use model::Policy;

/// What came of reading a policy file.
#[derive(Debug)]
pub struct Checked {
    /// The policy; `None` if there was an error.
    pub policy: Option<Policy>,
    /// Every mistake, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a policy file and says everything that is wrong with it, warnings included. `file` is only used
/// to name the place of a mistake.
#[must_use]
pub fn check(file: &str, source: &str) -> Checked {
    let mut reader = reader::Reader::new(file);
    let (root, faults) = yaml::read(source);
    for fault in faults {
        reader.report(fault.at, &fault.path, Severity::Error, fault.message, None);
    }
    let policy = root.map(|root| {
        reader.remember(&root);
        let draft = compile::run(&mut reader, &root);
        // Contradictions between half-read parts would be echoes of the mistakes already told.
        if !reader.has_errors() {
            check::run(&mut reader, &draft);
        }
        draft.policy
    });
    if policy.is_none() && !reader.has_errors() {
        reader.error_at("", "the file is empty", "begin with `policy: NAME`");
    }
    let policy = policy.filter(|_| !reader.has_errors());
    Checked { policy, diagnostics: reader.finish() }
}

/// Reads a policy file.
///
/// # Errors
/// Every mistake in it, in the order of the file, each with its place.
pub fn compile(file: &str, source: &str) -> Result<Policy, Vec<Diagnostic>> {
    let Checked { policy, diagnostics } = check(file, source);
    policy.ok_or(diagnostics)
}

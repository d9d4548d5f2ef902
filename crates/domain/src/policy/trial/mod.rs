//! Assertions kept beside a policy: given these people, who may do what? `mandate policy test` runs them.
//!
//! A file says which policy it is about, who is there, and what must be so; POLICY.md documents it. Everything is decided
//! by [`decide`](crate::decide::decide), as Check is, on facts that the file makes up.

mod cast;
mod expect;

use std::fmt;

use self::cast::Cast;
use super::Policy;
use super::diagnostic::Diagnostic;
use super::diagnostic::Severity;
use super::reader::{Fields, Reader};
use super::yaml::{self, Node};

/// What the file says at its top.
const SECTIONS: &[&str] = &["policy", "account", "resources", "members", "contacts", "tests"];

/// What became of a file's assertions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// How many hold.
    pub passed: usize,
    /// Those that do not, in the order of the file.
    pub failures: Vec<Failure>,
}

/// An assertion that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The file, as the caller named it.
    pub file: String,
    /// The line where it stands, counted from 1.
    pub line: usize,
    /// What the test says it is about.
    pub says: String,
    /// What was asked: `uma: users.edit on workspace/sales`.
    pub asked: String,
    /// What is expected and not so.
    pub expected: Vec<String>,
    /// What is so and not expected.
    pub found: Vec<String>,
}

/// `FILE:LINE: failed: WHAT IT SAYS`, what was asked, and a diff of what was expected and what was found.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, says, asked, expected, found } = self;
        write!(f, "{file}:{line}: failed: {says}\n  {asked}")?;
        expected.iter().try_for_each(|line| write!(f, "\n  - expected: {line}"))?;
        found.iter().try_for_each(|line| write!(f, "\n  + found:    {line}"))
    }
}

/// The name of the policy that a file of assertions is about.
///
/// # Errors
/// Why it cannot be told.
pub fn about(file: &str, source: &str) -> Result<String, Vec<Diagnostic>> {
    let mut reader = Reader::new(file);
    let name = root(&mut reader, source).and_then(|root| {
        let fields = Fields::of(&root);
        match fields.get("policy") {
            Some(node) => reader.word(node).map(str::to_owned),
            None => {
                reader.error_hint(&root, "it does not say which policy it is about", begin());
                None
            }
        }
    });
    name.ok_or_else(|| reader.finish())
}

/// Whether everything holds that a file says of a policy.
///
/// # Errors
/// Every mistake in the file, in its order: then nothing was decided.
pub fn run(policy: &Policy, file: &str, source: &str) -> Result<Report, Vec<Diagnostic>> {
    let mut reader = Reader::new(file);
    let Some(root) = root(&mut reader, source) else { return Err(reader.finish()) };
    let fields = reader.fields(&root, SECTIONS);
    let cast = Cast::read(&mut reader, policy, fields);
    let mut report = Report::default();
    match fields.get("tests") {
        Some(tests) => {
            for test in reader.items(tests) {
                expect::run(&mut reader, &cast, test, &mut report);
            }
        }
        None => reader.error_hint(&root, "it has no tests", Some("add `tests:` with a list".to_owned())),
    }
    if reader.has_errors() {
        return Err(reader.finish());
    }
    for failure in &mut report.failures {
        file.clone_into(&mut failure.file);
    }
    Ok(report)
}

fn begin() -> Option<String> {
    Some("begin with `policy: NAME`".to_owned())
}

fn root(reader: &mut Reader<'_>, source: &str) -> Option<Node> {
    let (root, faults) = yaml::read(source);
    for fault in faults {
        reader.report(fault.at, &fault.path, Severity::Error, fault.message, None);
    }
    if root.is_none() && !reader.has_errors() {
        let hint = begin().unwrap_or_default();
        reader.error_at("", "the file is empty", &hint);
    }
    root
}

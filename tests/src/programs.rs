//! Programs of this workspace beside the server, run as a person would.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::binary;

/// The path of a program of the workspace that is built with `mandate`, such as `mandate-bench`.
///
/// Panics when it does not compile or is missing.
pub fn program(name: &str) -> PathBuf {
    let path = folder().join(name);
    assert!(path.is_file(), "{} does not exist; build it: cargo build --workspace --bins", path.display());
    path
}

/// The path of `mandate-sabotaged`, in which faults can be planted; it is brought up to date. With the features of all
/// packages, so that what others depend on is not compiled again for it.
///
/// Panics when it does not compile.
pub fn sabotaged() -> PathBuf {
    let path = folder().join("mandate-sabotaged");
    binary::build(&["--features", "mandate-server/sabotage", "--bin", "mandate-sabotaged"]);
    path
}

/// The folder of all of them.
pub fn folder() -> &'static Path {
    binary::path().parent().expect("a folder")
}

/// A command that starts a script of `deploy/`.
pub fn deploy(script: &str) -> Command {
    Command::new(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy")).join(script))
}

/// Runs a command to its end, and returns its exit code and what it printed, and everything it said for a failure to show.
///
/// Panics when it does not start.
pub fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let all = format!("{command:?}\n{}\n{}", text(&stderr), text(&stdout));
    (status.code(), text(&stdout), all)
}

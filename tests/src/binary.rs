//! Finds the real binary, brought up to date, and runs its short commands.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// `target/<profile>/mandate` of the profile that the running test was built with.
static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let test = std::env::current_exe().expect("the path of the running test");
    let (target, profile) = locate(&test);
    build(&["--bins"]);
    let binary = target.join(&profile).join(format!("mandate{}", std::env::consts::EXE_SUFFIX));
    assert!(
        binary.is_file(),
        "{} does not exist; build it: cargo build --workspace --bins",
        binary.display()
    );
    binary
});

/// The path of the `mandate` binary. The first call in a process lets cargo bring it up to date.
///
/// Panics when it does not compile or is missing.
pub(crate) fn path() -> &'static Path {
    &BINARY
}

/// Runs `mandate ARGUMENTS` to its end and returns what it printed, trimmed.
///
/// Panics with its standard error when it fails.
pub(crate) fn run(arguments: &[&str]) -> String {
    let output = Command::new(path()).args(arguments).output().expect("mandate starts");
    assert!(
        output.status.success(),
        "mandate {}: {}\n{}",
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("mandate prints UTF-8").trim().to_owned()
}

/// The target folder and the name of the profile's folder, out of `TARGET/PROFILE/deps/TEST`.
fn locate(test: &Path) -> (PathBuf, String) {
    let folders: Vec<&Path> =
        test.ancestors().skip(1).skip_while(|folder| folder.ends_with("deps")).collect();
    let [profile, target, ..] = folders.as_slice() else {
        panic!("{} is not in a target folder; run the tests with cargo", test.display());
    };
    let name = profile.file_name().and_then(|name| name.to_str()).expect("a profile's folder has a name");
    (target.to_path_buf(), name.to_owned())
}

/// `cargo test` builds the binary of another package only when that package has integration tests in the run, and
/// a test of yesterday's server is worse than none. Takes a moment where there is nothing to do.
///
/// Panics when it does not compile.
pub(crate) fn build(what: &[&str]) {
    let Some(cargo) = std::env::var_os("CARGO") else {
        return; // not started by cargo: use what is there
    };
    let (target, profile) = locate(&std::env::current_exe().expect("the path of the running test"));
    let profile = if profile == "debug" { "dev" } else { &profile };
    let output = Command::new(cargo)
        .args(["build", "--quiet", "--workspace", "--profile", profile])
        .args(what)
        .arg("--target-dir")
        .arg(target)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo starts");
    assert!(
        output.status.success(),
        "cargo build {what:?} fails:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locates_the_profile_of_a_test() {
        for (test, target, profile) in [
            ("/a/target/debug/deps/checks-0123", "/a/target", "debug"),
            ("/a/target/release/deps/checks-0123", "/a/target", "release"),
            ("/b/x86_64-unknown-linux-gnu/debug/checks", "/b/x86_64-unknown-linux-gnu", "debug"),
        ] {
            assert_eq!(locate(Path::new(test)), (PathBuf::from(target), profile.to_owned()), "{test}");
        }
    }
}

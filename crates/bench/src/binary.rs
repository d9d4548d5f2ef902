//! The real `mandate` binary, of the same profile as this one.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, anyhow};

/// Finds `mandate` beside this program; `cargo run` has it brought up to date first.
///
/// # Errors
/// It does not compile, or it is not there.
pub(crate) fn mandate() -> anyhow::Result<PathBuf> {
    beside("mandate", &["--package", "mandate-server"])
}

/// Finds the server that faults can be planted in, in the same way.
///
/// # Errors
/// It does not compile, or it is not there.
pub(crate) fn sabotaged() -> anyhow::Result<PathBuf> {
    beside("mandate-sabotaged", &["--package", "mandate-server", "--features", "sabotage"])
}

fn beside(name: &str, arguments: &[&str]) -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe().context("the path of this program")?;
    let folder = this.parent().context("this program lies in no folder")?;
    if let Some(cargo) = std::env::var_os("CARGO") {
        let profile = if folder.ends_with("debug") { "dev" } else { "release" };
        build(Command::new(cargo).args(["build", "--bin", name, "--profile", profile]).args(arguments))?;
    }
    let binary = folder.join(name);
    if !binary.is_file() {
        let arguments = arguments.join(" ");
        return Err(anyhow!(
            "{} is not there; build it: cargo build --release --bin {name} {arguments}",
            binary.display()
        ));
    }
    Ok(binary)
}

/// Figures of yesterday's server would be worse than none.
fn build(cargo: &mut Command) -> anyhow::Result<()> {
    let top = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let status = cargo.current_dir(top).status().context("cargo does not start")?;
    if status.success() { Ok(()) } else { Err(anyhow!("the mandate binary does not build: {status}")) }
}

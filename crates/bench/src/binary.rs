//! The real `mandate` binary, of the same profile as this one.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, anyhow};

/// Finds `mandate` beside this program; `cargo run` has it brought up to date first.
///
/// # Errors
/// It does not compile, or it is not there.
pub(crate) fn mandate() -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe().context("the path of this program")?;
    let folder = this.parent().context("this program lies in no folder")?;
    if let Some(cargo) = std::env::var_os("CARGO") {
        build(cargo, folder.ends_with("debug"))?;
    }
    let binary = folder.join("mandate");
    if !binary.is_file() {
        return Err(anyhow!(
            "{} is not there; build it: cargo build --release -p mandate-server",
            binary.display()
        ));
    }
    Ok(binary)
}

/// Figures of yesterday's server would be worse than none.
fn build(cargo: std::ffi::OsString, debug: bool) -> anyhow::Result<()> {
    let profile = if debug { "dev" } else { "release" };
    let status = Command::new(cargo)
        .args(["build", "--package", "mandate-server", "--bin", "mandate", "--profile", profile])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .status()
        .context("cargo does not start")?;
    if status.success() { Ok(()) } else { Err(anyhow!("the mandate binary does not build: {status}")) }
}

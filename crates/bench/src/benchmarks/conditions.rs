//! Under which conditions figures came about.

use std::process::Command;

use anyhow::Context as _;

use crate::binary;
use crate::service::Service;

/// The manifest that both programs are built by.
const MANIFEST: &str = include_str!("../../../../Cargo.toml");

/// Allocators that are linked into a program, by a name that their code brings along.
const ALLOCATORS: [(&str, &[u8]); 3] =
    [("mimalloc", b"mi_malloc"), ("jemalloc", b"jemalloc"), ("snmalloc", b"snmalloc")];

/// What a reader must know to compare figures.
pub(super) struct Conditions {
    /// One line each.
    pub(super) lines: Vec<String>,
}

impl Conditions {
    /// Looks around.
    ///
    /// # Errors
    /// There is no server to look at.
    pub(super) fn look() -> anyhow::Result<Self> {
        let binary = binary::mandate()?;
        let code = std::fs::read(&binary).with_context(|| format!("{} cannot be read", binary.display()))?;
        let mut lines = crate::machine::description();
        lines.push(format!("commit: {}", output("git", &["describe", "--always", "--dirty", "--abbrev=12"])));
        lines.push(format!("compiler: {}", output("rustc", &["--version"])));
        lines.push(format!("build: {}", profile()));
        lines.push(format!("server: `{}`; everything else is the default", Service::words("DATABASE")));
        lines.push(format!("server's allocator: {}", allocator(&code)));
        lines.push(
            "telemetry: as shipped. Metrics are counted for every call (there is no switch), the log is at its default \
             level"
                .to_owned(),
        );
        Ok(Self { lines })
    }
}

/// The release profile as the manifest has it.
fn profile() -> String {
    if cfg!(debug_assertions) {
        return "debug: these figures mean nothing".to_owned();
    }
    let rest = MANIFEST.split_once("[profile.release]\n").map_or("", |(_, rest)| rest);
    let settings: Vec<_> =
        rest.lines().take_while(|line| line.contains('=')).map(|line| format!("`{line}`")).collect();
    format!("release, {}", settings.join(", "))
}

fn allocator(code: &[u8]) -> &'static str {
    let has = |mark: &[u8]| code.windows(mark.len()).any(|window| window == mark);
    ALLOCATORS.iter().find(|(_, mark)| has(mark)).map_or("the system's", |(name, _)| name)
}

/// The first line of what a program says at the top of the source tree; neither may be there.
fn output(program: &str, arguments: &[&str]) -> String {
    let top = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    match Command::new(program).args(arguments).current_dir(top).output() {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or("unknown").to_owned()
        }
        _ => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allocator_is_known_by_its_code() {
        assert_eq!(allocator(b"\0mi_malloc\0"), "mimalloc");
        assert_eq!(allocator(b"\0malloc\0"), "the system's");
    }

    #[test]
    fn the_manifest_has_a_release_profile() {
        assert!(MANIFEST.contains("[profile.release]\nlto"));
    }
}

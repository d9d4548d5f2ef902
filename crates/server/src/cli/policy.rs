//! `mandate policy`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use mandate_domain::policy::{self, Checked, Policy, Severity};

use super::print;

/// What to do with policies.
#[derive(Debug, clap::Subcommand)]
pub(super) enum PolicyCommand {
    /// Says everything that is wrong with policy files; fails if any of it is an error.
    Check {
        /// The files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Prints who may do what under a policy.
    Show {
        /// The name of a built-in policy, or a file.
        #[arg(value_name = "NAME|FILE")]
        policy: String,
    },
    /// Lists the built-in policies.
    List,
}

impl PolicyCommand {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Check { files } => check(files),
            Self::Show { policy } => show(policy),
            Self::List => list(),
        }
    }
}

fn check(files: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let (mut errors, mut warnings) = (0_usize, 0_usize);
    for file in files {
        let Checked { policy: _, diagnostics } = policy::check(&file.display().to_string(), &read(file)?);
        for diagnostic in diagnostics {
            match diagnostic.severity {
                Severity::Error => errors += 1,
                Severity::Warning => warnings += 1,
            }
            print(&diagnostic.to_string())?;
        }
    }
    print(&format!("{} file(s), {errors} error(s), {warnings} warning(s)", files.len()))?;
    Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(name: &str) -> anyhow::Result<ExitCode> {
    let builtin = policy::builtin().iter().find(|(known, _)| *known == name);
    let (file, source) = match builtin {
        Some((_, source)) => (format!("{name}.yaml"), (*source).to_owned()),
        None if Path::new(name).exists() => (name.to_owned(), read(Path::new(name))?),
        None => {
            let names: Vec<&str> = policy::builtin().iter().map(|(name, _)| *name).collect();
            return Err(anyhow!(
                "no policy and no file {name}; the built-in policies are {}",
                names.join(", ")
            ));
        }
    };
    print(policy::matrix(&compile(&file, &source)?).to_string().trim_end())?;
    Ok(ExitCode::SUCCESS)
}

fn list() -> anyhow::Result<ExitCode> {
    for (name, source) in policy::builtin() {
        let Policy { title, source: document, .. } = compile(&format!("{name}.yaml"), source)?;
        print(&format!("{name}\t{title}\t{}", document.unwrap_or_default()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn compile(file: &str, source: &str) -> anyhow::Result<Policy> {
    policy::compile(file, source).map_err(|diagnostics| {
        let lines: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
        anyhow!("the policy has mistakes:\n{}", lines.join("\n"))
    })
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("{}: cannot be read", file.display()))
}

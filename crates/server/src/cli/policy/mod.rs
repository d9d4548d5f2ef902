//! `mandate policy`.

mod applied;
mod told;
mod trial;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use mandate_domain::policy::{self, Policy, Severity};

use super::print;
use super::remote::{Credentials, Remote};
use super::trust::Trust;
use crate::policies::holds_assertions;

/// What to do with policies.
#[derive(Debug, clap::Subcommand)]
pub(super) enum PolicyCommand {
    /// Says everything that is wrong with policy files, and with files of assertions about them (NAME.tests.yaml); fails if
    /// any of it is an error.
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
    /// Runs the assertions that are kept beside policies, and says what does not hold; fails if anything does not.
    Test {
        /// Files of assertions, such as organization.tests.yaml. The policy that each is about stands beside it under its
        /// name (organization.yaml), or is a built-in one.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Says how one policy differs from another: what each role gains and loses, and which rules are others.
    ///
    /// With one file alone, how it differs from the version in force on a server, and which members of which accounts would
    /// gain or lose what.
    Diff {
        /// The policy before and the one afterwards: names of built-in policies, or files.
        #[arg(required = true, num_args = 1..=2, value_name = "[OLD] NEW")]
        policies: Vec<String>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Lists the policies in force on a server, or the built-in ones if no server is named.
    List {
        /// The server.
        #[arg(long, value_name = "URL", env = "MANDATE_ENDPOINT")]
        endpoint: Option<String>,
        #[command(flatten)]
        trust: Trust,
        #[command(flatten)]
        credentials: Credentials,
    },
    /// Puts a policy in force on a running server, and on all others on its database, as a new version.
    Apply(applied::Apply),
    /// Puts the text of an earlier version in force again, as a new version.
    Rollback(applied::Rollback),
    /// Lists the versions of a policy on a server, newest first: number, time, who applied it, digest.
    Versions(applied::Named),
    /// Prints a policy as a server has it.
    Get(applied::Get),
}

impl PolicyCommand {
    pub(super) async fn run(&self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Check { files } => check(files),
            Self::Show { policy } => show(policy),
            Self::Test { files } => trial::run(files),
            Self::Diff { policies, remote } => match policies.as_slice() {
                [old, new] => diff(old, new),
                [new] => applied::diff(remote, Path::new(new)).await,
                _ => Err(anyhow!("one or two policies are compared")),
            },
            Self::List { endpoint: None, .. } => list(),
            Self::List { endpoint: Some(endpoint), trust, credentials } => {
                let (endpoint, trust, credentials) = (endpoint.clone(), trust.clone(), credentials.clone());
                applied::list(&Remote { endpoint, trust, credentials }).await
            }
            Self::Apply(apply) => apply.run().await,
            Self::Rollback(rollback) => rollback.run().await,
            Self::Versions(named) => named.versions().await,
            Self::Get(get) => get.run().await,
        }
    }
}

fn check(files: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let (mut errors, mut warnings) = (0_usize, 0_usize);
    for file in files {
        let diagnostics = match holds_assertions(file) {
            true => trial::check(file)?,
            false => policy::check(&file.display().to_string(), &read(file)?).diagnostics,
        };
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
    print(policy::matrix(&named(name)?).to_string().trim_end())?;
    Ok(ExitCode::SUCCESS)
}

fn diff(old: &str, new: &str) -> anyhow::Result<ExitCode> {
    let difference = policy::difference(&named(old)?, &named(new)?);
    let text = difference.to_string();
    print(if difference.is_empty() { "they say the same" } else { text.trim_end() })?;
    Ok(ExitCode::SUCCESS)
}

/// The built-in policy of that name, or the file.
fn named(name: &str) -> anyhow::Result<Policy> {
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
    compile(&file, &source)
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

//! `mandate config`.

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory as _};

use super::{Cli, print, tell};
use crate::config::check::check;
use crate::config::reference::reference;
use crate::config::show::show;
use crate::config::{Loaded, settings};
use crate::serve::Settings;

/// What to do with the configuration.
#[derive(Debug, clap::Subcommand)]
pub(super) enum ConfigCommand {
    /// Says everything that is wrong with file, variables and flags, without starting anything; fails if anything is.
    ///
    /// It looks at all that can be judged on this machine: values, policies, issuers, keys and secrets in files, the
    /// forms of URLs. It asks no database, no mail server and no issuer.
    Check(Box<Settings>),
    /// Prints every setting, its value, and who said it: a flag, a variable, a line of the file, or nobody.
    ///
    /// What it prints could be used as a file, but for passwords, which are masked.
    Show(Box<Settings>),
    /// Prints every setting that there is, in Markdown.
    Reference,
}

impl ConfigCommand {
    /// Whether it tells of mistakes by itself.
    pub(super) fn is_about_mistakes(&self) -> bool {
        matches!(self, Self::Check(_) | Self::Show(_))
    }

    pub(super) fn run(&self, loaded: &Loaded, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
        match self {
            Self::Check(given) => {
                let mut problems = loaded.problems.clone();
                problems.extend(check(given, loaded));
                for problem in &problems {
                    print(&problem.to_string())?;
                }
                let of = loaded.file.as_ref().map_or("no file".to_owned(), |file| file.display().to_string());
                print(&format!(
                    "{of}, variables and flags: {} error(s), {} warning(s)",
                    problems.len(),
                    loaded.warnings.len()
                ))?;
                Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
            }
            Self::Show(_) => {
                for problem in &loaded.problems {
                    tell(&problem.to_string());
                }
                print(show(&settings(), loaded, leaf(matches)).trim_end())?;
                Ok(if loaded.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
            }
            Self::Reference => {
                print(reference(&Cli::command()).trim_end())?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

/// Those of the command that was called.
fn leaf(matches: &ArgMatches) -> &ArgMatches {
    matches.subcommand().map_or(matches, |(_, matches)| leaf(matches))
}

//! `report`: everything side by side in one go, written for people.
//!
//! Each part is a subcommand with the options it has here; whoever doubts a figure runs that one alone.

mod conditions;
mod document;
mod goals;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use clap::Parser as _;

use crate::report::{self, tell};
use crate::section::Section;
use crate::{Cli, Done};

use self::conditions::Conditions;

/// The folder of plots, beside the report.
const PLOTS: &str = "benchmarks";

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The Markdown file to write; plots and the bare figures go into the folder `benchmarks` beside it.
    #[arg(long, value_name = "FILE", default_value = "BENCHMARKS.md")]
    write: PathBuf,
    /// Smaller worlds and shorter runs, for a first look.
    #[arg(long)]
    short: bool,
    /// These parts alone, by the names of their subcommands.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    only: Vec<String>,
}

/// A part of the report: a subcommand, and its options in the default and the short form.
struct Part {
    name: &'static str,
    full: &'static str,
    short: &'static str,
}

/// All parts, in the order of the report. A new subcommand that returns a [`Section`] needs a line here.
const PARTS: [Part; 9] = [
    Part {
        name: "check",
        full: "--seconds 2 --memberships 1000000",
        short: "--seconds 1 --memberships 20000",
    },
    Part { name: "decide", full: "--seconds 1", short: "--seconds 0.5 --memberships 100000" },
    Part { name: "growth", full: "--seconds 1 --cached 1000000", short: "--seconds 0.5 --runs 3" },
    Part { name: "writes", full: "--seconds 2", short: "--seconds 1 --runs 3" },
    Part {
        name: "writes",
        full: "--seconds 2 --engine postgres",
        short: "--seconds 1 --runs 3 --engine postgres",
    },
    Part { name: "import", full: "", short: "--rows 10000" },
    Part { name: "overload", full: "--seconds 2", short: "--seconds 1 --runs 3" },
    Part { name: "revocation", full: "", short: "--accounts 3,10000 --runs 5" },
    Part { name: "lag", full: "--seconds 10", short: "--seconds 5" },
];

impl Part {
    fn arguments(&self, options: &Options) -> &'static str {
        if options.short { self.short } else { self.full }
    }

    /// How to run this one alone.
    fn command_line(&self, options: &Options) -> String {
        format!("mandate-bench {} {}", self.name, self.arguments(options)).trim_end().to_owned()
    }
}

/// What became of a part.
struct Outcome {
    part: &'static Part,
    section: anyhow::Result<Section>,
    took: Duration,
}

/// Measures everything and writes it.
///
/// # Errors
/// The files cannot be written. A part that fails is told in the report, and by the exit code.
pub(crate) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let known = |name: &String| PARTS.iter().any(|part| part.name == name);
    if let Some(name) = options.only.iter().find(|name| !known(name)) {
        let names: Vec<_> = PARTS.iter().map(|part| part.name).collect();
        return Err(anyhow!("--only {name}: the parts are {}", names.join(", ")));
    }
    let folder = options.write.parent().unwrap_or(Path::new("")).join(PLOTS);
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    // Before anything runs: whoever built something a minute ago is told so by the load.
    let conditions = Conditions::look()?;
    let chosen = |part: &&Part| options.only.is_empty() || options.only.iter().any(|name| name == part.name);
    let mut outcomes = Vec::new();
    for part in PARTS.iter().filter(chosen) {
        tell(&format!("== {}", part.command_line(options)));
        let started = Instant::now();
        let section = apart(part, part.arguments(options));
        if let Err(error) = &section {
            tell(&format!("{}: {error:#}", part.name));
        }
        outcomes.push(Outcome { part, section, took: started.elapsed() });
    }
    let put = |path: PathBuf, text: &str| {
        std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))
    };
    for plot in outcomes.iter().filter_map(|one| one.section.as_ref().ok()).flat_map(|section| &section.plots)
    {
        put(folder.join(&plot.file), &plot.svg)?;
    }
    let figures = report::figures();
    let lines: String = figures.iter().map(|(name, figure)| report::written(name, *figure) + "\n").collect();
    put(folder.join("figures.txt"), &lines)?;
    put(options.write.clone(), &document::compose(options, &conditions, &outcomes, &figures))?;
    let failed = outcomes.iter().any(|one| one.section.is_err());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Runs a subcommand on a thread of its own: one that keeps itself on a core keeps no other there.
fn apart(part: &Part, arguments: &str) -> anyhow::Result<Section> {
    let line = ["mandate-bench", part.name].into_iter().chain(arguments.split_whitespace());
    let command = Cli::try_parse_from(line)?.command;
    let thread = std::thread::Builder::new().name(part.name.to_owned());
    let done = thread.spawn(move || crate::run(command))?.join();
    match done {
        Ok(Ok(Done::Measured(section))) => {
            ensure!(!section.text.is_empty(), "it has nothing to say");
            Ok(section)
        }
        Ok(Ok(Done::Ended(_))) => Err(anyhow!("it has nothing to write")),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(anyhow!("it panicked")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_a_subcommand_with_such_options() {
        for part in &PARTS {
            for arguments in [part.full, part.short] {
                let line = ["mandate-bench", part.name].into_iter().chain(arguments.split_whitespace());
                Cli::try_parse_from(line)
                    .unwrap_or_else(|error| panic!("{} {arguments}: {error}", part.name));
            }
        }
    }

    #[test]
    fn unknown_parts_are_told() {
        let write = PathBuf::from("never-written.md");
        let options = Options { write, short: true, only: vec!["check".into(), "chess".into()] };
        let error = run(&options).unwrap_err().to_string();
        assert!(error.contains("chess") && error.contains("revocation"), "{error}");
    }
}

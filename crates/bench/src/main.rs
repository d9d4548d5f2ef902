//! Measures Mandate from outside: a server process on one core, the load on another.
//!
//! `cargo run --release -p mandate-bench -- --help` says what can be measured.

mod benchmarks;
mod binary;
mod check;
mod client;
mod database;
mod decide;
mod facts;
mod fill;
mod growth;
mod history;
mod hold;
mod import;
mod lag;
mod load;
mod machine;
mod metrics;
mod overload;
mod peers;
mod process;
mod reference;
mod report;
mod revocation;
mod scale;
mod section;
mod seed;
mod service;
mod sink;
mod stats;
mod svg;
mod writes;
mod written;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::section::Section;

/// Measures Mandate from outside. Figures go to stdout, one `name value` per line, all else to stderr.
#[derive(Debug, Parser)]
#[command(name = "mandate-bench", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What a decision costs beside an empty RPC of the same stack.
    #[command(after_help = peers::WHERE)]
    Check(check::Options),
    /// What a decision costs inside the process, beside cedar-policy and casbin.
    Decide(decide::Options),
    /// What revoking access through an account group costs, in small groups and in large ones (PE-09).
    Revocation(revocation::Options),
    /// Lets clients race on several servers while things break, and looks for an answer that no order of events explains.
    History(history::Options),
    /// How long a removed permission is still allowed on other servers of one PostgreSQL database.
    Lag(lag::Options),
    /// What a server does that is asked for three times as much as it can answer.
    Overload(overload::Options),
    /// What writes through the API reach beside raw transactions with the same rows.
    Writes(writes::Options),
    /// How fast members come in from a file.
    Import(import::Options),
    /// Whether a Check costs the same however much there is; what one costs that finds nothing in memory.
    Growth(growth::Options),
    /// How long each kind of call takes on a large platform.
    Scale(scale::Options),
    /// Measures all of this side by side and writes it for people, with tables, ratios and plots.
    #[command(after_help = peers::WHERE)]
    Report(benchmarks::Options),
    /// Holds Mandate and the empty RPC ready for somebody else's load generator.
    Hold(hold::Options),
    /// Serves the empty RPCs that others are compared with.
    #[command(hide = true)]
    Reference(reference::Options),
}

/// How a subcommand ended.
enum Done {
    /// With something for the written report.
    Measured(Section),
    /// With its exit code.
    Ended(ExitCode),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(Done::Measured(_)) => ExitCode::SUCCESS,
        Ok(Done::Ended(code)) => code,
        Err(error) => {
            report::tell(&format!("mandate-bench: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<Done> {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(match command {
        Command::Check(options) => Done::Measured(runtime()?.block_on(check::run(&options))?),
        Command::Decide(options) => Done::Measured(runtime()?.block_on(decide::run(&options))?),
        Command::Revocation(options) => Done::Measured(runtime()?.block_on(revocation::run(&options))?),
        Command::Lag(options) => Done::Measured(runtime()?.block_on(lag::run(&options))?),
        Command::Overload(options) => Done::Measured(runtime()?.block_on(overload::run(&options))?),
        Command::Writes(options) => Done::Measured(runtime()?.block_on(writes::run(&options))?),
        Command::Import(options) => Done::Measured(runtime()?.block_on(import::run(&options))?),
        Command::Growth(options) => Done::Measured(runtime()?.block_on(growth::run(&options))?),
        Command::Scale(options) => Done::Measured(runtime()?.block_on(scale::run(&options))?),
        Command::History(options) => Done::Ended(history::run(options)?),
        Command::Report(options) => Done::Ended(benchmarks::run(&options)?),
        Command::Hold(options) => {
            runtime()?.block_on(hold::run(&options))?;
            Done::Ended(ExitCode::SUCCESS)
        }
        Command::Reference(options) => {
            reference::run(&options)?;
            Done::Ended(ExitCode::SUCCESS)
        }
    })
}

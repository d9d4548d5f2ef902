//! Measures Mandate from outside: a server process on one core, the load on another.
//!
//! `cargo run --release -p mandate-bench -- --help` says what can be measured.

mod binary;
mod check;
mod client;
mod database;
mod facts;
mod history;
mod import;
mod lag;
mod load;
mod machine;
mod overload;
mod process;
mod reference;
mod report;
mod revocation;
// What is in it the written report reads.
#[allow(dead_code)]
mod section;
mod seed;
mod service;
mod stats;
mod svg;
mod writes;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    Check(check::Options),
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
    /// Serves the empty RPCs that others are compared with.
    #[command(hide = true)]
    Reference(reference::Options),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            report::tell(&format!("mandate-bench: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    match command {
        Command::Check(options) => runtime()?.block_on(check::run(&options))?,
        Command::Revocation(options) => runtime()?.block_on(revocation::run(&options))?,
        Command::History(options) => return history::run(options),
        Command::Lag(options) => runtime()?.block_on(lag::run(&options))?,
        Command::Overload(options) => drop(runtime()?.block_on(overload::run(&options))?),
        Command::Writes(options) => drop(runtime()?.block_on(writes::run(&options))?),
        Command::Import(options) => drop(runtime()?.block_on(import::run(&options))?),
        Command::Reference(options) => reference::run(&options)?,
    }
    Ok(ExitCode::SUCCESS)
}

//! The command line.

mod health;
mod import;
mod policy;
mod serve;
mod token;

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::demo::{self, Demo};
use crate::serve::Settings;
use crate::telemetry::{self, LogFormat};

/// Accounts, memberships and permission checks for a SaaS platform, in one service.
#[derive(Debug, Parser)]
#[command(name = "mandate", version, disable_help_subcommand = true)]
#[command(after_help = "Exit codes: 0 done, 1 it failed, 2 the command line is wrong.\n\
    Log: to stderr; its level is set by MANDATE_LOG (error, warn, info, debug; default info).")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the server until it is told to stop (SIGTERM or Ctrl-C); calls in flight are finished first.
    Serve(Box<Settings>),
    /// Mints a token with the server's own key and prints it, and nothing else, on stdout.
    ///
    /// Without a scope it is a person's, whose user id is the subject; with platform.operator it is an operator's;
    /// with other scopes a service's.
    Token(token::Token),
    /// Makes members of the rows of a CSV file, and users of them where they are not known yet.
    ///
    /// Rows that were done before are recognised, so a file that broke off is imported again whole. Refused rows are
    /// told with their line and stop nothing. Fails if any row was refused.
    Import(import::Import),
    /// Asks a running server whether it answers; fails if it does not.
    Health(health::Health),
    /// Checks and shows policies.
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Plays five products' articles about accounts and roles on a server of its own, and keeps it running.
    Demo(Demo),
}

impl Cli {
    /// Does what the command line says and tells how it went.
    pub async fn run(self) -> ExitCode {
        if !matches!(self.command, Command::Serve(_)) {
            telemetry::log_plainly(LogFormat::Pretty, None);
        }
        let result = match self.command {
            Command::Serve(settings) => serve::run(&settings).await.map(|()| ExitCode::SUCCESS),
            Command::Token(token) => token.run().map(|()| ExitCode::SUCCESS),
            Command::Import(import) => import.run().await,
            Command::Health(health) => health.run().await,
            Command::Policy(command) => command.run(),
            Command::Demo(options) => demo::run(&options).await,
        };
        result.unwrap_or_else(|error| {
            tell(&format!("mandate: {error:#}"));
            ExitCode::FAILURE
        })
    }
}

/// Says something to the person at the terminal.
fn tell(text: &str) {
    use io::Write as _;
    // Nothing is left to do for somebody who has closed their stderr.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints a result. A reader who has seen enough (`mandate policy show … | head`) is no failure.
fn print(text: &str) -> anyhow::Result<()> {
    use io::Write as _;
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_server_needs_no_option() {
        assert!(Cli::try_parse_from(["mandate", "serve"]).is_ok());
        assert!(Cli::try_parse_from(["mandate", "serve", "--listen", "nowhere"]).is_err());
        assert!(Cli::try_parse_from(["mandate", "token"]).is_err(), "a token is somebody's");
    }
}

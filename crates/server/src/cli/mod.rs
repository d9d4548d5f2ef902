//! The command line.

mod completions;
mod config;
mod health;
mod import;
mod migrate;
mod policy;
mod remote;
mod serve;
mod signing_key;
mod token;
mod trust;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::config::environment::Variables;
use crate::config::layers::without_variables;
use crate::config::{self as configuration, Loaded};
use crate::demo::{self, Demo};
use crate::serve::Settings;
use crate::telemetry::{self, LogFormat};

/// Accounts, memberships and permission checks for a SaaS platform, in one service.
#[derive(Debug, Parser)]
#[command(name = "mandate", version, disable_help_subcommand = true)]
#[command(
    after_help = "Exit codes: 0 done; 1 it failed, or what was checked is wrong; 2 the command line, a variable \
    MANDATE_… or the file of --config is wrong, and nothing was begun.\n\
    Log: to stderr; its level is set by MANDATE_LOG (error, warn, info, debug; default info)."
)]
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
    /// Exchanges the server's own key without a failed call: add one, let it sign, remove the one before.
    SigningKey(signing_key::SigningKeys),
    /// Makes members of the rows of a CSV file, and users of them where they are not known yet.
    ///
    /// Rows that were done before are recognised, so a file that broke off is imported again whole. Refused rows are
    /// told with their line and stop nothing. Fails if any row was refused.
    Import(import::Import),
    /// Asks a running server whether it answers; fails if it does not.
    Health(health::Health),
    /// Checks, shows and compares policies, and puts them in force on a running server.
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Checks and shows the configuration.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Brings the tables of a database to the form that this version needs, and says which they had.
    ///
    /// A server does so by itself when it starts; this is for whoever wants it done before. The file of an SQLite
    /// database must not be in use; servers on PostgreSQL may run.
    Migrate(Box<migrate::Migrate>),
    /// Prints a script that completes this command line in a shell.
    ///
    /// bash: source <(mandate completions bash); zsh: mandate completions zsh > "${fpath[1]}/_mandate";
    /// fish: mandate completions fish > ~/.config/fish/completions/mandate.fish
    Completions(completions::Completions),
    /// Plays five products' articles about accounts and roles on a server of its own, and keeps it running.
    Demo(Demo),
}

/// Does what the process's command line says, with what its environment and the file of `--config` say besides, and
/// tells how it went.
pub async fn main() -> ExitCode {
    match begin(std::env::args_os().collect(), &Variables::of_process()) {
        Ok((cli, loaded, matches)) => cli.run(&loaded, &matches).await,
        Err(Stop::Said(error)) => {
            // Nothing is left to do for somebody who has closed their terminal.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        }
        Err(Stop::Configuration(loaded)) => {
            for problem in &loaded.problems {
                tell(&problem.to_string());
            }
            tell(
                "mandate: nothing was begun: put right what is said above; `mandate config check` says whether all is well",
            );
            ExitCode::from(2)
        }
    }
}

/// Why a command is not begun.
enum Stop {
    /// clap says it.
    Said(clap::Error),
    /// File or variables are wrong.
    Configuration(Box<Loaded>),
}

impl From<clap::Error> for Stop {
    fn from(error: clap::Error) -> Self {
        Self::Said(error)
    }
}

fn begin(arguments: Vec<OsString>, variables: &Variables) -> Result<(Cli, Loaded, ArgMatches), Stop> {
    let command = Cli::command();
    let loaded = configuration::load(&command, arguments, variables)?;
    let mut command = without_variables(command);
    let matches = command.try_get_matches_from_mut(&loaded.arguments)?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    for warning in &loaded.warnings {
        tell(&format!("mandate: warning: {warning}"));
    }
    let tells = matches!(&cli.command, Command::Config(command) if command.is_about_mistakes());
    if loaded.problems.is_empty() || tells {
        Ok((cli, loaded, matches))
    } else {
        Err(Stop::Configuration(Box::new(loaded)))
    }
}

impl Cli {
    async fn run(self, loaded: &Loaded, matches: &ArgMatches) -> ExitCode {
        if !matches!(self.command, Command::Serve(_)) {
            telemetry::log_plainly(LogFormat::Pretty, None);
        }
        let result = match self.command {
            Command::Serve(settings) => serve::run(&settings).await.map(|()| ExitCode::SUCCESS),
            Command::Token(token) => token.run().map(|()| ExitCode::SUCCESS),
            Command::SigningKey(keys) => keys.run().map(|()| ExitCode::SUCCESS),
            Command::Import(import) => import.run().await,
            Command::Health(health) => health.run().await,
            Command::Policy(command) => command.run().await,
            Command::Config(command) => command.run(loaded, matches),
            Command::Migrate(migrate) => migrate.run().await.map(|()| ExitCode::SUCCESS),
            Command::Completions(completions) => completions.run().map(|()| ExitCode::SUCCESS),
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

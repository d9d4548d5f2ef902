//! `mandate completions`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Cli, print};

/// For which shell.
#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "mandate", &mut script);
        print(String::from_utf8(script)?.trim_end())
    }
}

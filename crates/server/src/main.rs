//! The binary `mandate`. Everything it does is in the library.

use std::process::ExitCode;

use clap::Parser as _;
use mandate_server::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    Cli::parse().run().await
}

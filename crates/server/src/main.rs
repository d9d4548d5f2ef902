//! The binary `mandate`. Everything it does is in the library.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    mandate_server::cli::main().await
}

//! The binary `mandate-sabotaged`: `mandate` with a fault planted, which the environment variable MANDATE_SABOTAGE names.
//! For the history checker alone; nothing builds it unless asked to (`--features sabotage`).

use std::process::ExitCode;

use mandate_storage::sabotage;

#[tokio::main]
async fn main() -> ExitCode {
    if let Ok(fault) = std::env::var("MANDATE_SABOTAGE")
        && !sabotage::plant(&fault)
    {
        return ExitCode::from(2);
    }
    mandate_server::cli::main().await
}

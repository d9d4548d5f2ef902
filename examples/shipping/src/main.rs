//! The example as a program: `mandate-example-shipping --mandate http://127.0.0.1:50051 --token-file FILE`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use mandate_client::{Client, TokenSource};
use tokio::net::TcpListener;

/// A shipping company's backend that asks Mandate who may book.
#[derive(Parser)]
struct Options {
    /// Where Mandate is.
    #[arg(long, default_value = "http://127.0.0.1:50051")]
    mandate: String,
    /// The file of this backend's token: a service's, with the scope authz.check.
    #[arg(long)]
    token_file: PathBuf,
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:50052")]
    listen: SocketAddr,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let mandate = Client::builder(options.mandate).token(TokenSource::file(options.token_file)).build()?;
    let listener = TcpListener::bind(options.listen).await?;
    let interrupted = async {
        // Without a way to hear of Ctrl-C, the program ends as the system ends it.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    Ok(mandate_example_shipping::serve(listener, mandate, interrupted).await?)
}

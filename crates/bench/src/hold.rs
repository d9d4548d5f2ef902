//! Both servers of the comparison, held ready for somebody else's load generator.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use prost::Message as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::check::start_reference;
use crate::check::world::World;
use crate::client::Client;
use crate::database::Engine;
use crate::machine::Cores;
use crate::process::Server;
use crate::reference::Kind;
use crate::report::{say, tell};
use crate::service::Service;

/// What to hold ready.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The folder for what a load generator needs; it is made if it is not there.
    #[arg(long, value_name = "FOLDER")]
    folder: PathBuf,
    /// How many memberships the database has: a multiple of 50.
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000)]
    memberships: u64,
}

/// Starts both, writes their addresses, their process ids, a request and its header, and waits for SIGINT or SIGTERM.
///
/// # Errors
/// Something does not start, or a file cannot be written.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let (mut interrupt, mut end) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let folder = &options.folder;
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let cores = Cores::choose()?;
    let service = Service::new(Engine::Sqlite).await?;
    let world = World::seed(&service, options.memberships).await?;
    let token = service.token("authz.check")?;
    let logs = tempfile::tempdir()?;
    let empty = start_reference(Kind::CurrentThread, logs.path(), cores.server)?;
    let mandate = service.start(Some(cores.server))?;
    let question = world.question(0);
    // From now on it is in memory.
    let answer = Client::connect(mandate.address, &token).await?.ask(question.clone()).await?;
    anyhow::ensure!(answer.allowed, "the question was denied");

    let body = question.encode_to_vec();
    let mut framed = vec![0];
    framed.extend_from_slice(&u32::try_from(body.len())?.to_be_bytes());
    framed.extend_from_slice(&body);
    put(folder, "request", &framed)?;
    put(folder, "authorization", format!("authorization: Bearer {token}").as_bytes())?;
    for (name, server) in [("check", &mandate), ("empty", &empty)] {
        describe(folder, name, server)?;
    }
    say("ready");
    tell(&format!("ready; core {} is for the load, SIGINT ends this", cores.generator));
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = end.recv() => {}
    }
    empty.stop();
    mandate.stop();
    service.end().await
}

fn describe(folder: &Path, name: &str, server: &Server) -> anyhow::Result<()> {
    let url = format!("http://{}/mandate.v1.AuthzService/Check", server.address);
    put(folder, &format!("{name}.url"), url.as_bytes())?;
    put(folder, &format!("{name}.pid"), server.id().to_string().as_bytes())?;
    say(&format!("{name} {url} {}", server.id()));
    Ok(())
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let file = folder.join(name);
    std::fs::write(&file, bytes).with_context(|| format!("{} cannot be written", file.display()))
}

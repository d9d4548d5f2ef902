//! The servers under test and their database: started, broken and mended.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use sqlx::{Connection as _, PgConnection};

use super::door::Door;
use crate::client::Client;
use crate::database::{Connection, Database, Engine};
use crate::process::Server;

/// For how long a server answers from memory while the database is away. Short, so that a run gets to see the end of it.
pub(super) const STALE_LIMIT: Duration = Duration::from_secs(3);

/// Threads of each server that answer calls: more than there are cores, so that they come in each other's way.
const THREADS: usize = 16;

/// How long a call may take before its client gives it up.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a cluster is made of.
pub(super) struct Parts {
    /// The `mandate` to start.
    pub(super) binary: PathBuf,
    /// What it is told to do wrong, if it is one that can be.
    pub(super) sabotage: Option<&'static str>,
    /// Where keys, logs and a SQLite database go.
    pub(super) folder: PathBuf,
    pub(super) engine: Engine,
    /// The URL of the database.
    pub(super) database: String,
    /// The folder of a PostgreSQL server of deploy/local-postgres, if it is this run's own.
    pub(super) postgres: Option<PathBuf>,
    pub(super) replicas: usize,
}

/// The servers and their database. They end with this value.
pub(super) struct Cluster {
    parts: Parts,
    nodes: Vec<Arc<Node>>,
}

/// One server, which may be down just now.
struct Node {
    name: String,
    command: Mutex<CommandLine>,
    running: Mutex<Option<Server>>,
    /// To where it runs, or last did: one connection for each of its threads, which answer beside each other.
    clients: Mutex<Vec<Client>>,
    /// How many calls were given a connection so far.
    calls: AtomicUsize,
    door: Option<Door>,
    /// An operator's, for all servers; the first one to start makes the key for it.
    token: Arc<OnceLock<String>>,
}

/// How to start a server, and how often it was.
struct CommandLine {
    binary: PathBuf,
    arguments: Vec<String>,
    sabotage: Option<&'static str>,
    folder: PathBuf,
    starts: usize,
}

impl Cluster {
    /// Starts everything.
    ///
    /// # Errors
    /// Something does not start.
    pub(super) async fn start(parts: Parts) -> anyhow::Result<Self> {
        std::fs::write(parts.folder.join("history.yaml"), include_str!("policy.yaml"))?;
        let token = Arc::new(OnceLock::new());
        let mut nodes = Vec::with_capacity(parts.replicas);
        for number in 0..parts.replicas {
            let door = match parts.engine {
                Engine::Postgres => Some(Door::before(&parts.database).await?),
                Engine::Sqlite => None,
            };
            let url = door.as_ref().map_or(parts.database.as_str(), Door::url);
            let command = CommandLine::of(&parts, url);
            nodes.push(Arc::new(Node {
                name: format!("server-{number}"),
                command: Mutex::new(command),
                running: Mutex::default(),
                clients: Mutex::default(),
                calls: AtomicUsize::default(),
                door,
                token: Arc::clone(&token),
            }));
        }
        let cluster = Self { parts, nodes };
        for number in 0..cluster.size() {
            cluster.up(number).await?;
        }
        Ok(cluster)
    }

    /// How many servers there are.
    pub(super) fn size(&self) -> usize {
        self.nodes.len()
    }

    /// Where keys, logs and histories go.
    pub(super) fn folder(&self) -> &Path {
        &self.parts.folder
    }

    /// Whether PostgreSQL is this run's own, and may be broken.
    pub(super) fn owns_postgres(&self) -> bool {
        self.parts.postgres.is_some()
    }

    /// An operator's connection to a server, whether it is up or not.
    ///
    /// # Errors
    /// There is no such server.
    pub(super) fn client(&self, number: usize) -> anyhow::Result<Client> {
        let node = self.node(number)?;
        let (clients, call) = (lock(&node.clients), node.calls.fetch_add(1, Ordering::Relaxed));
        clients.get(call % THREADS).cloned().context("a server that was never started")
    }

    fn node(&self, number: usize) -> anyhow::Result<&Arc<Node>> {
        self.nodes.get(number).with_context(|| format!("there is no server {number}"))
    }

    /// Ends a server as a power cut would.
    ///
    /// # Errors
    /// There is no such server.
    pub(super) async fn kill(&self, number: usize) -> anyhow::Result<()> {
        let node = Arc::clone(self.node(number)?);
        Ok(tokio::task::spawn_blocking(move || {
            if let Some(server) = lock(&node.running).take() {
                server.kill9();
            }
        })
        .await?)
    }

    /// Starts a server that is down.
    ///
    /// # Errors
    /// It does not start.
    pub(super) async fn up(&self, number: usize) -> anyhow::Result<()> {
        let node = Arc::clone(self.node(number)?);
        tokio::task::spawn_blocking(move || node.up()).await?
    }

    /// Holds back whatever passes between a server and its database, for this long.
    ///
    /// # Errors
    /// There is no such server.
    pub(super) async fn pause(&self, number: usize, time: Duration) -> anyhow::Result<()> {
        let door = self.node(number)?.door.as_ref().context("SQLite has no connection to hold back")?;
        door.stick();
        tokio::time::sleep(time).await;
        door.open();
        Ok(())
    }

    /// Cuts every connection to the database.
    ///
    /// # Errors
    /// The database's.
    pub(super) async fn cut(&self) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect(&self.parts.database).await?;
        let others = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity \
                      WHERE datname = current_database() AND pid <> pg_backend_pid()";
        sqlx::query(others).execute(&mut connection).await?;
        Ok(())
    }

    /// Ends PostgreSQL as a power cut would, or as `pg_ctl -m immediate` does, and starts it again.
    ///
    /// # Errors
    /// It is not this run's own, or does not come back.
    pub(super) async fn break_postgres(&self, how: Break) -> anyhow::Result<()> {
        let folder = self.parts.postgres.clone().context("PostgreSQL is not this run's own")?;
        tokio::task::spawn_blocking(move || {
            if how == Break::Kill {
                local_postgres("kill", &folder)?;
            }
            local_postgres("restart", &folder)
        })
        .await?
    }

    /// Stops the servers and looks into the database: the ids of all requests that were carried out.
    ///
    /// # Errors
    /// The database's.
    pub(super) async fn carried_out(&self) -> anyhow::Result<Vec<String>> {
        for node in &self.nodes {
            let node = Arc::clone(node);
            tokio::task::spawn_blocking(move || drop(lock(&node.running).take())).await?;
        }
        let sql = "SELECT id FROM requests";
        Ok(match Database::at(self.parts.engine, &self.parts.database).connect().await? {
            Connection::Sqlite(mut c) => sqlx::query_scalar(sql).fetch_all(&mut c).await?,
            Connection::Postgres(mut c) => sqlx::query_scalar(sql).fetch_all(&mut c).await?,
        })
    }
}

/// How PostgreSQL is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Break {
    /// Immediate mode: its processes end without finishing anything.
    Immediate,
    /// SIGKILL to all of them.
    Kill,
}

impl Node {
    fn up(&self) -> anyhow::Result<()> {
        let mut running = lock(&self.running);
        ensure!(running.is_none(), "{} is up", self.name);
        let mut command = lock(&self.command);
        command.starts += 1;
        let server = Server::start(
            &format!("{}.{}", self.name, command.starts),
            command.command("serve"),
            &command.folder,
            None,
        )?;
        if self.token.get().is_none() {
            let _ = self.token.set(command.token()?);
        }
        let token = self.token.get().context("no token")?;
        let client = || Client::patient(server.address, token, PATIENCE);
        *lock(&self.clients) = (0..THREADS).map(|_| client()).collect::<Result<_, _>>()?;
        *running = Some(server);
        Ok(())
    }
}

impl CommandLine {
    fn of(parts: &Parts, url: &str) -> Self {
        let policies = parts.folder.display().to_string();
        let limit = STALE_LIMIT.as_secs().to_string();
        let workers = THREADS.to_string();
        let arguments = [
            ["--listen", "127.0.0.1:0"],
            ["--database", url],
            ["--policies", &policies],
            ["--stale-limit", &limit],
            ["--workers", &workers],
        ];
        Self {
            binary: parts.binary.clone(),
            arguments: arguments.concat().into_iter().map(str::to_owned).collect(),
            sabotage: parts.sabotage,
            folder: parts.folder.clone(),
            starts: 0,
        }
    }

    fn command(&self, name: &str) -> Command {
        let mut command = of_its_own(&self.binary, name, &self.folder);
        command.args(&self.arguments);
        if let Some(sabotage) = self.sabotage {
            command.env("MANDATE_SABOTAGE", sabotage);
        }
        command
    }

    fn token(&self) -> anyhow::Result<String> {
        let mut command = of_its_own(&self.binary, "token", &self.folder);
        command.args(["--subject", "history", "--ttl", "86400", "--scope", "platform.operator authz.check"]);
        let output = command.output().context("mandate token does not start")?;
        ensure!(output.status.success(), "mandate token: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }
}

/// A command without what is set for servers of one's own.
fn of_its_own(binary: &Path, name: &str, folder: &Path) -> Command {
    let mut command = Command::new(binary);
    command.arg(name).arg("--data-dir").arg(folder.join("keys"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MANDATE_")) {
        command.env_remove(name);
    }
    command
}

/// Where deploy/local-postgres and deploy/local-cluster lie.
pub(super) fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

fn local_postgres(what: &str, folder: &Path) -> anyhow::Result<()> {
    let mut command = Command::new(deploy().join("local-postgres"));
    command.arg(what).arg(folder).stdin(Stdio::null()).stdout(Stdio::null());
    let status = command.status().context("deploy/local-postgres does not start")?;
    if status.success() { Ok(()) } else { Err(anyhow!("deploy/local-postgres {what}: {status}")) }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Whatever panicked while it was held, what is in it is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

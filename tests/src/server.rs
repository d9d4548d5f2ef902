//! A server under test: the real binary with a data folder and a database of its own.

use std::collections::HashMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

use crate::caller::{Authorized, Bearer};
use crate::database::{Database, Engine};
use crate::process::{self, Process};
use crate::{background, binary};

/// A running `mandate serve`; it and all its data end with this value.
///
/// INVARIANT: the order of the fields is the order of their end: process, database, folder.
pub struct Server {
    running: Option<Running>,
    database: Database,
    data: PathBuf,
    folder: TempDir,
    engine: Engine,
    arguments: Vec<OsString>,
    variables: Vec<(String, String)>,
    tokens: Mutex<HashMap<Vec<String>, String>>,
}

struct Running {
    process: Process,
    address: SocketAddr,
    channel: Channel,
}

/// What a server is started with beyond the defaults.
pub struct ServerBuilder {
    engine: Engine,
    database: Option<String>,
    arguments: Vec<OsString>,
    variables: Vec<(String, String)>,
}

impl ServerBuilder {
    /// Loads the policy files of a folder beside the built-in ones.
    pub fn policies(self, folder: impl AsRef<Path>) -> Self {
        self.argument("--policies").argument(folder.as_ref())
    }

    /// Trusts the issuers of a file beside the server's own.
    pub fn issuers(self, file: impl AsRef<Path>) -> Self {
        self.argument("--issuers").argument(file.as_ref())
    }

    /// Uses the database of this URL, which stays when the server goes.
    pub fn database(mut self, url: &str) -> Self {
        self.database = Some(url.to_owned());
        self
    }

    /// Adds an argument of `mandate serve`.
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets a variable of its environment.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts the server and waits until it listens; panics with the end of its log where it does not.
    pub async fn start(self) -> Server {
        self.try_start().await.unwrap_or_else(|error| panic!("mandate serve: {error}"))
    }

    /// Starts the server, for tests of what it refuses to start with.
    ///
    /// Errors: how it ended and the end of its log.
    pub async fn try_start(self) -> Result<Server, String> {
        let folder =
            tempfile::Builder::new().prefix("mandate-server-").tempdir().expect("a temporary folder");
        let data = folder.path().join("data");
        std::fs::create_dir(&data).expect("a data folder");
        let mut server = Server {
            running: None,
            database: self.database.map_or_else(|| Database::create(self.engine, &data), Database::given),
            data,
            folder,
            engine: self.engine,
            arguments: self.arguments,
            variables: self.variables,
            tokens: Mutex::default(),
        };
        server.launch().await?;
        Ok(server)
    }
}

impl Server {
    /// Starts a server with the defaults on an empty database; panics with the end of its log where it fails.
    pub async fn start(engine: Engine) -> Self {
        Self::builder(engine).start().await
    }

    /// Begins a server with options.
    pub fn builder(engine: Engine) -> ServerBuilder {
        ServerBuilder { engine, database: None, arguments: Vec::new(), variables: Vec::new() }
    }

    /// The storage engine it runs on.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Where it listens. Each start chooses a free port. Panics while it is stopped.
    pub fn address(&self) -> SocketAddr {
        self.running().address
    }

    /// The URL of its database, to look behind its back.
    pub fn database_url(&self) -> &str {
        self.database.url()
    }

    /// The folder of its keys and, on SQLite, of its database.
    pub fn data_dir(&self) -> &Path {
        &self.data
    }

    /// Everything it has printed since its first start, to prove what it does not print.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).expect("the log of a server that was started")
    }

    /// Where it serves metrics; it was started with `--metrics-listen 127.0.0.1:0`. Panics where it was not.
    pub fn metrics(&self) -> SocketAddr {
        metrics_in(&self.log())
    }

    /// A channel without a caller. Take a new one after a restart. Panics while the server is stopped.
    pub fn channel(&self) -> Channel {
        self.running().channel.clone()
    }

    /// A channel whose calls carry [`token`](Self::token)`(subject, scopes)`.
    pub fn calling_as(&self, subject: &str, scopes: &[&str]) -> Authorized {
        Bearer::new(&self.token(subject, scopes)).on(self.channel())
    }

    /// A token of the server's own issuer, with the lifetime that `mandate token` gives by default. A person has a
    /// subject `usr_…` and no scopes; a service has scopes (`authz.check`, …), an operator `platform.operator`.
    pub fn token(&self, subject: &str, scopes: &[&str]) -> String {
        let mut arguments = vec!["--subject".to_owned(), subject.to_owned()];
        if !scopes.is_empty() {
            arguments.extend(["--scope".to_owned(), scopes.join(" ")]);
        }
        // A poisoned lock means that minting failed in another thread; what is in the map is whole.
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.entry(arguments).or_insert_with_key(|arguments| self.mint(arguments)).clone()
    }

    /// A token that is valid for `lifetime` (whole seconds) from now, made anew each time.
    pub fn short_token(&self, subject: &str, lifetime: Duration) -> String {
        let ttl = lifetime.as_secs().to_string();
        self.mint(&["--subject".to_owned(), subject.to_owned(), "--ttl".to_owned(), ttl])
    }

    /// A service's token with this scope that is valid for `lifetime` (whole seconds) from now, made anew each time.
    pub fn short_service_token(&self, scope: &str, lifetime: Duration) -> String {
        let ttl = lifetime.as_secs().to_string();
        self.mint(&["--subject", "backend", "--scope", scope, "--ttl", &ttl].map(str::to_owned))
    }

    /// A command of the real binary for this server, to be completed and run, without what a developer has set for
    /// servers of their own.
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(binary::path());
        command.arg(name);
        own_environment(&mut command);
        command
    }

    /// Ends it gracefully (SIGTERM) and returns how it ended. Panics when it takes too long, or is stopped already.
    pub async fn stop(&mut self) -> ExitStatus {
        self.running.take().expect("a server that runs").process.stop().await
    }

    /// Tells it that a file it writes was moved away (SIGHUP). Panics while it is stopped.
    pub fn hang_up(&self) {
        self.running().process.hang_up();
    }

    /// Ends it as a power cut would (SIGKILL). Panics when it is stopped already.
    pub fn kill9(&mut self) {
        self.running.take().expect("a server that runs").process.kill9();
    }

    /// Starts it again on the same data, after a graceful stop where it still runs.
    pub async fn restart(&mut self) {
        if self.running.is_some() {
            let status = self.stop().await;
            assert!(
                status.success(),
                "mandate serve ended with {status}\n{}",
                process::tail(&self.log_file())
            );
        }
        self.launch().await.unwrap_or_else(|error| panic!("mandate serve, again: {error}"));
    }

    async fn launch(&mut self) -> Result<(), String> {
        let ready = self.folder.path().join("ready");
        let mut command = Command::new(binary::path());
        command
            .arg("serve")
            .args(["--listen", "127.0.0.1:0", "--database", self.database.url()])
            .arg("--data-dir")
            .arg(&self.data)
            .arg("--ready-file")
            .arg(&ready)
            .args(&self.arguments);
        own_environment(&mut command);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let (process, address) = Process::start(&mut command, &ready, &self.log_file()).await?;
        self.running = Some(Running { process, address, channel: connect(address) });
        Ok(())
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("a server that runs: it was stopped and not restarted")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    fn mint(&self, arguments: &[String]) -> String {
        let data = self.data.to_str().expect("a temporary folder with a name in UTF-8");
        let mut command = vec!["token", "--data-dir", data];
        command.extend(arguments.iter().map(String::as_str));
        binary::run(&command)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", process::tail(&self.log_file()));
        }
    }
}

/// Where the server of this log serves metrics, since its last start.
pub(crate) fn metrics_in(log: &str) -> SocketAddr {
    let address = log.rsplit_once("metrics are at http://").and_then(|(_, rest)| rest.split_once("/metrics"));
    let (address, _) = address.unwrap_or_else(|| panic!("no port for metrics:\n{log}"));
    address.parse().expect("an address")
}

/// What a developer has set for a server of their own is none of this one's business.
fn own_environment(command: &mut Command) {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MANDATE_")) {
        command.env_remove(name);
    }
}

/// A channel that connects with its first call; the bounds keep a test that fails from hanging.
fn connect(address: SocketAddr) -> Channel {
    let _background = background::enter();
    Endpoint::from_shared(format!("http://{address}"))
        .expect("the URL of an address")
        .connect_timeout(Duration::from_secs(10))
        .timeout(Duration::from_secs(30))
        .connect_lazy()
}

//! PostgreSQL servers of a test's own, to be broken: a primary, and standbys that follow it.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, geteuid, kill_process};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;

use crate::{poll, process};

/// How long a server may take to do what it is asked for, on a machine with other things to do.
const LIMIT: Duration = Duration::from_secs(60);

/// Names the folder of PostgreSQL's programs. Without it the newest that systems install is used.
const BIN: &str = "MANDATE_POSTGRES_BIN";

/// The password of the administrator `mandate`.
const PASSWORD: &str = "a-password-of-the-tests";

/// A PostgreSQL server that ends with this value.
///
/// INVARIANT: the order of the fields is the order of their end: process, folder.
pub struct Node {
    running: Postgres,
    port: u16,
    folder: TempDir,
}

/// The process of a server: `postgres` itself, so that a signal to it is one to the server.
struct Postgres(Child);

impl Node {
    /// A server with an empty cluster. `files` are put beside its data, readable by it alone; `settings` are put into
    /// `postgresql.conf`, and `access` in front of `pg_hba.conf`.
    pub async fn start(files: &[(&str, &str)], settings: &[(&str, &str)], access: &str) -> Self {
        let folder = folder();
        let password = folder.path().join("password");
        write_owned(&password, PASSWORD);
        let mut initdb = command("initdb");
        initdb.arg("-D").arg(folder.path().join("data")).args([
            "-U",
            "mandate",
            "--auth=scram-sha-256",
            "--no-sync",
        ]);
        initdb.args(["--encoding=UTF8", "--locale=C"]).arg("--pwfile").arg(&password);
        run(initdb);
        for (name, text) in files {
            write_owned(&folder.path().join("data").join(name), text);
        }
        let hba = folder.path().join("data/pg_hba.conf");
        let rules = fs::read_to_string(&hba).expect("rules");
        fs::write(&hba, format!("{access}\n{rules}")).expect("rules");
        let mut text = String::from("\n");
        for (name, value) in settings {
            text.push_str(&format!("{name} = '{value}'\n"));
        }
        let conf = folder.path().join("data/postgresql.conf");
        let before = fs::read_to_string(&conf).expect("settings");
        fs::write(&conf, before + &text).expect("settings");
        Self::launch(folder).await
    }

    /// A standby of this server, which waits for it with every commit from now on.
    pub async fn standby(&self) -> Self {
        let folder = folder();
        let mut backup = command("pg_basebackup");
        let from = format!("host=127.0.0.1 port={} user=mandate password={PASSWORD}", self.port);
        backup.arg("-D").arg(folder.path().join("data"));
        backup.args(["-R", "-X", "stream", "-c", "fast", "--no-sync", "-d", &from]);
        run(backup);
        let standby = Self::launch(folder).await;
        self.execute("ALTER SYSTEM SET synchronous_standby_names = '*'").await;
        self.execute("SELECT pg_reload_conf()").await;
        let follows = poll::until(LIMIT, async || {
            let sql = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
            (self.number(sql).await == 1).then_some(())
        });
        follows.await.expect("a standby that follows");
        standby
    }

    /// Makes an empty database and returns its URL.
    pub async fn database(&self, name: &str) -> String {
        self.execute(&format!("CREATE DATABASE {name}")).await;
        self.url(name)
    }

    /// The URL of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://mandate:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a database on this server or these others.
    pub fn url_with(&self, others: &[u16], database: &str) -> String {
        let others: String = others.iter().map(|port| format!(",127.0.0.1:{port}")).collect();
        format!("postgres://mandate:{PASSWORD}@127.0.0.1:{}{others}/{database}", self.port)
    }

    /// Runs a statement as its administrator.
    pub async fn execute(&self, sql: &str) {
        let mut connection = self.connect().await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        connection
            .execute(AssertSqlSafe(sql.to_owned()))
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        connection.close().await.expect("closes");
    }

    /// The number that a statement returns.
    pub async fn number(&self, sql: &str) -> i64 {
        let mut connection = self.connect().await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let number = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut connection).await;
        connection.close().await.expect("closes");
        number.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Makes a standby the server that takes writes.
    pub async fn promote(&self) {
        self.execute("SELECT pg_promote(true, 60)").await;
    }

    /// Ends it as a power cut would (SIGKILL).
    pub fn kill9(&mut self) {
        self.running.0.kill().expect("a signal to our own child");
        self.running.0.wait().expect("the end of our own child");
    }

    async fn launch(folder: TempDir) -> Self {
        let log = folder.path().join("log");
        // A port that was free a moment ago may be taken by now.
        for _ in 0..10 {
            let port = free_port();
            let output = File::options().create(true).append(true).open(&log).expect("a log file");
            let mut postgres = command("postgres");
            postgres.arg("-D").arg(folder.path().join("data")).arg("-p").arg(port.to_string());
            for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"] {
                postgres.args(["-c", setting]);
            }
            postgres.stdin(Stdio::null()).stdout(output.try_clone().expect("a second handle")).stderr(output);
            let mut node = Self {
                running: Postgres(postgres.spawn().expect("postgres starts")),
                port,
                folder: TempDir::new().expect("a folder"),
            };
            let ready = poll::until(LIMIT, async || match node.connect().await {
                Ok(connection) => Some(connection.close().await.is_ok()),
                Err(_) => node.running.ended().then_some(false),
            });
            if ready.await == Some(true) {
                node.folder = folder;
                return node;
            }
        }
        panic!("PostgreSQL does not start\n{}", process::tail(&log));
    }

    async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        PgConnection::connect(&self.url("postgres")).await
    }
}

impl Postgres {
    fn ended(&mut self) -> bool {
        self.0.try_wait().expect("the state of our own child").is_some()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Immediate shutdown: it takes its own children along, and nothing of it is kept.
        if !self.ended() {
            let _ = kill_process(Pid::from_child(&self.0), Signal::QUIT);
        }
        if poll::until_blocking(LIMIT, || self.ended().then_some(())).is_none() {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// A folder that the user may enter who PostgreSQL runs as.
fn folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("mandate-cluster-").tempdir_in("/tmp").expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("a folder");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).expect("permissions");
    own(&data);
    folder
}

fn write_owned(path: &Path, text: &str) {
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("permissions");
    own(path);
}

/// PostgreSQL refuses to run as root; `nobody` owns nothing else.
fn other_user() -> Option<u32> {
    if !geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("the list of users");
    let nobody = users.lines().find(|line| line.starts_with("nobody:")).expect("a user nobody");
    Some(nobody.split(':').nth(2).expect("an id").parse().expect("an id"))
}

fn own(path: &Path) {
    if let Some(user) = other_user() {
        chown(path, Some(user), None).expect("another owner");
    }
}

fn command(program: &str) -> Command {
    let mut command = Command::new(bin().join(program));
    if let Some(user) = other_user() {
        command.uid(user).current_dir("/");
    }
    command
}

fn run(mut command: Command) {
    let output = command.stdin(Stdio::null()).output().expect("a program of PostgreSQL");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The folder of PostgreSQL's programs.
fn bin() -> PathBuf {
    if let Some(bin) = std::env::var_os(BIN) {
        return bin.into();
    }
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let installed =
        fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path());
    let newest = installed.filter(|path| path.join("bin/initdb").exists()).max_by_key(version);
    let newest = newest.unwrap_or_else(|| panic!("no PostgreSQL: set {BIN} to the folder of its programs"));
    newest.join("bin")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

//! `mandate serve` as it is shipped, on a database of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, anyhow};
use tempfile::TempDir;

use crate::binary;
use crate::database::{Connection, Database, Engine};
use crate::process::Server;
use crate::seed::Seeder;

/// A database with the server's tables and the folder of its keys. A server can be started on it, one at a time.
pub(crate) struct Service {
    binary: PathBuf,
    database: Database,
    folder: TempDir,
}

impl Service {
    /// Makes an empty database and lets a server bring its tables up to date.
    ///
    /// # Errors
    /// There is no server or no database to be had.
    pub(crate) async fn new(engine: Engine) -> anyhow::Result<Self> {
        Self::new_in(engine, None).await
    }

    /// The same with its files in a folder below this one.
    ///
    /// # Errors
    /// As [`Service::new`].
    pub(crate) async fn new_in(engine: Engine, above: Option<&Path>) -> anyhow::Result<Self> {
        let binary = binary::mandate()?;
        let folder = folder_in(above)?;
        let database = Database::create(engine, folder.path()).await?;
        let service = Self { binary, database, folder };
        service.start(None)?.stop();
        Ok(service)
    }

    /// The same on a database that is there already, and stays if this value is dropped and not ended.
    ///
    /// # Errors
    /// There is no server to be had, or it does not start.
    pub(crate) fn on(engine: Engine, url: &str, above: Option<&Path>) -> anyhow::Result<Self> {
        let (binary, folder) = (binary::mandate()?, folder_in(above)?);
        let service = Self { binary, database: Database::at(engine, url), folder };
        service.start(None)?.stop();
        Ok(service)
    }

    /// Begins to seed the database; no server may be running.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn seed(&self) -> anyhow::Result<Seeder> {
        Seeder::begin(self.connect().await?).await
    }

    /// Looks behind the server's back.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn connect(&self) -> anyhow::Result<Connection> {
        self.database.connect().await
    }

    /// Starts the server, on one core or wherever the system likes.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) fn start(&self, core: Option<usize>) -> anyhow::Result<Server> {
        let mut command = self.command("serve");
        command.args(Self::flags(self.database.url()));
        Server::start("mandate", command, self.folder.path(), core)
    }

    /// The same with a port for metrics, and a collector to which it exports at the default sampling.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) fn start_observed(
        &self,
        core: Option<usize>,
        collector: SocketAddr,
    ) -> anyhow::Result<Server> {
        let mut command = self.command("serve");
        command.args(Self::flags(self.database.url()));
        command.args(["--metrics-listen", "127.0.0.1:0", "--otlp-endpoint", &format!("http://{collector}")]);
        Server::start("mandate", command, self.folder.path(), core)
    }

    fn flags(database: &str) -> [&str; 4] {
        ["--listen", "127.0.0.1:0", "--database", database]
    }

    /// What [`Service::start`] types, for a reader.
    pub(crate) fn words(database: &str) -> String {
        format!("mandate serve --data-dir FOLDER {}", Self::flags(database).join(" "))
    }

    /// Starts one server of several, and says where it serves metrics.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) fn start_replica(&self, number: usize) -> anyhow::Result<(Server, SocketAddr)> {
        self.start_replica_with(number, &[])
    }

    /// The same with more flags.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) fn start_replica_with(
        &self,
        number: usize,
        flags: &[String],
    ) -> anyhow::Result<(Server, SocketAddr)> {
        let name = format!("replica-{number}");
        let mut command = self.command("serve");
        command.args(flags);
        command.args(["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"]);
        command.args(["--database", self.database.url()]);
        let server = Server::start(&name, command, self.folder.path(), None)?;
        let log = std::fs::read_to_string(self.folder.path().join(format!("{name}.log")))?;
        let address =
            log.rsplit_once("metrics are at http://").and_then(|(_, rest)| rest.split_once("/metrics"));
        let (address, _) = address.with_context(|| format!("{name} serves no metrics\n{log}"))?;
        Ok((server, address.parse()?))
    }

    /// Mints a token that is good for a day.
    ///
    /// # Errors
    /// What `mandate token` has to say.
    pub(crate) fn token(&self, scope: &str) -> anyhow::Result<String> {
        self.token_of("bench", scope)
    }

    /// The same for a subject: a user's id for a person, any name for a service.
    ///
    /// # Errors
    /// What `mandate token` has to say.
    pub(crate) fn token_of(&self, subject: &str, scope: &str) -> anyhow::Result<String> {
        let mut command = self.command("token");
        command.args(["--subject", subject, "--ttl", "86400", "--scope", scope]);
        let output = command.output().context("mandate token does not start")?;
        if !output.status.success() {
            return Err(anyhow!("mandate token: {}", String::from_utf8_lossy(&output.stderr)));
        }
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Lets `mandate import` send the rows of a file to a server, and waits for its end.
    ///
    /// # Errors
    /// What it has to say.
    pub(crate) fn import(&self, server: &Server, file: &Path, token: &str) -> anyhow::Result<()> {
        let token_file = self.folder.path().join("import.token");
        std::fs::write(&token_file, token)?;
        let mut command = Command::new(&self.binary);
        command.arg("import").arg(file).args(["--endpoint", &format!("http://{}", server.address)]);
        let output =
            command.arg("--token-file").arg(token_file).output().context("mandate import does not start")?;
        if !output.status.success() {
            return Err(anyhow!("mandate import: {}", String::from_utf8_lossy(&output.stderr)));
        }
        Ok(())
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg(name).arg("--data-dir").arg(self.folder.path());
        // What is set for a server of one's own is none of this one's business.
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MANDATE_"))
        {
            command.env_remove(name);
        }
        command
    }

    /// The database's URL, as the server takes it. It may hold a password, so it is never printed.
    pub(crate) fn url(&self) -> &str {
        self.database.url()
    }

    /// Where files of the measurement may lie; they go with this value.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Drops the database, once its server has ended.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn end(self) -> anyhow::Result<()> {
        self.database.drop().await
    }
}

fn folder_in(above: Option<&Path>) -> anyhow::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("mandate-bench-");
    Ok(match above {
        Some(above) => builder.tempdir_in(above)?,
        None => builder.tempdir()?,
    })
}

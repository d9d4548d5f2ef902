//! The server's process, which never outlives the test.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long it may take to be ready, on a machine with other things to do.
const READY: Duration = Duration::from_secs(60);
/// How long it may take to end by itself.
const END: Duration = Duration::from_secs(5);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// Why there is no server, in words for people.
#[derive(Debug)]
pub struct StartError(String);

impl StartError {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

/// A server that ends with this value.
///
/// INVARIANT: the server reads this process's end of a pipe, so that it ends even if nothing here is dropped any more.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    folder: TempDir,
}

impl Process {
    /// Starts it, and returns what it has told when it is ready.
    pub(crate) async fn start(
        program: &Path,
        fixtures: &str,
        arguments: &[String],
    ) -> Result<(Self, Vec<u8>), StartError> {
        let here = |error: std::io::Error| StartError(format!("no temporary files can be made: {error}"));
        let folder = tempfile::Builder::new().prefix("mandate-testkit-").tempdir().map_err(here)?;
        let (seed, ready) = (folder.path().join("fixtures.yaml"), folder.path().join("ready"));
        fs::write(&seed, fixtures).map_err(here)?;
        let log = File::create(folder.path().join("log")).map_err(here)?;
        let mut command = Command::new(program);
        command.args(["serve", "--ephemeral", "--until-stdin-closes", "--listen", "127.0.0.1:0"]);
        command.arg("--seed").arg(&seed).arg("--ready-file").arg(&ready).args(arguments);
        // What a developer has set for a server of their own is none of this one's business.
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MANDATE_"))
        {
            command.env_remove(name);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().map_err(|error| not_started(program, &error))?;
        let mut process = Self { child, folder };
        process.until_ready(&ready).await?;
        let told = fs::read(process.told()).map_err(here)?;
        Ok((process, told))
    }

    async fn until_ready(&mut self, ready: &Path) -> Result<(), StartError> {
        let end = Instant::now() + READY;
        while !ready.exists() {
            match self.child.try_wait() {
                Ok(None) if Instant::now() < end => tokio::time::sleep(PAUSE).await,
                Ok(None) => {
                    return Err(StartError(format!(
                        "mandate is not ready after {} s\n{}",
                        READY.as_secs(),
                        self.log()
                    )));
                }
                Ok(Some(status)) => {
                    return Err(StartError(format!("mandate has ended ({status})\n{}", self.log())));
                }
                Err(error) => return Err(StartError(format!("mandate cannot be watched: {error}"))),
            }
        }
        Ok(())
    }

    /// What the server has told about its world.
    pub(crate) fn told(&self) -> PathBuf {
        self.folder.path().join("ready.json")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Process {
    /// It ends by itself once its standard input is closed, and removes what it kept.
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let end = Instant::now() + END;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > end {
                // Nobody is left to tell if even that does not help.
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            std::thread::sleep(PAUSE);
        }
    }
}

fn not_started(program: &Path, error: &std::io::Error) -> StartError {
    let hint = match error.kind() {
        ErrorKind::NotFound => {
            "; put the program `mandate` on PATH, or its folder into the variable MANDATE_BIN (cargo build --release makes \
             it: target/release/mandate)"
        }
        _ => "",
    };
    StartError(format!("{} cannot be started: {error}{hint}", program.display()))
}

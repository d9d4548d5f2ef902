//! One server process: started, found ready, stopped or killed; never left behind.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::poll;

/// How long a server may take to open its database and listen, on a machine with other things to do.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How long a server may take to finish its calls and end.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// How much of the log a failure shows, in lines.
const TAIL: usize = 40;

/// A child of this process that ends with this value.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, which is to write the address it listens on and a line feed into `ready`; its output is
    /// appended to `log`.
    ///
    /// Errors: a text with the end of the log, when it ends or is not ready in time.
    pub(crate) async fn start(
        command: &mut Command,
        ready: &Path,
        log: &Path,
    ) -> Result<(Self, SocketAddr), String> {
        match fs::remove_file(ready) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                panic!("{}: {error}", ready.display())
            }
            _ => {}
        }
        let output = File::options().create(true).append(true).open(log).expect("a log file");
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a second handle of the log"))
            .stderr(output)
            .spawn()
            .map_err(|error| format!("{} does not start: {error}", command.get_program().display()))?;
        let mut process = Self { child, log: log.to_path_buf() };
        let answer = poll::until(START_LIMIT, async || match process.ended() {
            Some(status) => Some(Err(format!("ended before it was ready: {status}"))),
            None => read_ready(ready).map(Ok),
        });
        match answer.await {
            Some(Ok(address)) => Ok((process, address)),
            Some(Err(error)) => Err(format!("{error}\n{}", tail(log))),
            None => Err(format!("not ready after {START_LIMIT:?}\n{}", tail(log))),
        }
    }

    /// Ends it gracefully (SIGTERM) and returns how it ended.
    ///
    /// Panics when it is still there after the limit.
    pub(crate) async fn stop(mut self) -> ExitStatus {
        self.terminate();
        match poll::until(STOP_LIMIT, async || self.ended()).await {
            Some(status) => status,
            None => panic!("still there {STOP_LIMIT:?} after SIGTERM\n{}", tail(&self.log)),
        }
    }

    /// Ends it as a power cut would (SIGKILL): nothing of it runs any more when this returns.
    pub(crate) fn kill9(mut self) {
        self.child.kill().expect("a signal to our own child");
        self.child.wait().expect("the end of our own child");
    }

    /// Tells it that its terminal is gone, or a file it writes was moved away (SIGHUP).
    pub(crate) fn hang_up(&self) {
        kill_process(Pid::from_child(&self.child), Signal::HUP).expect("a signal to our own child");
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the state of our own child")
    }

    /// INVARIANT: only called while the child was not waited for, so that the id is still its own.
    fn terminate(&mut self) {
        if self.ended().is_none()
            && let Err(error) = kill_process(Pid::from_child(&self.child), Signal::TERM)
        {
            eprintln!("could not signal process {}: {error}", self.child.id());
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.terminate();
        if poll::until_blocking(STOP_LIMIT, || self.ended()).is_none() {
            eprintln!("still there {STOP_LIMIT:?} after SIGTERM, killing it\n{}", tail(&self.log));
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The address in a ready file that is complete; a file without its line feed is still being written.
fn read_ready(ready: &Path) -> Option<SocketAddr> {
    let text = fs::read_to_string(ready).ok()?;
    let address = text.strip_suffix('\n')?;
    Some(address.parse().unwrap_or_else(|_| panic!("the ready file says {address:?}, which is no address")))
}

/// The last lines of a log, for a person who reads a failure.
pub(crate) fn tail(log: &Path) -> String {
    let text = String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let shown = &lines[lines.len().saturating_sub(TAIL)..];
    format!("--- the end of {}\n{}\n---", log.display(), shown.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Starts a shell script that stands in for the server; `$1` is its ready file.
    async fn script(folder: &Path, text: &str) -> Result<(Process, SocketAddr), String> {
        let ready = folder.join("ready");
        let mut command = Command::new("sh");
        command.arg("-c").arg(text).arg("sh").arg(&ready);
        Process::start(&mut command, &ready, &folder.join("log")).await
    }

    const GRACEFUL: &str = r#"
        trap 'echo finished; exit 3' TERM
        echo 127.0.0.1:4711 > "$1"
        while :; do sleep 0.01; done
    "#;

    #[tokio::test]
    async fn reads_the_address_and_stops_gracefully() {
        let folder = tempfile::tempdir().expect("a folder");
        let (process, address) = script(folder.path(), GRACEFUL).await.expect("ready");
        assert_eq!(address.port(), 4711);
        assert_eq!(process.stop().await.code(), Some(3));
        assert!(tail(&folder.path().join("log")).contains("finished"));
    }

    #[tokio::test]
    async fn a_killed_process_finishes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let (process, _) = script(folder.path(), GRACEFUL).await.expect("ready");
        process.kill9();
        assert!(!tail(&folder.path().join("log")).contains("finished"));
    }

    #[tokio::test]
    async fn a_dropped_process_is_stopped() {
        let folder = tempfile::tempdir().expect("a folder");
        drop(script(folder.path(), GRACEFUL).await.expect("ready"));
        assert!(tail(&folder.path().join("log")).contains("finished"));
    }

    #[tokio::test]
    async fn a_process_that_ends_early_is_reported_with_its_words() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = script(folder.path(), "echo no such policy >&2; exit 2").await.err().expect("an error");
        assert!(error.contains("exit status: 2") && error.contains("no such policy"), "{error}");
    }

    #[test]
    fn a_ready_file_without_its_end_is_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let ready = folder.path().join("ready");
        assert_eq!(read_ready(&ready), None);
        fs::write(&ready, "127.0.0.1:80").expect("written");
        assert_eq!(read_ready(&ready), None);
        fs::write(&ready, "127.0.0.1:8080\n").expect("written");
        assert_eq!(read_ready(&ready), Some("127.0.0.1:8080".parse().expect("an address")));
    }
}

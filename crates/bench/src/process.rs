//! A server under measurement: a process of its own, kept on one core, never left behind.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use rustix::process::{Pid, Signal, kill_process};

use crate::machine;

/// How long a server may take until it listens.
const START: Duration = Duration::from_secs(120);

/// How long a server may take to end once it was told to.
const STOP: Duration = Duration::from_secs(15);

/// A running server; it ends with this value.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a command that writes its address and a line feed into the file that follows `--ready-file`.
    ///
    /// With a core it runs there and nowhere else. Its output goes to `folder/NAME.log`.
    ///
    /// # Errors
    /// It does not start, ends early or is not ready in time.
    pub(crate) fn start(
        name: &str,
        mut command: Command,
        folder: &Path,
        core: Option<usize>,
    ) -> anyhow::Result<Self> {
        let ready = folder.join(format!("{name}.ready"));
        if ready.exists() {
            fs::remove_file(&ready)?;
        }
        command.arg("--ready-file").arg(&ready);
        // A file without its line feed is still being written.
        let address = || {
            let text = fs::read_to_string(&ready).ok()?;
            Some(text.strip_suffix('\n')?.parse().with_context(|| format!("{name} listens on {text:?}")))
        };
        Self::start_until(name, command, folder, core, address)
    }

    /// Starts a command that was told where to listen; it is ready when somebody answers there.
    ///
    /// # Errors
    /// It does not start, ends early or is not ready in time.
    pub(crate) fn start_at(
        name: &str,
        command: Command,
        folder: &Path,
        core: Option<usize>,
        address: SocketAddr,
    ) -> anyhow::Result<Self> {
        let answers = || TcpStream::connect(address).ok().map(|_| Ok(address));
        Self::start_until(name, command, folder, core, answers)
    }

    fn start_until(
        name: &str,
        mut command: Command,
        folder: &Path,
        core: Option<usize>,
        address: impl Fn() -> Option<anyhow::Result<SocketAddr>>,
    ) -> anyhow::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let mut start = || command.spawn().with_context(|| format!("{name} does not start"));
        let child = match core {
            Some(core) => machine::while_on(core, start)?,
            None => start()?,
        };
        // From here on it is ended whatever happens.
        let mut server = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let started = Instant::now();
        while started.elapsed() < START {
            if let Some(address) = address() {
                server.address = address?;
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                let log = fs::read_to_string(&log).unwrap_or_default();
                return Err(anyhow!("{name} ended before it was ready: {status}\n{log}"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err(anyhow!("{name} was not ready after {} seconds; see {}", START.as_secs(), log.display()))
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The processor time that all its threads have taken so far, kernel included.
    ///
    /// # Errors
    /// It cannot be read, because the process ended.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        cpu_of(self.child.id())
    }

    /// Ends it and waits for that.
    pub(crate) fn stop(self) {
        drop(self);
    }

    /// Ends it as a power cut would (SIGKILL): nothing of it runs any more when this returns.
    pub(crate) fn kill9(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // INVARIANT: the child was not waited for, so that the id is still its own.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        }
        let asked = Instant::now();
        while asked.elapsed() < STOP {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The processor time of all threads of this process.
///
/// # Errors
/// It cannot be read.
pub(crate) fn own_cpu() -> anyhow::Result<Duration> {
    cpu_of(std::process::id())
}

/// Sums the threads' run times, which the scheduler counts in nanoseconds; `/proc/PID/stat` counts in hundredths of
/// a second, too coarse for a run of two.
fn cpu_of(process: u32) -> anyhow::Result<Duration> {
    let folder = format!("/proc/{process}/task");
    let tasks = fs::read_dir(&folder).with_context(|| format!("{folder} cannot be read"))?;
    let mut nanoseconds = 0;
    for task in tasks {
        // A thread that ended meanwhile takes its time with it.
        let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
        let first = text.split_whitespace().next().and_then(|field| field.parse::<u64>().ok());
        nanoseconds += first.with_context(|| format!("{folder}: no time in {text:?}"))?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_processor_time() {
        let before = own_cpu().unwrap();
        let mut sum = 0_u64;
        while own_cpu().unwrap() == before {
            sum = sum.wrapping_add(std::hint::black_box(1));
        }
        assert!(own_cpu().unwrap() > before, "{sum}");
    }

    #[test]
    fn a_server_that_ends_early_is_reported_with_its_words() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such policy >&2; exit 2"]);
        let error = Server::start("broken", command, folder.path(), None).unwrap_err().to_string();
        assert!(error.contains("exit status: 2") && error.contains("no such policy"), "{error}");
    }
}

//! The machine: which core serves, which one generates load, and what a reader must know to compare figures.

use std::fs;

use anyhow::{Context as _, anyhow};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The two cores of a measurement. They are never the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cores {
    /// Where the server runs, alone.
    pub(crate) server: usize,
    /// Where the load comes from.
    pub(crate) generator: usize,
}

impl Cores {
    /// The first two cores that this process may use.
    ///
    /// # Errors
    /// With fewer than two nothing can be measured: the generator would take the server's time.
    pub(crate) fn choose() -> anyhow::Result<Self> {
        let allowed = sched_getaffinity(None).context("the cores of this process cannot be read")?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        match (cores.next(), cores.next()) {
            (Some(server), Some(generator)) => Ok(Self { server, generator }),
            _ => Err(anyhow!(
                "two cores are needed, one for the server and one for the load; give this process two"
            )),
        }
    }
}

/// Keeps the calling thread, and every process it starts from now on, on one core.
///
/// # Errors
/// The system's.
pub(crate) fn pin(core: usize) -> anyhow::Result<()> {
    let mut only = CpuSet::new();
    only.set(core);
    sched_setaffinity(None, &only).with_context(|| format!("this thread cannot be kept on core {core}"))
}

/// Does something while the calling thread is kept on one core: a child process starts there and stays.
///
/// # Errors
/// Its own, and the system's.
pub(crate) fn while_on<T>(core: usize, act: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let before = sched_getaffinity(None).context("the cores of this thread cannot be read")?;
    pin(core)?;
    let result = act();
    sched_setaffinity(None, &before).context("this thread cannot be given its cores back")?;
    result
}

/// Processor, number of cores, memory and kernel, in one line each.
pub(crate) fn description() -> Vec<String> {
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(file).ok()?;
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let unknown = || "unknown".to_owned();
    let name = rustix::system::uname();
    vec![
        format!("processor: {}", field("/proc/cpuinfo", "model name").unwrap_or_else(unknown)),
        format!(
            "cores: {}",
            std::thread::available_parallelism().map_or_else(|_| unknown(), |n| n.to_string())
        ),
        format!("memory: {}", field("/proc/meminfo", "MemTotal").unwrap_or_else(unknown)),
        format!("kernel: {} {}", name.sysname().to_string_lossy(), name.release().to_string_lossy()),
        format!("load average at the start: {}", load_average().unwrap_or_else(unknown)),
    ]
}

/// How busy the machine has been in the last 1, 5 and 15 minutes.
pub(crate) fn load_average() -> Option<String> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    Some(text.split_whitespace().take(3).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_gets_its_cores_back() {
        let before = sched_getaffinity(None).unwrap();
        let core = (0..CpuSet::MAX_CPU).find(|core| before.is_set(*core)).unwrap();
        let inside = while_on(core, || Ok(sched_getaffinity(None)?)).unwrap();
        assert_eq!(inside.count(), 1);
        assert!(inside.is_set(core));
        assert!(sched_getaffinity(None).unwrap() == before);
    }
}

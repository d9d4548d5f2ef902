//! What breaks during a run, and when: by chance, and by the same chance for the same seed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Clock;
use super::cluster::{Break, Cluster};
use super::dice::Dice;
use crate::report;

/// Something that breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Fault {
    /// A server is killed (SIGKILL) and started again.
    Kill,
    /// PostgreSQL is killed (SIGKILL to all its processes), or stopped in immediate mode, and started again.
    Restart,
    /// All connections to the database are cut.
    Cut,
    /// Nothing passes between one server and the database for a while, the feed included.
    Pause,
    /// Nothing breaks.
    None,
}

impl Fault {
    /// As the command line has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Restart => "restart",
            Self::Cut => "cut",
            Self::Pause => "pause",
            Self::None => "none",
        }
    }
}

/// How often each was brought about.
pub(super) type Injected = BTreeMap<&'static str, usize>;

/// Breaks one thing after the other until the time is over, and leaves everything mended.
///
/// # Errors
/// Something did not come back.
pub(super) async fn inject(
    cluster: Arc<Cluster>,
    faults: Vec<Fault>,
    mut dice: Dice,
    clock: Clock,
) -> anyhow::Result<Injected> {
    let mut injected = Injected::new();
    while !clock.is_over() {
        tokio::time::sleep(Duration::from_millis(u64::try_from(200 + dice.below(1300))?)).await;
        let Some(fault) = dice.pick(&faults).copied().filter(|_| !clock.is_over()) else { continue };
        report::tell(&format!("{:>7} ms: {}", clock.now() / 1000, fault.name()));
        bring_about(&cluster, fault, &mut dice).await?;
        *injected.entry(fault.name()).or_default() += 1;
    }
    Ok(injected)
}

async fn bring_about(cluster: &Cluster, fault: Fault, dice: &mut Dice) -> anyhow::Result<()> {
    let server = dice.below(cluster.size());
    match fault {
        Fault::None => {}
        Fault::Kill => {
            cluster.kill(server).await?;
            tokio::time::sleep(Duration::from_millis(u64::try_from(dice.below(300))?)).await;
            cluster.up(server).await?;
        }
        Fault::Restart => {
            let how = if dice.percent(50) { Break::Immediate } else { Break::Kill };
            cluster.break_postgres(how).await?;
        }
        Fault::Cut => cluster.cut().await?,
        // Longer than facts are good, now and then.
        Fault::Pause => {
            let time = Duration::from_millis(u64::try_from(100 + dice.below(4000))?);
            cluster.pause(server, time).await?;
        }
    }
    Ok(())
}

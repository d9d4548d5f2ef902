//! What a decision costs inside the process: Mandate's own `decide`, on facts at hand and on facts that are looked for in
//! memory first, beside cedar-policy and casbin with the same roles, people and questions.
//!
//! All but the first need the feature `peers`: others' engines and the server's own facts are not compiled otherwise.

#[cfg(feature = "peers")]
mod casbin;
#[cfg(feature = "peers")]
mod cedar;
mod ours;
mod print;
#[cfg(feature = "peers")]
mod remembered;
#[cfg(feature = "peers")]
mod rules;

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::check::world::World;
use crate::machine::{Cores, pin};
use crate::peers::Probe;
use crate::process::own_cpu;
use crate::section::Section;
use crate::stats::Runs;

/// Memberships whose facts are at hand: few enough for the processor's caches.
const AT_HAND: u64 = 1_000;
/// Questions between two looks at the clock.
const BLOCK: u64 = 100;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// For how many seconds each engine decides each time.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    seconds: f64,
    /// How often each does, in turns.
    #[arg(long, value_name = "NUMBER", default_value_t = 5)]
    runs: u32,
    /// How many memberships Mandate remembers while it decides: a multiple of 50.
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000_000)]
    #[cfg_attr(not(feature = "peers"), allow(dead_code, reason = "what is remembered is the server's"))]
    memberships: u64,
    /// How many the other engines are told: a multiple of 50.
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000)]
    #[cfg_attr(not(feature = "peers"), allow(dead_code, reason = "the other engines are not compiled"))]
    peer_memberships: u64,
}

/// Somebody who decides.
trait Engine {
    /// What the figures are named by.
    fn name(&self) -> &'static str;

    /// Over how many memberships its questions are spread.
    fn memberships(&self) -> u64;

    /// Decides the question of that number, which is to be allowed.
    ///
    /// # Errors
    /// It cannot be decided.
    fn decide(&mut self, number: u64) -> anyhow::Result<bool>;

    /// Decides a question whose answer is known.
    ///
    /// # Errors
    /// It cannot be decided.
    fn probe(&mut self, probe: Probe) -> anyhow::Result<bool>;
}

/// What was seen of an engine.
struct Seen {
    name: &'static str,
    memberships: u64,
    /// Nanoseconds of processor time for a decision.
    nanos: Runs,
    next: u64,
}

/// Measures and prints.
///
/// # Errors
/// Something does not start, or an engine answers otherwise than the policy says.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Section> {
    ensure!(options.runs > 0 && options.seconds >= 0.01, "give at least one run of at least 0.01 seconds");
    let mut engines: Vec<Box<dyn Engine>> =
        vec![Box::new(ours::AtHand::new(World { memberships: AT_HAND })?)];
    #[cfg(feature = "peers")]
    let service = {
        let others = World { memberships: options.peer_memberships };
        ensure!(others.memberships >= 50 && others.memberships.is_multiple_of(50), "give a multiple of 50");
        engines.push(Box::new(cedar::Cedar::new(others)?));
        engines.push(Box::new(casbin::Casbin::new(others).await?));
        let (service, remembered) = remembered::Remembered::fill(options.memberships).await?;
        engines.push(Box::new(remembered));
        service
    };
    for engine in &mut engines {
        agree(engine.as_mut())?;
    }
    let seen = measure(options, &mut engines)?;
    drop(engines);
    #[cfg(feature = "peers")]
    service.end().await?;
    print::print(&seen);
    Ok(print::section(options, &seen))
}

/// Sees that an engine answers as the policy says, allows and denies.
fn agree(engine: &mut dyn Engine) -> anyhow::Result<()> {
    for probe in crate::peers::probes(World { memberships: engine.memberships() }) {
        let answer = engine.probe(probe)?;
        ensure!(answer == probe.allowed, "{}: {probe:?} was answered with {answer}", engine.name());
    }
    Ok(())
}

fn measure(options: &Options, engines: &mut [Box<dyn Engine>]) -> anyhow::Result<Vec<Seen>> {
    // Moving to another core would empty its caches.
    pin(Cores::choose()?.generator)?;
    let mut seen: Vec<_> = engines
        .iter()
        .map(|engine| Seen {
            name: engine.name(),
            memberships: engine.memberships(),
            nanos: Runs::default(),
            next: 0,
        })
        .collect();
    let time = Duration::from_secs_f64(options.seconds);
    for _ in 0..options.runs {
        for (engine, seen) in engines.iter_mut().zip(&mut seen) {
            keep_deciding(engine.as_mut(), time / 5, &mut seen.next)?;
            let nanos = keep_deciding(engine.as_mut(), time, &mut seen.next)?;
            seen.nanos.add(nanos);
        }
    }
    Ok(seen)
}

/// Nanoseconds of processor time for a decision.
fn keep_deciding(engine: &mut dyn Engine, time: Duration, next: &mut u64) -> anyhow::Result<f64> {
    let (started, before, first) = (Instant::now(), own_cpu()?, *next);
    while started.elapsed() < time {
        for _ in 0..BLOCK {
            let allowed = engine.decide(*next)?;
            ensure!(allowed, "{}: question {next} was denied", engine.name());
            *next += 1;
        }
    }
    let decisions = u32::try_from(*next - first).context("a number of decisions")?;
    Ok((own_cpu()? - before).as_secs_f64() * 1e9 / f64::from(decisions))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: World = World { memberships: 500 };

    #[test]
    fn facts_at_hand_decide_as_the_policy_says() {
        agree(&mut ours::AtHand::new(FEW).unwrap()).unwrap();
    }

    #[test]
    fn whoever_answers_otherwise_is_told() {
        struct Yes;
        impl Engine for Yes {
            fn name(&self) -> &'static str {
                "yes"
            }
            fn memberships(&self) -> u64 {
                FEW.memberships
            }
            fn decide(&mut self, _: u64) -> anyhow::Result<bool> {
                Ok(true)
            }
            fn probe(&mut self, _: Probe) -> anyhow::Result<bool> {
                Ok(true)
            }
        }
        let error = agree(&mut Yes).unwrap_err().to_string();
        assert!(error.contains("yes: ") && error.contains("ownership.transfer"), "{error}");
    }

    #[cfg(feature = "peers")]
    #[tokio::test]
    async fn other_engines_decide_as_the_policy_says() {
        agree(&mut cedar::Cedar::new(FEW).unwrap()).unwrap();
        agree(&mut casbin::Casbin::new(FEW).await.unwrap()).unwrap();
    }
}

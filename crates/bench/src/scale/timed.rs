//! The time that a call takes.

use std::time::Instant;

use anyhow::Context as _;
use tonic::Status;

use crate::stats::Runs;

/// What one kind of call took, in milliseconds.
#[derive(Debug)]
pub(super) struct Timed {
    /// What the figures are named by.
    pub(super) name: &'static str,
    /// The first time.
    pub(super) first: f64,
    /// Every time after that.
    pub(super) repeated: Runs,
}

/// Calls that take turns: what one of them does, the next may undo.
pub(super) struct Timer {
    repeats: u32,
    /// All that were made so far.
    pub(super) all: Vec<Timed>,
}

impl Timer {
    /// Makes each call once and so many times more.
    pub(super) fn new(repeats: u32) -> Self {
        Self { repeats, all: Vec::new() }
    }

    /// How often a call is made after its first time.
    pub(super) fn repeats(&self) -> u32 {
        self.repeats
    }

    /// Makes calls, numbered from 0.
    ///
    /// # Errors
    /// A call's.
    pub(super) async fn time<T>(
        &mut self,
        name: &'static str,
        call: impl AsyncFn(u64) -> Result<T, Status>,
    ) -> anyhow::Result<()> {
        for number in 0..=u64::from(self.repeats) {
            let started = Instant::now();
            call(number).await.with_context(|| format!("{name}, the {number}th time"))?;
            self.note(name, started);
        }
        Ok(())
    }

    /// Notes that a call is answered now that was made then.
    pub(super) fn note(&mut self, name: &'static str, started: Instant) {
        let took = started.elapsed().as_secs_f64() * 1e3;
        match self.all.iter_mut().find(|one| one.name == name) {
            Some(one) => one.repeated.add(took),
            None => self.all.push(Timed { name, first: took, repeated: Runs::default() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_time_is_told_apart() {
        let mut timer = Timer::new(2);
        timer.time("call", async |_| Ok(())).await.unwrap();
        timer.time("other", async |_| Ok(())).await.unwrap();
        let [one, _] = timer.all.as_slice() else { panic!("two kinds") };
        assert_eq!((one.name, one.repeated.iter().count()), ("call", 2));
        let failed = timer.time("broken", async |number| match number {
            1 => Err::<(), _>(Status::internal("no")),
            _ => Ok(()),
        });
        assert_eq!(failed.await.unwrap_err().to_string(), "broken, the 1th time");
    }
}

//! Mandate's facts as its server keeps them: looked for in memory by account and user, then decided on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use mandate_server::facts::{Ask, Facts};
use mandate_server::overload::{Bounds, OverloadSettings};
use mandate_server::policies;
use mandate_storage::{OpenOptions, Store};
use tokio::task::JoinSet;

use super::Engine;
use crate::check::world::World;
use crate::database::Engine as Database;
use crate::facts::{HELD_BY_ALL, account_id, user_id};
use crate::peers::Probe;
use crate::report::tell;
use crate::service::Service;

/// How many read at the same time while the memory fills.
const READERS: u64 = 4;

/// Facts in memory, all of them asked for before.
pub(super) struct Remembered {
    world: World,
    facts: Arc<Facts>,
}

impl Remembered {
    /// Fills a database, and the memory from it.
    ///
    /// # Errors
    /// The database's, or the memory does not hold that many.
    pub(super) async fn fill(memberships: u64) -> anyhow::Result<(Service, Self)> {
        let service = Service::new(Database::Sqlite).await?;
        let started = Instant::now();
        let world = World::seed(&service, memberships).await?;
        let store = Store::open(service.url(), OpenOptions::default()).await?;
        let policies = policies::in_force(&store.load_policies().await?);
        let bounds = Bounds::new(&OverloadSettings::default(), &store);
        let facts = Facts::open(store, policies, Duration::ZERO, bounds).await?;
        let mut readers = JoinSet::new();
        for first in 0..READERS {
            readers.spawn(read(Arc::clone(&facts), world, first));
        }
        while let Some(read) = readers.join_next().await {
            read??;
        }
        // Owners are probed, too.
        for probe in crate::peers::probes(world) {
            facts.of(ask(probe.account, probe.user)).await?;
        }
        let missing = (0..memberships).filter(|number| {
            let (account, user) = world.membership(*number);
            facts.hit(ask(account, user)).is_none()
        });
        let missing = missing.count();
        ensure!(
            missing == 0,
            "{missing} of {memberships} memberships do not fit into the server's memory for facts"
        );
        let seconds = started.elapsed().as_secs_f64();
        tell(&format!("{memberships} memberships are in memory after {seconds:.1} s"));
        Ok((service, Self { world, facts }))
    }

    fn answer(&self, account: u64, user: u64, permission: &str) -> anyhow::Result<bool> {
        let decision = self.facts.decide(account_id(account), user_id(user), permission);
        Ok(decision.context("a fact went from memory meanwhile")?.allowed())
    }
}

/// Asks for every so manieth membership's facts.
async fn read(facts: Arc<Facts>, world: World, first: u64) -> anyhow::Result<()> {
    let step = usize::try_from(READERS).context("a number of readers")?;
    for number in (first..world.memberships).step_by(step) {
        let (account, user) = world.membership(number);
        facts.of(ask(account, user)).await?;
    }
    Ok(())
}

fn ask(account: u64, user: u64) -> Ask<'static> {
    Ask { account: account_id(account), user: user_id(user), resource: None }
}

impl Engine for Remembered {
    fn name(&self) -> &'static str {
        "lookup_decide"
    }

    fn memberships(&self) -> u64 {
        self.world.memberships
    }

    fn decide(&mut self, number: u64) -> anyhow::Result<bool> {
        let (account, user) = self.world.asked(number);
        self.answer(account, user, HELD_BY_ALL)
    }

    fn probe(&mut self, probe: Probe) -> anyhow::Result<bool> {
        self.answer(probe.account, probe.user, probe.permission)
    }
}

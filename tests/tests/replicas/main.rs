//! Several servers on one PostgreSQL database: what one revokes the others deny, whatever stands between.

mod away;
mod following;
mod limits;
mod policies;
mod upgrades;

use std::time::Duration;

use mandate_proto::v1::{Account, User};
use mandate_tests::world::{Party, Question};
use mandate_tests::{Door, Engine, Replica, Server, World, poll};

/// How long to wait for what must come soon, on a machine with other things to do.
const SOON: Duration = Duration::from_secs(30);

/// One server, and another one on the same database that has a door of its own before it.
struct Pair {
    other: Replica,
    door: Door,
    world: World,
}

impl Drop for Pair {
    fn drop(&mut self) {
        // So that it can end, whatever became of the test.
        self.door.open();
        if std::thread::panicking() {
            eprintln!("--- the other server\n{}", self.other.log());
        }
    }
}

impl Pair {
    /// `arguments`: of the other one.
    async fn start(arguments: &[&str]) -> Self {
        let world = World::on(Server::start(Engine::Postgres).await);
        let door = Door::before(world.server().database_url()).await;
        let other = Replica::start(world.server(), Some(&door), arguments).await;
        Self { other, door, world }
    }

    /// A platform operator who calls the other server.
    fn other_operator(&self) -> Party {
        self.other.party(&self.world.server().token("backend", &["platform.operator"]))
    }

    /// A question asked of the other server.
    fn other_may(&self, who: &User, account: &Account, permission: &str) -> Question {
        let backend = self.world.server().token("backend", &["authz.check"]);
        self.world.may(who, account, permission).of(self.other.party(&backend))
    }

    /// Bob is a member of Ada's organization, and both servers know it.
    async fn members(&self) -> (Account, User) {
        let [ada, bob] = self.world.people(["Ada", "Bob"]).await;
        let acme = self.world.account("organization", &ada).await;
        self.world.member(&acme, &bob, &["admin"]).await;
        assert!(self.world.may(&bob, &acme, "users.view").await.allowed());
        // What the first question read is in memory before the second one is answered.
        for _ in 0..2 {
            assert!(self.other_may(&bob, &acme, "users.view").fully_consistent().await.allowed());
        }
        (acme, bob)
    }
}

/// Waits until the other server answers `allowed` without a token.
async fn soon(pair: &Pair, who: &User, account: &Account, allowed: bool) {
    let answer = poll::until(SOON, async || {
        (pair.other_may(who, account, "users.view").await.allowed() == allowed).then_some(())
    });
    answer.await.unwrap_or_else(|| panic!("allowed: {} for {SOON:?}", !allowed));
}

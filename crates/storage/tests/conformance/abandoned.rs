//! Calls that nobody waits for any more, wherever they had come to when that happened.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use mandate_domain::command::Command;
use mandate_domain::id::UserId;
use sqlx::{Connection, PgConnection};
use tokio::task::JoinSet;

use crate::database::{Database, Engine};
use crate::on_every_engine;
use crate::world::{NOW, World, operator};

/// More steps than any of these calls takes.
const STEPS: usize = 60;

/// How often all of them are gone through at the most. A database in this process may have answered each time before it is
/// asked whether it has, so that nothing was left.
const ROUNDS: usize = 20;

/// Readers at the same time: as many as the store has connections.
const READERS: usize = 4;

/// Goes so many steps of a call and leaves it at once; whether it was done by then.
async fn go<T>(steps: usize, call: impl Future<Output = T>) -> bool {
    let (mut call, mut left) = (pin!(call), steps);
    poll_fn(|context| {
        left -= 1;
        match call.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if left == 0 => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// How many calls were done, and how many were left.
#[derive(Debug, Default)]
struct Ends {
    done: usize,
    left: usize,
}

impl Ends {
    fn count(&mut self, done: bool) {
        *if done { &mut self.done } else { &mut self.left } += 1;
    }

    fn are_both(&self) -> bool {
        self.done > 0 && self.left > 0
    }
}

fn rename(user: UserId, name: &str) -> Command {
    Command::UpdateUser { user, display_name: Some(name.to_owned()), locale: None, avatar_url: None }
}

/// What readers on all connections say the user is called.
async fn names(world: &World, user: UserId) -> Vec<String> {
    let mut readers = JoinSet::new();
    for _ in 0..2 * READERS {
        let store = world.store.clone();
        readers.spawn(async move { store.user(user).await.expect("reads").expect("is there").display_name });
    }
    readers.join_all().await
}

/// Waits until no session of this database has a transaction that nobody goes on with.
async fn nothing_stays_open(database: &Database) {
    if database.engine != Engine::Postgres {
        return;
    }
    let mut connection = PgConnection::connect(&database.url).await.expect("connects");
    let sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
               AND state LIKE 'idle in transaction%'";
    let mut open = i64::MAX;
    for _ in 0..200 {
        open = sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("counts");
        if open == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{open} transactions stay open");
}

on_every_engine! {
    async fn a_read_that_is_left_keeps_no_old_snapshot(database: Database) {
        let world = World::new(database.open().await);
        let ada = world.user(1).await;
        let mut ends = Ends::default();
        for steps in (1..=STEPS).cycle().take(ROUNDS * STEPS) {
            ends.count(go(steps, world.store.export_user(ada)).await);
            let name = format!("Ada {steps}");
            world.must(rename(ada, &name)).await;
            assert_eq!(names(&world, ada).await, vec![name; 2 * READERS], "left after {steps} steps");
            if steps == STEPS && ends.are_both() {
                break;
            }
        }
        assert!(ends.are_both(), "{ends:?}");
        nothing_stays_open(database).await;
    }

    async fn a_write_that_is_left_before_it_commits_leaves_nothing(database: Database) {
        let world = World::new(database.open().await);
        let (ada, ben) = (world.user(1).await, world.user(2).await);
        let before = names(&world, ada).await;
        let mut ends = Ends::default();
        for steps in (1..=STEPS).cycle().take(ROUNDS * STEPS) {
            let (actor, command) = (operator(), rename(ada, "left"));
            let write = world.store.prepare(&world.policies, &actor, &command, NOW);
            ends.count(go(steps, write).await);
            // Whoever comes next commits what is theirs alone.
            let name = format!("Ben {steps}");
            world.must(rename(ben, &name)).await;
            assert_eq!(names(&world, ben).await, vec![name; 2 * READERS], "left after {steps} steps");
            assert_eq!(names(&world, ada).await, before, "left after {steps} steps");
            if steps == STEPS && ends.are_both() {
                break;
            }
        }
        assert!(ends.are_both(), "{ends:?}");
        nothing_stays_open(database).await;
    }
}

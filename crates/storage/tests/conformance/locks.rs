//! Writes that cross each other's ways all end, and none is lost.

use mandate_domain::change::Change;
use mandate_domain::id::AccountId;
use mandate_domain::plan::Plan;
use mandate_domain::records::{Key, Records, Stop};
use mandate_storage::{StoreError, WriteError};

use crate::database::{Database, Engine};
use crate::on_every_engine;
use crate::world::{NOW, World, account, operator, user};

const ROUNDS: usize = 20;

/// Plans to append a mark to the name of each account, asking for them one by one in the order given.
fn mark(accounts: [AccountId; 2]) -> impl FnMut(&Records) -> Result<Plan, Stop> + Send {
    move |records| {
        let mut changes = Vec::new();
        for id in accounts {
            let mut account = records.account(id)?.cloned().expect("is there");
            account.display_name.push('x');
            changes.push(Change::Account(account));
        }
        Ok(Plan {
            operation: "account.update",
            account: None,
            subject: None,
            changes,
            mail: Vec::new(),
            override_reason: None,
        })
    }
}

async fn names(world: &World) -> Vec<usize> {
    let mut lengths = Vec::new();
    for n in [1, 2] {
        let found = world.store.read_question(account(n), user(1), None).await.expect("reads").account;
        lengths.push(found.expect("is there").display_name.len());
    }
    lengths
}

async fn many_marks(database: &Database, keys: fn([AccountId; 2]) -> Vec<Key>) {
    let world = World::new(database.open().await);
    let beside = world.beside(database.open_beside(&world.store).await);
    let ada = world.user(1).await;
    for n in [1, 2] {
        world.account(n, "company-account", ada).await;
    }
    let before = names(&world).await;
    let tasks = [[1, 2], [2, 1]].into_iter().zip([world.clone(), beside]).map(|(order, world)| {
        tokio::spawn(async move {
            let accounts = order.map(account);
            for _ in 0..ROUNDS {
                let write = world.store.prepare_with(&operator(), keys(accounts), NOW, mark(accounts)).await;
                write.expect("is planned").commit().await.expect("commits");
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("ends");
    }
    let after: Vec<_> = before.iter().map(|length| length + 2 * ROUNDS).collect();
    assert_eq!(names(&world).await, after, "no mark is lost");
}

on_every_engine! {
    async fn accounts_asked_for_in_opposite_orders(database: Database) {
        many_marks(database, |_| Vec::new()).await;
    }

    async fn accounts_known_beforehand(database: Database) {
        many_marks(database, |accounts| accounts.map(Key::Account).into()).await;
    }

    async fn a_plan_that_never_settles_is_given_up(database: Database) {
        if database.engine != Engine::Postgres {
            return; // With one writer at a time no order of locks needs to be kept.
        }
        let world = World::new(database.open().await);
        let mut next = 1_000;
        let plan = move |_: &Records| {
            next -= 1;
            Err(Stop::Read(Key::Account(account(next))))
        };
        let result = world.store.prepare_with(&operator(), vec![], NOW, plan).await.map(drop);
        let Err(WriteError::Store(StoreError::Contention { attempts, .. })) = result else { panic!("{result:?}") };
        assert!(attempts > 1);
        world.user(1).await;
    }

    async fn a_user_who_is_changed_without_having_been_asked_for_exclusively(database: Database) {
        let world = World::new(database.open().await);
        let beside = world.beside(database.open_beside(&world.store).await);
        let ada = world.user(1).await;
        let tasks = [world.clone(), beside].map(|world| {
            tokio::spawn(async move {
                for _ in 0..ROUNDS {
                    let plan = |records: &Records| {
                        let mut user = records.user(ada)?.cloned().expect("is there");
                        user.display_name.push('x');
                        let changes = vec![Change::User(user)];
                        Ok(Plan { operation: "user.update", account: None, subject: None, changes, mail: Vec::new(), override_reason: None })
                    };
                    let write = world.store.prepare_with(&operator(), vec![Key::User(ada)], NOW, plan).await;
                    write.expect("is planned").commit().await.expect("commits");
                }
            })
        });
        for task in tasks {
            task.await.expect("ends");
        }
        let name = world.store.user(ada).await.expect("reads").expect("is there").display_name;
        assert_eq!(name.len(), "User 1".len() + 2 * ROUNDS);
    }
}

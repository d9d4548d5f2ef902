//! What is refused, dropped or broken leaves nothing behind, and corrupt rows are never skipped.

use mandate_domain::command::{Actor, Command};
use mandate_domain::plan::Plan;
use mandate_domain::records::Key;
use mandate_domain::refusal::Refusal;
use mandate_domain::terms::Terms;
use mandate_domain::user::Identity;
use mandate_storage::{AccountsOf, MemberFilter, Mode, Order, StoreError, WriteError, Written};

use crate::database::Engine;
use crate::on_every_engine;
use crate::world::{NOW, World, account, add_member, new_user, operator, user};

async fn traces(world: &World) -> (usize, usize, usize) {
    let feed = world.store.list_feed(0, 1_000).await.expect("reads").items.len();
    let members =
        world.store.list_members(account(9), MemberFilter::default(), None, 1_000).await.expect("reads");
    let activity = world.store.list_activity(account(9), None, None, 1_000).await.expect("reads").items.len();
    (feed, members.items.len(), activity)
}

on_every_engine! {
    async fn what_is_dropped_or_rolled_back_leaves_nothing(database: Database) {
        let world = World::new(database.open().await);
        let (ada, bob) = (world.user(1).await, world.user(2).await);
        let home = world.account(9, "company-account", ada).await;
        let before = traces(&world).await;
        let command = add_member(home, bob, &["member"]);
        for _ in 0..5 {
            let prepared = world.store.prepare(&world.policies, &operator(), &command, NOW).await.expect("plans");
            assert_eq!(prepared.plan.changes.len(), 1);
            drop(prepared);
            let (actor, terms) = (operator(), Terms::default());
            let order = Order { actor: &actor, command: &command, terms: &terms, mode: Mode::Preview };
            let written = world.store.carry_out(&world.policies, order, NOW).await.expect("plans");
            let Written::Previewed(previewed) = written else { panic!("a preview was asked for") };
            assert_eq!((previewed.plan.changes.len(), previewed.effects.effects.len()), (1, 1));
        }
        assert_eq!(traces(&world).await, before);
        world.must(command).await;
        assert_ne!(traces(&world).await, before);
    }

    async fn a_prepared_write_is_seen_by_nobody_else(database: Database) {
        if database.engine == Engine::Memory {
            return; // Its one connection is busy with the write.
        }
        let world = World::new(database.open().await);
        let (ada, bob) = (world.user(1).await, world.user(2).await);
        let home = world.account(9, "company-account", ada).await;
        let before = traces(&world).await;
        let command = add_member(home, bob, &["member"]);
        let prepared = world.store.prepare(&world.policies, &operator(), &command, NOW).await.expect("plans");
        assert_eq!(traces(&world).await, before);
        prepared.commit().await.expect("commits");
        assert_eq!(traces(&world).await.1, before.1 + 1);
    }

    async fn a_task_that_is_killed_in_mid_write_leaves_nothing(database: Database) {
        let world = World::new(database.open().await);
        let (ada, bob) = (world.user(1).await, world.user(2).await);
        let home = world.account(9, "company-account", ada).await;
        let before = traces(&world).await;
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        let task = tokio::spawn({
            let world = world.clone();
            async move {
                let command = add_member(home, bob, &["member"]);
                let prepared = world.store.prepare(&world.policies, &operator(), &command, NOW).await.expect("plans");
                ready.send(()).expect("is awaited");
                std::future::pending::<()>().await;
                drop(prepared);
            }
        });
        is_ready.await.expect("prepares");
        task.abort();
        assert!(task.await.expect_err("is killed").is_cancelled());
        assert_eq!(traces(&world).await, before);
        world.must(add_member(home, bob, &["member"])).await;
    }

    async fn what_exists_already_is_refused(database: Database) {
        let world = World::new(database.open().await);
        let identity = Identity { issuer: "https://idp.test".to_owned(), subject: "ada".to_owned() };
        let with_login = |n, email: &str| match new_user(n, email) {
            Command::CreateUser { id, email, display_name, avatar_url, .. } => {
                let identities = vec![identity.clone()];
                Command::CreateUser { id, email, display_name, avatar_url, identities }
            }
            other => other,
        };
        world.must(with_login(1, "ada@example.org")).await;
        for command in [new_user(2, "ada@example.org"), with_login(3, "other@example.org")] {
            let error = world.run(command).await.expect_err("is taken");
            assert!(matches!(error, WriteError::Refused(Refusal::AlreadyExists { .. })), "{error:?}");
        }
        assert_eq!(world.store.list_feed(0, 10).await.expect("reads").items.len(), 1);
    }

    async fn unique_keys_hold_where_the_plan_did_not_look(database: Database) {
        let world = World::new(database.open().await);
        world.must(new_user(1, "ada@example.org")).await;
        let Some(ada) = world.store.user(user(1)).await.expect("reads") else { panic!("is there") };
        let twin = mandate_domain::user::User { id: user(2), ..ada };
        let plan = move |_: &_| {
            let changes = vec![mandate_domain::change::Change::User(twin.clone())];
            Ok(Plan { operation: "user.create", account: None, subject: None, changes, mail: Vec::new(), override_reason: None })
        };
        let keys = vec![Key::User(user(2))];
        let result = world.store.prepare_with(&operator(), keys, NOW, plan).await;
        let error = result.map(|_| ()).expect_err("is taken");
        assert!(matches!(error, WriteError::Refused(Refusal::AlreadyExists { .. })), "{error:?}");
    }

    async fn a_plan_that_asks_for_ever_is_stopped(database: Database) {
        let world = World::new(database.open().await);
        let plan = |_: &_| Err(mandate_domain::records::Stop::Read(Key::User(user(1))));
        let result = world.store.prepare_with(&operator(), vec![], NOW, plan).await;
        let error = result.map(|_| ()).expect_err("is stopped");
        assert!(matches!(error, WriteError::Store(StoreError::Plan(_))), "{error:?}");
    }

    async fn a_plan_may_not_change_one_fact_twice(database: Database) {
        let world = World::new(database.open().await);
        let ada = world.user(1).await;
        let fact = world.store.user(ada).await.expect("reads").expect("is there");
        let plan = move |_: &_| {
            let changes = vec![mandate_domain::change::Change::User(fact.clone()); 2];
            Ok(Plan { operation: "user.update", account: None, subject: None, changes, mail: Vec::new(), override_reason: None })
        };
        let result = world.store.prepare_with(&operator(), vec![Key::User(ada)], NOW, plan).await;
        let error = result.map(|_| ()).expect_err("is refused");
        assert!(matches!(error, WriteError::Store(StoreError::Plan(_))), "{error:?}");
    }

    async fn a_row_that_cannot_be_read_is_reported_with_its_place(database: Database) {
        if database.engine == Engine::Memory {
            return; // Nobody else reaches it to damage it.
        }
        let world = World::new(database.open().await);
        let ada = world.user(1).await;
        let home = world.account(9, "company-account", ada).await;
        database.execute("UPDATE memberships SET body = '{\"account\": 7}'").await;
        let is_corrupt = |error: &StoreError| {
            let text = error.to_string();
            matches!(error, StoreError::Corrupt { table: "memberships", column: "body", .. })
                && text.contains(&format!("{home}/{ada}"))
        };
        let errors = [
            world.store.read(&[Key::Membership(home, ada)]).await.map(drop),
            world.store.read_question(home, ada, None).await.map(drop),
            world.store.list_members(home, MemberFilter::default(), None, 10).await.map(drop),
        ];
        for error in errors {
            assert!(error.as_ref().is_err_and(is_corrupt), "{error:?}");
        }
        let actor = Actor::Person { user: ada, through: None };
        let error = world.run_as(&actor, Command::RemoveMember { account: home, user: ada }).await;
        let Err(WriteError::Store(error)) = error else { panic!("{error:?}") };
        assert!(is_corrupt(&error), "{error:?}");
        assert_eq!(world.store.list_accounts(AccountsOf::Everybody, None, 10).await.expect("reads").items.len(), 1);
    }
}

//! What a write costs beside its commit: a way to the database for what it reads, and one for what it writes. On
//! PostgreSQL what is locked is read first, since a statement that waits for a lock sees all else as it was before.

use mandate_tests::{Engine, Server, World, on_both_engines};

/// The tables that a plan is made from or writes to.
const PLANNED_ON: [&str; 8] = [
    " accounts ",
    " users ",
    " memberships ",
    " assignments ",
    " member_names ",
    " member_search ",
    " feed ",
    " activity ",
];

/// The statements about them that the log tells of, but for those that follow the feed or look at what has been kept
/// for long enough.
fn statements(log: &str) -> Vec<String> {
    let about = |entry: &&str| PLANNED_ON.iter().any(|table| entry.contains(table));
    let follows = |entry: &&str| entry.contains("pg_current_snapshot()::text AS body");
    let entries = log.split("sqlx::query: ").skip(1).filter(about).filter(|entry| !follows(entry));
    entries.map(str::to_owned).collect()
}

on_both_engines! {
    async fn a_member_comes_and_goes_in_few_statements(engine: Engine) {
        let server = Server::builder(engine)
            .variable("MANDATE_LOG", "info,sqlx::query=debug")
            // Nobody's activity is written down meanwhile.
            .argument("--activity-interval")
            .argument("3600");
        let world = World::on(server.start().await);
        let [ada, bob] = world.people(["Ada", "Bob"]).await;
        let acme = world.account("organization", &ada).await;
        // What a Check would read is in memory.
        assert!(world.may(&ada, &acme, "information.view").await.allowed());
        let most = match engine {
            Engine::Sqlite => 2,
            Engine::Postgres => 3,
        };

        let before = statements(&world.server().log()).len();
        world.member(&acme, &bob, &["member"]).await;
        let made = statements(&world.server().log());
        // The answer says what the member is called, which is read behind the commit.
        assert!(made.len() - before <= most + 1, "to add: {:?}", made.get(before..));

        let before = statements(&world.server().log()).len();
        world.operator().remove(&acme, &bob).await.expect("removed");
        let made = statements(&world.server().log());
        assert!(made.len() - before <= most, "to remove: {:?}", made.get(before..));
    }
}

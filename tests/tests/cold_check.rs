//! What a Check costs whose facts are not in memory: one statement, and so one round trip to the database.

use mandate_tests::world::{assignment, resource};
use mandate_tests::{Engine, Server, World, on_both_engines};

/// The tables that a question is decided on.
const DECIDED_ON: [&str; 5] = [" accounts ", " users ", " memberships ", " resources ", " assignments "];

/// The statements about them that the log tells of. What the server asks in the background is about others.
fn statements(log: &str) -> Vec<String> {
    let about = |entry: &&str| DECIDED_ON.iter().any(|table| entry.contains(table));
    log.split("sqlx::query: ").skip(1).filter(about).map(str::to_owned).collect()
}

on_both_engines! {
    async fn a_check_of_unknown_facts_makes_one_statement(engine: Engine) {
        let server = Server::builder(engine)
            .variable("MANDATE_LOG", "info,sqlx::query=debug")
            // Nobody's activity is written down meanwhile.
            .argument("--activity-interval")
            .argument("3600");
        let mut world = World::on(server.start().await);
        let [ada, bob, cleo, dora] = world.people(["Ada", "Bob", "Cleo", "Dora"]).await;
        let acme = world.account("organization", &ada).await;
        let emca = world.account("organization", &ada).await;
        world.member(&acme, &bob, &["member"]).await;
        world.member(&emca, &cleo, &["member"]).await;
        world.resource(&acme, "workspace", "w1").await;
        let assigned = assignment(&resource("workspace", "w1"), &[], &[]);
        world.by(&ada).assign(&acme, &bob, assigned).await.expect("assigned");
        // What is in memory goes with the process.
        world.server_mut().restart().await;

        let asked = |n: usize| match n {
            0 => ("of an account", world.may(&bob, &acme, "information.view")),
            1 => ("the account known", world.may(&ada, &acme, "information.view")),
            2 => ("nothing known", world.may(&cleo, &emca, "information.view")),
            3 => ("of a resource", world.may(&bob, &acme, "inbox.read").on("workspace", "w1")),
            _ => ("a stranger", world.may(&dora, &emca, "information.view")),
        };
        for n in 0..5 {
            let before = statements(&world.server().log()).len();
            let (what, question) = asked(n);
            question.await;
            let made = statements(&world.server().log());
            assert_eq!(made.len() - before, 1, "{what}: {:?}", made.get(before..));
        }
    }
}

//! a change, its entries in activity log and change feed, and its mail, or none of them.

use std::time::Duration;

use mandate_proto::v1::DecisionReason as Reason;
use mandate_tests::{World, dump, on_both_engines, poll};
use tonic::Code;

/// How many rows each of the tables has that a change of roles writes to.
fn rows(world: &World) -> [usize; 3] {
    let all = dump::rows(world.server());
    TABLES.map(|table| all.lines().filter(|row| row.starts_with(&format!("{table}: "))).count())
}

/// How long a server may take to see that its database is whole again.
const SOON: Duration = Duration::from_secs(30);

const TABLES: [&str; 3] = ["activity", "feed", "outbox"];

on_both_engines! {
    /// With each of the tables out of reach in turn, the change does not happen, and nothing of it is left.
    async fn x_05_what_cannot_be_logged_fed_or_mailed_does_not_happen(world: World) {
        let [ada, mia] = world.people(["Ada", "Mia"]).await;
        let acme = world.account("organization", &ada).await;
        world.member(&acme, &mia, &["member"]).await;
        let before = rows(&world);
        for table in TABLES {
            dump::execute(world.server(), &format!("ALTER TABLE {table} RENAME TO {table}_away"));
            let failed = world.by(&ada).set_roles(&acme, &mia, &["billing_admin"]).await;
            dump::execute(world.server(), &format!("ALTER TABLE {table}_away RENAME TO {table}"));

            let status = failed.expect_err(table);
            assert!([Code::Internal, Code::Unavailable].contains(&status.code()), "{table}: {status:?}");
            // A server that cannot follow the feed answers from memory, if at all, until it can again.
            let back = poll::until(SOON, async || {
                let answer = world.may(&mia, &acme, "billing.view").ask().await.ok()?;
                answer.stale_for.is_none().then_some(())
            });
            back.await.expect("it recovers by itself");
            assert_eq!(world.roles(&mia, &acme).await, ["member"], "without {table}");
            world.may(&mia, &acme, "billing.view").await.denied_for(Reason::NotGranted);
            assert_eq!(rows(&world), before, "without {table}");
        }
        world.by(&ada).set_roles(&acme, &mia, &["billing_admin"]).await.expect("changed");
        world.may(&mia, &acme, "billing.view").await.allowed_by(Reason::Role);
        assert_eq!(rows(&world), before.map(|rows| rows + 1), "one of each");
    }
}

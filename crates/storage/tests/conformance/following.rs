//! A follower skips nothing, whatever the order of commits (PostgreSQL alone: SQLite has one writer).

use mandate_domain::change::Change;
use mandate_domain::id::{AccountId, UserId};
use mandate_storage::{Follower, NewVersion, News, PolicySource, Polled, Position, StoreError};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::database::{Database, Engine, block_on};
use crate::policies::apply;
use crate::world::{NOW, World, account, user};

/// A database with a world and somebody who follows it from now on.
struct Followed<'a> {
    database: &'a Database,
    world: World,
    follower: Follower,
}

impl<'a> Followed<'a> {
    async fn new(database: &'a Database) -> Self {
        let world = World::new(database.open().await);
        let mut follower = world.store.follow().expect("PostgreSQL");
        let first = follower.poll().await.expect("polls");
        assert!(matches!(first.news, News::Anew { .. }), "{first:?}");
        Self { database, world, follower }
    }

    async fn poll(&mut self) -> Polled {
        self.follower.poll().await.expect("polls")
    }

    /// The changes of a poll that brings nothing else.
    async fn changes(&mut self) -> Vec<Change> {
        match self.poll().await.news {
            News::Changes(changes) => changes.into_iter().map(|followed| followed.change).collect(),
            anew @ News::Anew { .. } => panic!("{anew:?}"),
        }
    }

    async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.database.url).await.expect("connects")
    }

    /// A connection to another database of the same cluster.
    async fn elsewhere(&self) -> PgConnection {
        let (server, _) = self.database.url.rsplit_once('/').expect("the URL ends in a database");
        PgConnection::connect(&format!("{server}/postgres")).await.expect("connects")
    }
}

fn ended(n: u128) -> Change {
    Change::MembershipEnded { account: account(n), user: user(n) }
}

/// Writes to the feed as a server's transaction does; its place is given out now, whenever it commits.
async fn write(connection: &mut PgConnection, account: AccountId, user: UserId) {
    let body = serde_json::json!({ "account": account, "user": user }).to_string();
    let sql = "INSERT INTO feed (at, kind, body) VALUES ($1, 'membership_ended', $2)";
    sqlx::query(sql).bind(NOW).bind(body).execute(connection).await.expect("writes");
}

/// A test on a database that is followed, whose polls see only what the test does.
macro_rules! following {
    ($($(#[$attribute:meta])* async fn $name:ident(mut $followed:ident: Followed) $body:block)+) => {
        $(
            $(#[$attribute])*
            #[test]
            fn $name() {
                let database = Database::create(Engine::Postgres);
                block_on(async {
                    let mut $followed = Followed::new(&database).await;
                    $body
                });
            }
        )+
    };
}

following! {
    /// A transaction takes a lower place and commits later than others: who asks for what comes behind the last
    /// place misses it, and we do not.
    async fn a_slow_transaction_is_not_skipped(mut followed: Followed) {
        let mut slow = followed.connect().await;
        let mut slow = slow.begin().await.expect("begins");
        write(&mut slow, account(1), user(1)).await;
        let mut quick = followed.connect().await;
        write(&mut quick, account(2), user(2)).await;

        let naive = followed.world.store.list_feed(0, 100).await.expect("reads").items;
        let last = naive.last().expect("the quick one").seq;
        assert_eq!(followed.changes().await, [ended(2)]);
        write(&mut quick, account(3), user(3)).await;
        assert_eq!(followed.changes().await, [ended(3)], "the one that is open stalls nobody");

        slow.commit().await.expect("commits");
        let missed = followed.world.store.list_feed(last, 100).await.expect("reads").items;
        assert_eq!(missed.iter().map(|entry| entry.change.clone()).collect::<Vec<_>>(), [ended(3)]);
        assert_eq!(followed.changes().await, [ended(1)]);
        assert_eq!(followed.changes().await, []);
    }

    /// What was rolled back never happened, and places that nobody uses are not waited for.
    async fn gaps_and_jumps_of_places_do_not_matter(mut followed: Followed) {
        let mut connection = followed.connect().await;
        let mut undone = connection.begin().await.expect("begins");
        write(&mut undone, account(1), user(1)).await;
        assert_eq!(followed.changes().await, []);
        undone.rollback().await.expect("rolls back");
        let jump = "SELECT setval(pg_get_serial_sequence('feed', 'seq'), 1000000)";
        connection.execute(jump).await.expect("jumps");
        write(&mut connection, account(2), user(2)).await;
        let back = "SELECT setval(pg_get_serial_sequence('feed', 'seq'), 500000)";
        connection.execute(back).await.expect("jumps back");
        write(&mut connection, account(3), user(3)).await;
        assert_eq!(followed.changes().await, [ended(3), ended(2)]);
        assert_eq!(followed.changes().await, []);
    }

    /// Snapshots of one database do not wait for transactions of another one in the same cluster.
    async fn a_transaction_of_another_database_stalls_nobody(mut followed: Followed) {
        let mut elsewhere = followed.elsewhere().await;
        let mut open = elsewhere.begin().await.expect("begins");
        open.execute("SELECT pg_current_xact_id()").await.expect("takes a number");
        for n in 1..=3 {
            let mut connection = followed.connect().await;
            write(&mut connection, account(n), user(n)).await;
            assert_eq!(followed.changes().await, [ended(n)]);
        }
        open.rollback().await.expect("rolls back");
    }

    /// A position includes every write that was answered before its poll, and none that came later.
    async fn a_position_says_what_was_read(mut followed: Followed) {
        let before = Position::Snapshot(followed.poll().await.position);
        let first = followed.world.must(crate::world::new_user(1, "a@example.org")).await;
        let first = Position::Write(first.transaction.expect("it wrote"));
        let after = Position::Snapshot(followed.poll().await.position);
        assert!(!before.includes(&first) && after.includes(&first));
        assert!(after.includes(&before) && !before.includes(&after));
    }

    /// A row of a kind that only a newer server knows may deny something: nothing known before counts.
    async fn what_cannot_be_read_is_not_skipped(mut followed: Followed) {
        let sql = "INSERT INTO feed (at, kind, body) VALUES (1, 'moonphase', '{}')";
        followed.connect().await.execute(sql).await.expect("writes");
        let news = followed.poll().await.news;
        assert!(matches!(news, News::Anew { .. }), "{news:?}");
        assert_eq!(followed.changes().await, [], "and following goes on");
    }

    /// Other policies reach whoever decides by them.
    async fn other_policies_are_told(mut followed: Followed) {
        let policy = PolicySource { name: "shop", source: "…", digest: "1" };
        let new = NewVersion { policy, judged: 0, leaves_out: &[], actor: None };
        assert_eq!(apply(&followed.world.store, new, NOW).await, Some(1));
        let News::Anew { policies } = followed.poll().await.news else { panic!("no policies") };
        let found: Vec<_> = policies.iter().map(|policy| (policy.name.as_str(), policy.version)).collect();
        assert_eq!(found, [("shop", 1)]);
        assert_eq!(apply(&followed.world.store, NewVersion { judged: 1, ..new }, NOW).await, Some(1));
        assert_eq!(followed.changes().await, []);
        assert!(followed.world.store.list_feed(0, 10).await.expect("reads").items.is_empty());
    }

    /// After a restore into another cluster the transactions of the old one may look like those of the future.
    async fn another_cluster_begins_an_era(mut followed: Followed) {
        let before = followed.poll().await;
        let mut connection = followed.connect().await;
        let future = "INSERT INTO feed (xid, at, kind, body) \
                      VALUES ('9000000000000000000', 1, 'moonphase', '{}')";
        connection.execute(future).await.expect("writes");
        // As if the database had been dumped elsewhere and restored here.
        connection.execute("UPDATE meta SET value = '0/1/2' WHERE name = 'cluster'").await.expect("writes");
        cut(&mut connection).await;
        let restored = followed.poll().await;
        assert!(matches!(restored.news, News::Anew { .. }), "{restored:?}");
        assert_ne!(restored.incarnation, before.incarnation);
        write(&mut connection, account(1), user(1)).await;
        assert_eq!(followed.changes().await, [ended(1)], "and nothing of the old cluster's");

        let mut another = followed.world.store.follow().expect("PostgreSQL");
        assert_eq!(another.poll().await.expect("polls").incarnation, restored.incarnation, "noticed once");
    }

    /// A connection that was cut costs nothing.
    async fn a_cut_connection_is_replaced(mut followed: Followed) {
        let mut connection = followed.connect().await;
        write(&mut connection, account(1), user(1)).await;
        cut(&mut connection).await;
        write(&mut connection, account(2), user(2)).await;
        assert_eq!(followed.changes().await, [ended(1), ended(2)]);
    }

    /// While the database is away every call says so at once; afterwards nothing is missing.
    async fn a_database_that_is_away_is_followed_again(mut followed: Followed) {
        let (_, name) = followed.database.url.rsplit_once('/').expect("the URL ends in a database");
        let mut admin = followed.elsewhere().await;
        let mut connection = followed.connect().await;
        let allow = |yes| AssertSqlSafe(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {yes}"));
        admin.execute(allow("false")).await.expect("closes the door");
        cut(&mut connection).await;
        let error = followed.follower.poll().await.expect_err("nobody gets in");
        drop(error);
        let error = followed.world.store.user(user(1)).await.expect_err("fails");
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
        write(&mut connection, account(1), user(1)).await;
        admin.execute(allow("true")).await.expect("opens the door");
        assert_eq!(followed.changes().await, [ended(1)]);
        assert_eq!(followed.world.store.user(user(1)).await.expect("reads"), None);
    }
}

/// Cuts the follower's connection.
async fn cut(by: &mut PgConnection) {
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE application_name = 'mandate follower' AND datname = current_database()";
    by.execute(sql).await.expect("cuts");
}

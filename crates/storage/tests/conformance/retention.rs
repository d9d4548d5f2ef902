//! What was kept long enough goes a little at a time, and whoever follows the feed is told.

use mandate_storage::{FORGOTTEN_AT_ONCE, Follower, Forgotten, Kept, News};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use crate::database::{Database, Engine, block_on};
use crate::on_every_engine;
use crate::world::{NOW, World};

/// A number out of the database, asked behind the store's back.
async fn number(database: &Database, sql: &str) -> i64 {
    let sql = AssertSqlSafe(sql.to_owned());
    match database.engine {
        Engine::Memory => panic!("nobody else reaches a database in memory"),
        Engine::File => {
            let mut connection = SqliteConnection::connect(&database.url).await.expect("connects");
            sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("a number")
        }
        Engine::Postgres => {
            let mut connection = PgConnection::connect(&database.url).await.expect("connects");
            sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("a number")
        }
    }
}

/// Polls until so many transactions run in the cluster. Those of other databases have numbers there, too: one that ends
/// between two polls might have written what was deleted.
async fn until_running(follower: &mut Follower, count: usize) {
    for _ in 0..3_000 {
        if follower.poll().await.expect("polls").position.running().len() == count {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("others write all the time");
}

/// Adds old changes, which nobody can read any more.
async fn add_old(database: &Database, count: i64) {
    let insert = "INSERT INTO feed (at, kind, body)";
    let rows = match database.engine {
        Engine::Postgres => format!("{insert} SELECT 1, 'old', '{{}}' FROM generate_series(1, {count})"),
        Engine::File | Engine::Memory => format!(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {count}) \
             {insert} SELECT 1, 'old', '{{}}' FROM n"
        ),
    };
    database.execute(&rows).await;
}

on_every_engine! {
    async fn what_is_young_stays(database: Database) {
        let world = World::new(database.open().await);
        let ada = world.user(1).await;
        let home = world.account(1, "organization", ada).await;
        for what in Kept::ALL {
            let forgotten = world.store.forget(what, NOW).await.expect("nothing to do");
            assert_eq!(forgotten, Forgotten::default(), "{what:?}");
        }
        let kept = world.store.list_feed(0, 1_000).await.expect("reads").items;
        assert_eq!(kept.len(), 3, "user, account, membership: {kept:?}");
        // All but the last one are old a moment later.
        let forgotten = world.store.forget(Kept::Feed, NOW + 1).await.expect("deletes");
        assert_eq!(forgotten, Forgotten { rows: 2, more: false });
        let left = world.store.list_feed(0, 1_000).await.expect("reads").items;
        assert_eq!(left.as_slice(), &kept[2..]);
        let forgotten = world.store.forget(Kept::Activity, NOW + 1).await.expect("deletes");
        assert_eq!(forgotten.rows, 2, "of the user, and of the account");
        assert_eq!(world.store.list_activity(home, None, None, 10).await.expect("reads").items, []);
    }

    async fn one_transaction_takes_a_little(database: Database) {
        if !database.is_kept() {
            return;
        }
        let world = World::new(database.open().await);
        world.user(1).await;
        add_old(database, FORGOTTEN_AT_ONCE * 2).await;
        world.user(2).await;
        let last = number(database, "SELECT MAX(seq) FROM feed WHERE kind = 'old'").await;
        let mut rows = Vec::new();
        for _ in 0..4 {
            let forgotten = world.store.forget(Kept::Feed, NOW).await.expect("deletes");
            rows.push((i64::try_from(forgotten.rows).expect("few"), forgotten.more));
        }
        // The first user's row is among the first ones, and too young.
        let most = FORGOTTEN_AT_ONCE;
        assert_eq!(rows, [(most - 1, true), (most - 1, true), (2, false), (0, false)]);
        assert_eq!(world.store.list_feed(0, 10).await.expect("reads").items.len(), 2);
        let forgotten = "SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'feed_forgotten_seq'";
        assert_eq!(number(database, forgotten).await, last);
    }
}

/// Sessions go with all their refresh tokens, however many those are, and in bounded transactions.
#[test]
fn a_session_goes_after_its_tokens() {
    let database = Database::create(Engine::Postgres);
    block_on(async {
        let world = World::new(database.open().await);
        let ada = world.user(1).await;
        let sessions = format!(
            "INSERT INTO sessions (id, user_id, refresh, body, version) \
             SELECT 'ses_' || n, '{ada}', 'r' || n, '{{\"ends_at\":' || n || '}}', 0 FROM generate_series(1, 150) n"
        );
        database.execute(&sessions).await;
        let spent = "INSERT INTO spent_refresh SELECT 's' || n, 'ses_1' FROM generate_series(1, 1200) n";
        database.execute(spent).await;
        let mut rows = Vec::new();
        for _ in 0..6 {
            let forgotten = world.store.forget(Kept::Sessions, 131).await.expect("deletes");
            rows.push((forgotten.rows, forgotten.more));
        }
        assert_eq!(rows, [(500, true), (500, true), (300, true), (30, false), (0, false), (0, false)]);
        assert_eq!(number(&database, "SELECT COUNT(*) FROM sessions").await, 20);
        assert_eq!(number(&database, "SELECT COUNT(*) FROM spent_refresh").await, 0);
    });
}

/// While one server deletes, another one does not wait for it.
#[test]
fn one_server_at_a_time() {
    let database = Database::create(Engine::Postgres);
    block_on(async {
        let world = World::new(database.open().await);
        add_old(&database, 10).await;
        let mut other = PgConnection::connect(&database.url).await.expect("connects");
        let mut at_it = other.begin().await.expect("begins");
        let lock = "SELECT pg_advisory_xact_lock(x'4d414e444b454550'::bigint)";
        sqlx::query(lock).execute(&mut *at_it).await.expect("locks");
        let forgotten = world.store.forget(Kept::Feed, NOW).await.expect("leaves it");
        assert_eq!(forgotten, Forgotten::default());
        at_it.rollback().await.expect("ends");
        assert_eq!(world.store.forget(Kept::Feed, NOW).await.expect("deletes").rows, 9);
    });
}

/// A follower starts anew when something came and went that it had not seen, and for nothing else; rows of an era that
/// is over, with whatever numbers, are none of its business.
#[test]
fn a_follower_notices_what_it_missed() {
    let database = Database::create(Engine::Postgres);
    block_on(async {
        let world = World::new(database.open().await);
        let mut follower = world.store.follow().expect("PostgreSQL");
        assert!(matches!(follower.poll().await.expect("polls").news, News::Anew { .. }));
        world.user(1).await;
        world.user(2).await;
        until_running(&mut follower, 0).await;
        assert_eq!(world.store.forget(Kept::Feed, NOW + 1).await.expect("deletes").rows, 1);
        let polled = follower.poll().await.expect("polls");
        assert_eq!(polled.news, News::Changes(Vec::new()), "it had seen what went");

        // One that is open while others come and go has not been missed, and is seen when it commits.
        let mut slow = PgConnection::connect(&database.url).await.expect("connects");
        let mut slow = slow.begin().await.expect("begins");
        let body = r#"{"account":"acc_00000000000000000000000001","user":"usr_00000000000000000000000001"}"#;
        let sql = "INSERT INTO feed (at, kind, body) VALUES ($1, 'membership_ended', $2)";
        sqlx::query(sql).bind(NOW).bind(body).execute(&mut *slow).await.expect("writes");
        world.user(3).await;
        world.user(4).await;
        until_running(&mut follower, 1).await;
        assert_eq!(world.store.forget(Kept::Feed, NOW + 1).await.expect("deletes").rows, 2);
        assert_eq!(follower.poll().await.expect("polls").news, News::Changes(Vec::new()));

        // What was committed and deleted between two polls was missed.
        world.user(5).await;
        world.user(6).await;
        assert_eq!(world.store.forget(Kept::Feed, NOW + 1).await.expect("deletes").rows, 2);
        assert!(matches!(follower.poll().await.expect("polls").news, News::Anew { .. }));
        until_running(&mut follower, 1).await;
        assert_eq!(follower.poll().await.expect("polls").news, News::Changes(Vec::new()));
        // So might have been what a slow one wrote.
        slow.commit().await.expect("commits");
        assert!(matches!(follower.poll().await.expect("polls").news, News::Anew { .. }));

        // Another cluster: numbers of the one before are not compared with those of this one.
        database.execute("UPDATE meta SET value = '9000000000' WHERE name = 'feed_forgotten_xid'").await;
        database.execute("UPDATE meta SET value = '1/00000001/1' WHERE name = 'cluster'").await;
        let mut follower = world.store.follow().expect("PostgreSQL");
        assert!(matches!(follower.poll().await.expect("polls").news, News::Anew { .. }));
        assert_eq!(follower.poll().await.expect("polls").news, News::Changes(Vec::new()));
        world.user(7).await;
        follower.poll().await.expect("polls");
        assert_eq!(world.store.forget(Kept::Feed, NOW + 1).await.expect("deletes").rows, 2);
        let sql = "SELECT COUNT(*) FROM meta WHERE name = 'feed_forgotten_xid'";
        assert_eq!(number(&database, sql).await, 0, "what went was of the era before");
        assert_eq!(follower.poll().await.expect("polls").news, News::Changes(Vec::new()));
    });
}

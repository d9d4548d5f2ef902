//! Walks through the feed: every row once, in pages, whatever is committed or deleted meanwhile.

use mandate_storage::{FeedError, FeedRow, Position, Store, Transaction, Walk};
use sqlx::{Connection, PgConnection};

use crate::database::{Database, Engine, block_on};
use crate::on_every_engine;
use crate::world::World;

/// Before everything, on either engine.
fn beginning(store: &Store) -> Position {
    match store.follow() {
        Some(_) => Position::Write(Transaction { number: 0, oldest: 0 }),
        None => Position::Seq(0),
    }
}

/// The places of the facts that the rest of a walk brings, and where it ends.
async fn rest(store: &Store, walk: &mut Walk) -> (Vec<i64>, Position) {
    let mut places = Vec::new();
    loop {
        let page = store.feed_page(walk, 7).await.expect("a page");
        assert!(page.rows.len() <= 7);
        places.extend(page.rows.iter().filter_map(|row| match row {
            FeedRow::Fact(row) => Some(row.seq),
            FeedRow::Policies { .. } => None,
        }));
        if let Some(reached) = page.reached {
            return (places, reached);
        }
    }
}

/// Deletes the feed up to this place, as retention does.
async fn forget(database: &Database, seq: i64) {
    let meta = |name: &str, value: &str| {
        format!(
            "INSERT INTO meta (name, value) SELECT '{name}', CAST({value} AS TEXT) FROM feed WHERE seq <= {seq}"
        )
    };
    database.execute(&meta("feed_forgotten_seq", "MAX(seq)")).await;
    if database.engine == Engine::Postgres {
        database.execute(&meta("feed_forgotten_xid", "MAX(CAST(CAST(xid AS TEXT) AS BIGINT))")).await;
    }
    database.execute(&format!("DELETE FROM feed WHERE seq <= {seq}")).await;
}

async fn people(world: &World, from: u128, to: u128) {
    for n in from..=to {
        world.user(n).await;
    }
}

on_every_engine! {
    async fn walks_bring_every_row_once_and_in_order(database: Database) {
        let world = World::new(database.open().await);
        people(&world, 1, 20).await;
        let mut walk = Walk::from(&beginning(&world.store));
        let first = world.store.feed_page(&mut walk, 7).await.expect("a page");
        assert_eq!((first.rows.len(), first.reached), (7, None));
        people(&world, 21, 25).await;
        let (places, reached) = rest(&world.store, &mut walk).await;
        let all: Vec<i64> =
            world.store.list_feed(0, 100).await.expect("the feed").items.iter().map(|entry| entry.seq).collect();
        assert_eq!(places, all[7..20], "a walk ends where its first page was read");
        let (more, end) = rest(&world.store, &mut Walk::from(&reached)).await;
        assert_eq!(more, all[20..], "and the next one goes on from there");
        let (none, same) = rest(&world.store, &mut Walk::from(&end)).await;
        assert_eq!((none, same.includes(&end)), (Vec::new(), true));
    }

    async fn what_is_deleted_meanwhile_is_not_skipped_in_silence(database: Database) {
        if !database.is_kept() {
            return; // Nobody else reaches a database in memory.
        }
        let world = World::new(database.open().await);
        people(&world, 1, 20).await;
        let beginning = beginning(&world.store);
        let (_, end) = rest(&world.store, &mut Walk::from(&beginning)).await;
        let mut early = Walk::from(&beginning);
        let mut late = early.clone();
        world.store.feed_page(&mut early, 5).await.expect("a page");
        world.store.feed_page(&mut late, 15).await.expect("a page");
        let feed = world.store.list_feed(0, 100).await.expect("the feed").items;
        forget(database, feed[9].seq).await;
        for walk in [&mut early, &mut Walk::from(&beginning)] {
            assert!(matches!(world.store.feed_page(walk, 5).await, Err(FeedError::Forgotten)));
        }
        assert_eq!(rest(&world.store, &mut late).await.0.len(), 5, "it was past what was deleted");
        people(&world, 21, 22).await;
        assert_eq!(rest(&world.store, &mut Walk::from(&end)).await.0.len(), 2);
    }
}

/// Places are given out before commit: a row that comes late is in the next walk, and in no other.
#[test]
fn a_late_commit_is_in_the_next_walk() {
    let database = Database::create(Engine::Postgres);
    block_on(async {
        let world = World::new(database.open().await);
        people(&world, 1, 3).await;
        let mut late = PgConnection::connect(&database.url).await.expect("connects");
        let mut tx = late.begin().await.expect("begins");
        let sql = "INSERT INTO feed (at, kind, body) VALUES (1, 'group_deleted', \
                   '{\"group\":\"grp_00000000000000000000000001\"}') RETURNING seq";
        let seq: i64 = sqlx::query_scalar(sql).fetch_one(&mut *tx).await.expect("writes");
        people(&world, 4, 20).await;
        let mut walk = Walk::from(&beginning(&world.store));
        world.store.feed_page(&mut walk, 2).await.expect("a page");
        tx.commit().await.expect("commits");
        let (places, reached) = rest(&world.store, &mut walk).await;
        assert!(!places.contains(&seq), "the walk ends where its first page was read");
        let (places, reached) = rest(&world.store, &mut Walk::from(&reached)).await;
        assert_eq!(places, [seq]);
        assert_eq!(rest(&world.store, &mut Walk::from(&reached)).await.0, Vec::<i64>::new());
    });
}

//! What a server on a shared database tells of its following: how old its facts are, how long changes take to get
//! here, and whether it can be asked at all.

use std::time::{Duration, Instant};

use mandate_tests::{Door, Engine, Fixture as _, Replica, Scrape, http, poll};
use sqlx::{Connection as _, PgConnection};

use crate::Watched;

/// How long to wait for what must come soon, on a machine with other things to do.
const SOON: Duration = Duration::from_secs(20);

/// How long facts are good in these tests, in seconds.
const LIMIT: u64 = 3;

/// A server and another one on its database with a door before it.
async fn pair() -> (Watched, Door, Replica) {
    let watched = Watched::prepare(Engine::Postgres).await;
    let door = Door::before(watched.world.server().database_url()).await;
    let limit = LIMIT.to_string();
    let arguments = ["--metrics-listen", "127.0.0.1:0", "--stale-limit", &limit];
    let other = Replica::start(watched.world.server(), Some(&door), &arguments).await;
    (watched, door, other)
}

/// How many changes the feed holds.
async fn changes(watched: &Watched) -> f64 {
    let url = watched.world.server().database_url();
    let mut connection = PgConnection::connect(url).await.expect("a connection");
    let count: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM feed").fetch_one(&mut connection).await.expect("a count");
    f64::from(i32::try_from(count).expect("a small number"))
}

/// Waits until a scrape is so.
async fn soon(other: &Replica, is_so: impl Fn(&Scrape) -> bool, what: &str) -> Scrape {
    let scraped = poll::until(SOON, async || {
        let scrape = Scrape::of(other.metrics()).await;
        is_so(&scrape).then_some(scrape)
    });
    scraped.await.unwrap_or_else(|| panic!("{what}: not within {SOON:?}"))
}

/// Each change that one server makes is in the other's histogram, once, and in the buckets of an age that it can have.
#[tokio::test]
async fn each_change_has_its_lag() {
    let (watched, _door, other) = pair().await;
    // That policies are in force is in the feed, too, and is no change of a fact.
    let base = changes(&watched).await;
    let [ada, bob] = watched.world.people(["Ada", "Bob"]).await;
    let acme = watched.world.account("organization", &ada).await;
    watched.world.member(&acme, &bob, &["member"]).await;
    let lags = "mandate_revocation_lag_seconds_count";
    let before = changes(&watched).await - base;
    let scraped = soon(&other, |scrape| scrape.value(lags, &[]) >= before, "what was made is followed").await;
    assert_eq!(scraped.value(lags, &[]), before, "each change once");

    let removing = Instant::now();
    watched.world.operator().remove(&acme, &bob).await.expect("removed");
    let after = changes(&watched).await - base;
    assert!(after > before, "a removal is in the feed");
    let scraped = soon(&other, |scrape| scrape.value(lags, &[]) >= after, "the removal is followed").await;
    let took = removing.elapsed().as_secs_f64();
    assert_eq!(scraped.value(lags, &[]), after, "each change once");
    assert_eq!(Scrape::of(watched.world.server().metrics()).await.value(lags, &[]), after, "its own, too");
    let sum = scraped.value("mandate_revocation_lag_seconds_sum", &[]);
    assert!(sum > 0.0 && sum < after * (took + 60.0), "{sum} for {after} changes");
    assert!(scraped.value("mandate_feed_poll_duration_seconds_count", &[]) >= 1.0);
}

/// While the database is away, the server is ready for as long as it answers, and then no more; the metrics say so, and
/// that it is back.
#[tokio::test]
async fn readiness_ends_with_the_stale_limit_and_comes_back() {
    let (_watched, door, other) = pair().await;
    let away = |scrape: &Scrape| scrape.value("mandate_database_away", &[]);
    let ready = async || http::get(other.metrics(), "/readyz").await.status;
    assert_eq!(ready().await, 200);
    let before = soon(&other, |scrape| away(scrape) == 0.0, "the database is there").await;
    assert!(before.value("mandate_feed_age_seconds", &[]) < 1.0, "{before:?}");

    door.shut();
    let cut = Instant::now();
    let scraped = soon(&other, |scrape| away(scrape) == 1.0, "the database is away").await;
    let failures = "mandate_feed_poll_failures_total";
    assert!(scraped.value(failures, &[]) > before.value(failures, &[]));
    let refused = poll::until(SOON, async || (ready().await == 503).then_some(()));
    refused.await.expect("not ready after the limit");
    assert!(cut.elapsed() >= Duration::from_secs(LIMIT - 1), "not after {:?}", cut.elapsed());
    let age = Scrape::of(other.metrics()).await.value("mandate_feed_age_seconds", &[]);
    assert!(age >= f64::from(u32::try_from(LIMIT).expect("small")), "{age}");
    assert_eq!(http::get(other.metrics(), "/healthz").await.status, 200, "it does what it can");

    door.open();
    poll::until(SOON, async || (ready().await == 200).then_some(())).await.expect("ready again");
    soon(&other, |scrape| away(scrape) == 0.0, "the database is back").await;
}

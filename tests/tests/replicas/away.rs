//! A server whose database is away goes on answering from memory for a while, and then no more.

use std::time::{Duration, Instant};

use mandate_tests::expect::assert_refused;
use mandate_tests::poll;
use tonic::Code;

use crate::{Pair, SOON, soon};

/// How long facts are good in these tests, in seconds.
const LIMIT: u64 = 3;

/// While the database is away answers come from memory and say how old they are, what must be fresh and every write
/// fails at once; after the limit nothing is answered; when it is back, what was revoked meanwhile is denied.
#[tokio::test]
async fn answers_go_on_for_a_while() {
    let pair = Pair::start(&["--stale-limit", &LIMIT.to_string()]).await;
    let (acme, bob) = pair.members().await;
    let before = pair.other_may(&bob, &acme, "users.view").await.answer;
    assert_eq!(before.stale_for, None);

    pair.door.shut();
    let cut = Instant::now();
    let stale = poll::until(SOON, async || {
        let answer = pair.other_may(&bob, &acme, "users.view").await.answer;
        assert!(answer.allowed, "{answer:?}");
        answer.stale_for
    });
    let stale = stale.await.expect("says how old it is");
    assert!(stale.seconds < i64::try_from(LIMIT).expect("small"), "{stale:?}");

    let asked = Instant::now();
    let refused = pair.other_may(&bob, &acme, "users.view").fully_consistent().ask().await;
    assert_refused(refused, Code::Unavailable, "STORAGE_UNAVAILABLE");
    let refused = pair.other_operator().remove(&acme, &bob).await;
    assert_refused(refused, Code::Unavailable, "STORAGE_UNAVAILABLE");
    assert!(asked.elapsed() < Duration::from_secs(2), "at once, not after {:?}", asked.elapsed());

    pair.world.operator().remove(&acme, &bob).await.expect("removed elsewhere");
    let status = poll::until(SOON, async || pair.other_may(&bob, &acme, "users.view").ask().await.err());
    let status = status.await.expect("nothing is answered after the limit");
    assert_refused(Err::<(), _>(status), Code::Unavailable, "STORAGE_UNAVAILABLE");
    assert!(cut.elapsed() >= Duration::from_secs(LIMIT - 1), "not after {:?}", cut.elapsed());

    pair.door.open();
    let answer = poll::until(SOON, async || pair.other_may(&bob, &acme, "users.view").ask().await.ok());
    let answer = answer.await.expect("recovers by itself");
    assert!(!answer.allowed, "what was revoked meanwhile is denied: {answer:?}");
    assert_eq!(answer.stale_for, None);
    pair.other_operator().add(&acme, &bob, &["admin"]).await.expect("writes again");
    soon(&pair, &bob, &acme, true).await;
}

/// A database that does not answer, nor says that it will not, is away, too: nothing waits for ever.
#[tokio::test]
async fn silence_is_not_waited_for() {
    let pair = Pair::start(&["--stale-limit", &LIMIT.to_string()]).await;
    let (acme, bob) = pair.members().await;
    pair.door.stick();
    pair.world.operator().remove(&acme, &bob).await.expect("removed elsewhere");
    let status = poll::until(SOON, async || pair.other_may(&bob, &acme, "users.view").ask().await.err());
    let status = status.await.expect("nothing is answered after the limit");
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    pair.door.open();
    let answer = poll::until(SOON, async || pair.other_may(&bob, &acme, "users.view").ask().await.ok());
    assert!(!answer.await.expect("recovers by itself").allowed);
}

/// Connections that an administrator cuts come back, and nothing is missed.
#[tokio::test]
async fn cut_connections_come_back() {
    let pair = Pair::start(&[]).await;
    let (acme, bob) = pair.members().await;
    for _ in 0..5 {
        pair.door.shut();
        let removed = pair.world.operator().remove_for_token(&acme, &bob).await.expect("removed");
        pair.door.open();
        let answer = poll::until(SOON, async || {
            pair.other_may(&bob, &acme, "users.view").not_before(&removed).ask().await.ok()
        });
        assert!(!answer.await.expect("comes back").allowed);
        let added = poll::until(SOON, async || pair.other_operator().add(&acme, &bob, &["admin"]).await.ok());
        added.await.expect("writes again");
        assert!(pair.other_may(&bob, &acme, "users.view").await.allowed());
    }
}

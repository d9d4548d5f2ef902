//! A server whose database is away goes on answering from memory for a while, and then no more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mandate_tests::expect::{assert_refused, metadata};
use mandate_tests::poll;
use tokio::task::JoinSet;
use tonic::Code;

use crate::{Pair, SOON, soon};

/// How long facts are good in these tests, in seconds.
const LIMIT: u64 = 3;

fn is_within_limit(age: &prost_types::Duration) -> bool {
    age.seconds < i64::try_from(LIMIT).expect("small")
}

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
    assert!(is_within_limit(&stale), "{stale:?}");

    let asked = Instant::now();
    let refused = pair.other_may(&bob, &acme, "users.view").fully_consistent().ask().await;
    assert_refused(refused, Code::Unavailable, "STORAGE_UNAVAILABLE");
    let refused = pair.other_operator().remove(&acme, &bob).await;
    assert_refused(refused, Code::Unavailable, "STORAGE_UNAVAILABLE");
    assert!(asked.elapsed() < Duration::from_secs(5), "at once, not after {:?}", asked.elapsed());

    pair.world.operator().remove(&acme, &bob).await.expect("removed elsewhere");
    let status = poll::until(SOON, async || pair.other_may(&bob, &acme, "users.view").ask().await.err());
    let status = status.await.expect("nothing is answered after the limit");
    assert_refused(Err::<(), _>(status), Code::Unavailable, "STORAGE_UNAVAILABLE");
    assert!(cut.elapsed() >= Duration::from_secs(LIMIT - 1), "not after {:?}", cut.elapsed());

    pair.door.open();
    let answer = poll::until(SOON, async || pair.other_may(&bob, &acme, "users.view").ask().await.ok());
    let answer = answer.await.expect("recovers by itself");
    assert!(!answer.allowed, "what was revoked meanwhile is denied: {answer:?}");
    assert!(
        answer.stale_for.is_none_or(|age| is_within_limit(&age)),
        "nothing is older than the limit: {answer:?}"
    );
    let current = poll::until(SOON, async || {
        let answer = pair.other_may(&bob, &acme, "users.view").await.answer;
        answer.stale_for.is_none().then_some(())
    });
    current.await.expect("is not old any more");
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

/// How long whoever waits on a connection that fell silent may have to: 3 seconds, and what a loaded machine adds.
const NO_LONGER: Duration = Duration::from_secs(12);

/// Calls on connections that fall silent are answered: what is not known to have happened is told as unknown, and what
/// is told not to have happened has not. The connections are not used again, and new ones are made.
#[tokio::test]
async fn whoever_waits_on_a_silent_connection_is_told() {
    let pair = Pair::start(&[]).await;
    let [ada] = pair.world.people(["Ada"]).await;
    let acme = pair.world.account("organization", &ada).await;
    let operator = pair.world.server().token("backend", &["platform.operator"]);
    let mut people = Vec::new();
    for n in 0..24 {
        people.push(pair.world.person(&format!("Person {n}")).await);
    }
    let (added, mut adding) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
    for person in people {
        let (party, acme, added) = (pair.other.another_party(&operator), acme.clone(), Arc::clone(&added));
        adding.spawn(async move {
            let start = Instant::now();
            let result = party.add(&acme, &person, &["member"]).await;
            added.fetch_add(1, Ordering::Relaxed);
            (person, result, start.elapsed())
        });
    }
    let some = poll::until(SOON, async || (added.load(Ordering::Relaxed) >= 3).then_some(()));
    some.await.expect("some are added");
    pair.door.lose();
    let (mut refused, mut unknown) = (0, 0);
    while let Some(done) = adding.join_next().await {
        let (person, result, elapsed) = done.expect("answered");
        assert!(elapsed < NO_LONGER, "not after {elapsed:?}: {result:?}");
        let is_member = pair.world.membership(&person, &acme).await.is_some();
        match result {
            Ok(_) => assert!(is_member, "{} was told to be one", person.display_name),
            Err(status) => {
                // One whose connection answers may have waited for the account, which one that is silent has locked.
                let told = matches!(status.code(), Code::Unavailable | Code::Aborted);
                assert!(told, "{status:?}");
                if metadata(&status, "outcome").as_deref() == Some("unknown") {
                    unknown += 1;
                } else {
                    refused += 1;
                    assert!(!is_member, "{} was told not to be one: {status:?}", person.display_name);
                }
            }
        }
    }
    println!("{refused} refused, {unknown} unknown");
    assert!(refused + unknown > 0, "nobody waited");

    // More calls at once than there were connections, each on a connection that answers.
    let mut reading = JoinSet::new();
    for _ in 0..40 {
        let (party, acme) = (pair.other.another_party(&operator), acme.clone());
        reading.spawn(async move { party.members(&acme, "member").await.map(|members| members.len()) });
    }
    let start = Instant::now();
    for read in reading.join_all().await {
        read.expect("reads go on");
    }
    assert!(start.elapsed() < NO_LONGER, "not after {:?}", start.elapsed());
    let [eve] = pair.world.people(["Eve"]).await;
    // The database keeps the locks of a write whose server fell silent for 10 seconds.
    let added =
        poll::until(2 * SOON, async || pair.other_operator().add(&acme, &eve, &["member"]).await.ok());
    added.await.expect("writes go on");
}

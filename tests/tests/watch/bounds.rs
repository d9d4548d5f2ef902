//! Streams that cannot go on end with a word.

use std::time::{Duration, Instant};

use mandate_tests::expect::assert_refused;
use mandate_tests::world::{Party, watching, watching_all};
use mandate_tests::{Bearer, Engine, Server, World, dump, on_both_engines, poll};
use tonic::Code;
use tonic::transport::Endpoint;

use crate::{backend, everything, names, new_name};

on_both_engines! {
    /// Given a caller who takes no messages, when there are some for longer than the server has patience, then the stream ends
    /// and little was kept for it; from the last token on nothing is missing.
    async fn who_takes_nothing_is_let_go(engine: Engine) {
        let world = World::on(Server::builder(engine).argument("--watch-patience").argument("1").start().await);
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        // HTTP/2 keeps no more than this for who does not read.
        let endpoint = Endpoint::from_shared(format!("http://{}", world.server().address())).expect("an address");
        let narrow = endpoint.initial_stream_window_size(1_024).connect_lazy();
        let token = world.server().token("backend", &["authz.watch"]);
        let lazy = Party::new(Bearer::new(&token).on(narrow));
        let mut watch = lazy.watch(watching(&acme, "")).await.expect("watches");
        watch.next().await.expect("at once");

        let start = Instant::now();
        let mut written = 0;
        while written < 200 || start.elapsed() < Duration::from_secs(6) {
            let name = format!("{written} {}", "x".repeat(150));
            world.operator().rename(&acme, &name).await.expect("renamed");
            written += 1;
        }
        let (changes, status) = watch.end().await;
        assert_refused(Err::<(), _>(status), Code::ResourceExhausted, "WATCH_TOO_SLOW");
        let got = names(&changes).len();
        assert!(got < 100, "{got} messages were kept for somebody who did not read");

        world.operator().rename(&acme, "The end").await.expect("renamed");
        let mut again = backend(&world).watch(watching(&acme, &watch.token)).await.expect("watches");
        let rest = again.until(|change| new_name(change) == Some("The end")).await;
        let mut all: Vec<String> = names(&changes);
        all.extend(names(&rest));
        let number = |name: &String| name.split(' ').next().and_then(|number| number.parse::<usize>().ok());
        let mut numbers: Vec<usize> = all.iter().filter_map(number).collect();
        numbers.dedup();
        assert_eq!(numbers, (0..written).collect::<Vec<_>>());
    }

    /// Given a server that is told to stop, when somebody watches, then the stream ends soon and says so.
    async fn a_server_that_stops_ends_its_streams(mut world: World) {
        let mut watch = everything(&world).await;
        let start = Instant::now();
        let (status, (_, end)) = tokio::join!(world.server_mut().stop(), watch.end());
        assert!(status.success(), "{status}");
        assert!(start.elapsed() < Duration::from_secs(20), "nobody waits for who watches");
        assert_refused(Err::<(), _>(end), Code::Unavailable, "SERVER_STOPPING");
    }

    /// Given that what came behind a token was deleted, when one watches from there, then that is an error; from a token that
    /// lies behind all that was deleted it is none.
    async fn a_token_that_is_too_old_is_refused(world: World) {
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        let old = everything(&world).await.token;
        let written = world.operator().add(&acme, &world.person("Bob").await, &["member"]).await;
        written.expect("added");
        let last = "(SELECT max(seq) FROM feed)";
        let forget = |name: &str, value: &str| {
            format!("INSERT INTO meta (name, value) SELECT '{name}', CAST({value} AS TEXT) FROM feed WHERE seq < {last}")
        };
        dump::execute(world.server(), &forget("feed_forgotten_seq", "max(seq)"));
        if world.server().engine() == Engine::Postgres {
            let largest = "max(CAST(CAST(xid AS TEXT) AS BIGINT))";
            dump::execute(world.server(), &forget("feed_forgotten_xid", largest));
        }
        dump::execute(world.server(), &format!("DELETE FROM feed WHERE seq < {last}"));

        for request in [watching_all(&old), watching(&acme, &old)] {
            let mut watch = backend(&world).watch(request).await.expect("begins");
            let refused = watch.next().await;
            assert_refused(refused, Code::OutOfRange, "WATCH_TOKEN_TOO_OLD");
        }
        // On PostgreSQL a token may name older transactions that are running still, in whatever database of the cluster.
        let mut tries = 0;
        let goes_on = poll::until(Duration::from_secs(30), async || {
            tries += 1;
            let name = format!("Kept {tries}");
            let new = everything(&world).await.token;
            world.operator().rename(&acme, &name).await.expect("renamed");
            let mut watch = backend(&world).watch(watching_all(&new)).await.expect("begins");
            let first = watch.next().await.ok()?.changes;
            let changes =
                if first.is_empty() { watch.until(|change| new_name(change).is_some()).await } else { first };
            assert_eq!(names(&changes), [name]);
            Some(())
        });
        goes_on.await.expect("a token that is good");
    }

    /// Given a change that a newer version wrote, when somebody comes to it, then the stream ends, and skips nothing.
    async fn what_cannot_be_read_is_not_skipped(world: World) {
        let token = everything(&world).await.token;
        dump::execute(world.server(), "INSERT INTO feed (at, kind, body) VALUES (1, 'of_the_future', '{}')");
        let mut watch = backend(&world).watch(watching_all(&token)).await.expect("begins");
        let (changes, status) = watch.end().await;
        assert_eq!(changes, []);
        assert_refused(Err::<(), _>(status), Code::Unavailable, "WATCH_NEWER_CHANGE");
    }
}

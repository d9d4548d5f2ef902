//! A stream goes on where the last one ended.

use std::time::Instant;

use mandate_proto::v1::watched_change::Change;
use mandate_tests::expect::assert_refused;
use mandate_tests::world::{watching, watching_all};
use mandate_tests::{Engine, Server, World, on_both_engines};
use tonic::Code;

use crate::{backend, everything, names, new_name};

/// How many names are given in a row.
const NAMES: usize = 240;

/// Numbers that look random and are the same each time (Numerical Recipes, 7.1).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

on_both_engines! {
    /// Given many changes, when a watcher goes on again and again at places of all kinds, also on a server that was started
    /// again, then it has got each of them, and those of one fact in their order.
    async fn nothing_is_missed_across_resumptions_and_restarts(mut world: World) {
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        let mut token = everything(&world).await.token;
        let mut dice = Dice(7);
        let (mut written, mut got, mut streams) = (Vec::new(), Vec::new(), 0);
        for round in 0..6 {
            for _ in 0..NAMES / 6 {
                let name = format!("Acme {}", written.len());
                world.operator().rename(&acme, &name).await.expect("renamed");
                written.push(name);
            }
            if round % 2 == 1 {
                world.server_mut().restart().await;
            }
            // A few streams that end early, wherever they stand.
            for _ in 0..3 {
                let request = if dice.below(2) == 0 { watching(&acme, &token) } else { watching_all(&token) };
                let mut watch = backend(&world).watch(request).await.expect("watches");
                for _ in 0..1 + dice.below(2) {
                    got.extend(names(&watch.next().await.expect("goes on").changes));
                }
                token = watch.token;
                streams += 1;
            }
        }
        let mut watch = backend(&world).watch(watching(&acme, &token)).await.expect("watches");
        world.operator().rename(&acme, "The end").await.expect("renamed");
        written.push("The end".to_owned());
        got.extend(names(&watch.until(|change| new_name(change) == Some("The end")).await));
        let mut first = Vec::new();
        for name in &got {
            if !first.contains(name) {
                first.push(name.clone());
            }
        }
        assert_eq!(first, written, "over {streams} streams");
    }

    /// Given a stream that reads along, when changes are made, then each comes once, in order, and a checkpoint later a token
    /// with which none of them comes again.
    async fn a_stream_reads_along(world: World) {
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        let mut watch = everything(&world).await;
        let (mut got, mut lags) = (Vec::new(), Vec::new());
        for n in 0..30 {
            let name = format!("Acme {n}");
            world.operator().rename(&acme, &name).await.expect("renamed");
            let answered = Instant::now();
            got.extend(names(&watch.until(|change| new_name(change) == Some(&name)).await));
            lags.push(answered.elapsed());
        }
        lags.sort();
        println!("told after the answer to the write: {lags:?}");
        assert_eq!(got, (0..30).map(|n| format!("Acme {n}")).collect::<Vec<_>>());
        while !watch.next().await.expect("goes on").changes.is_empty() {}
        let mut again = backend(&world).watch(watching_all(&watch.token)).await.expect("watches");
        assert_eq!(again.next().await.expect("at once").changes, [], "nothing came behind the checkpoint");
    }

    /// Given two accounts, when one is watched, then only its changes come.
    async fn an_account_is_watched_alone(world: World) {
        let [ada, bob] = world.people(["Ada", "Bob"]).await;
        let (acme, other) = (world.account("organization", &ada).await, world.account("organization", &bob).await);
        let before = everything(&world).await.token;
        let mut watch = backend(&world).watch(watching(&acme, "")).await.expect("watches");
        watch.next().await.expect("at once");
        for n in 0..10 {
            world.operator().rename(&other, &format!("Other {n}")).await.expect("renamed");
        }
        world.person("Somebody else").await;
        world.operator().rename(&acme, "The end").await.expect("renamed");
        let live = watch.until(|change| new_name(change) == Some("The end")).await;
        let mut later = backend(&world).watch(watching(&acme, &before)).await.expect("watches");
        let read = later.until(|change| new_name(change) == Some("The end")).await;
        for changes in [live, read] {
            assert!(changes.iter().all(|change| change.account == acme.id), "{changes:?}");
            assert_eq!(names(&changes), ["The end"]);
        }
    }

    /// Given that nothing happens, when a stream goes on, then it says where it stands each second, and one goes on from there.
    async fn an_idle_stream_sends_checkpoints(world: World) {
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        let mut watch = everything(&world).await;
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(watch.next().await.expect("a checkpoint").changes, []);
        }
        assert!(start.elapsed().as_secs() >= 2, "not more often than asked for");
        world.operator().rename(&acme, "Acme again").await.expect("renamed");
        let mut again = backend(&world).watch(watching_all(&watch.token)).await.expect("watches");
        again.until(|change| new_name(change) == Some("Acme again")).await;
    }

    /// Given the token of a write or of a question, when one watches from there, then what was written afterwards comes.
    async fn any_token_is_a_place_to_begin(world: World) {
        let [ada, bob] = world.people(["Ada", "Bob"]).await;
        let acme = world.account("organization", &ada).await;
        world.member(&acme, &bob, &["member"]).await;
        let asked = world.may(&bob, &acme, "users.view").await.answer.consistency_token;
        let written = world.operator().remove_for_token(&acme, &bob).await.expect("removed");
        world.operator().rename(&acme, "Afterwards").await.expect("renamed");
        for token in [&asked, &written] {
            let mut watch = backend(&world).watch(watching(&acme, token)).await.expect("watches");
            let changes = watch.until(|change| new_name(change) == Some("Afterwards")).await;
            let removed = changes.iter().any(|change| matches!(change.change, Some(Change::RemovedMember(_))));
            assert!(removed || token == &written, "the removal came behind the question");
        }
    }

    /// Given a token that says nothing here, when one watches from there, then that is an error.
    async fn a_token_of_another_database_is_refused(engine: Engine) {
        let [world, other] = [World::on(Server::start(engine).await), World::on(Server::start(engine).await)];
        other.person("Ada").await;
        let foreign = everything(&other).await.token;
        for token in [foreign.as_str(), "nonsense"] {
            let refused = backend(&world).watch(watching_all(token)).await.map(drop);
            assert_refused(refused, Code::InvalidArgument, "CONSISTENCY_TOKEN_INVALID");
        }
    }
}

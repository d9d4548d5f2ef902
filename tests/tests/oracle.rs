//! Random histories over the real API, beside a naive model that shares no code with the service
//! ([`mandate_tests::oracle`]): after each write both must agree on its outcome, on what everybody may do, and on who
//! is a member.
//!
//! The seed is fixed, so that a run is the same tomorrow. `MANDATE_ORACLE_CASES` sets how many histories are played
//! and `MANDATE_ORACLE_SEED` (a number) starts from elsewhere; a failure prints the seed, and its history shrunk to
//! what it takes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mandate_proto::v1::DecisionReason;
use mandate_tests::oracle::history::{History, histories};
use mandate_tests::oracle::judge::Class;
use mandate_tests::oracle::play::{Seen, play};
use mandate_tests::oracle::policy::Policy;
use mandate_tests::{Engine, Fixture, Server, block_on, on_both_engines};
use proptest::test_runner::{Config, RngAlgorithm, RngSeed, TestCaseError, TestError, TestRunner};
use tempfile::TempDir;

/// Histories that are played unless the environment says otherwise: about a minute on each engine.
const CASES: u32 = 60;
/// Attempts at making a history that fails shorter.
const SHRINK: u32 = 300;
/// Histories within which a false belief must be found out.
const PATIENCE: u32 = 150;
/// Most writes of a history after its accounts were created.
const STEPS: usize = 40;
/// Where the run starts unless the environment says otherwise.
const SEED: u64 = 20_260_101;

/// The files of all six policies: their texts by name.
fn policy_texts() -> BTreeMap<String, String> {
    let domain = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/domain");
    let builtin = ["client-area", "company-account", "managed-accounts", "organization", "terminal"];
    let files = builtin.into_iter().map(|name| domain.join("policies").join(format!("{name}.yaml")));
    let files = files.chain([domain.join("tests/policies/everything.yaml")]);
    let read = |file: PathBuf| {
        std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    };
    files.map(read).map(|text| (Policy::read(&text).name, text)).collect()
}

/// A server with all six policies.
struct Arena {
    server: Server,
    texts: BTreeMap<String, String>,
    _folder: TempDir,
}

impl Fixture for Arena {
    async fn prepare(engine: Engine) -> Self {
        let texts = policy_texts();
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("everything.yaml"), &texts["everything"]).expect("written");
        let server = Server::builder(engine).policies(folder.path()).start().await;
        Self { server, texts, _folder: folder }
    }
}

fn number<T: std::str::FromStr>(variable: &str, otherwise: T) -> T {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")),
        Err(_) => otherwise,
    }
}

/// Plays generated histories in accounts of these policies until one fails, and shrinks that in so many attempts.
///
/// Errors: what the two disagree about, and after what.
fn compare(
    server: &Server,
    policies: &Arc<BTreeMap<String, Policy>>,
    cases: u32,
    shrink: u32,
) -> Result<Seen, String> {
    static RUN: AtomicU32 = AtomicU32::new(0);
    let seed = number("MANDATE_ORACLE_SEED", SEED);
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: shrink,
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let seen = std::sync::Mutex::new(Seen::default());
    let strategy = histories(u8::try_from(policies.len()).expect("a few"), STEPS);
    let result = TestRunner::new(config).run(&strategy, |history: History| {
        let run = RUN.fetch_add(1, Ordering::Relaxed).to_string();
        let mut seen = seen.lock().expect("one thread");
        runtime.block_on(play(server, policies, &history, &run, &mut seen)).map_err(TestCaseError::fail)
    });
    match result {
        Ok(()) => Ok(seen.into_inner().expect("one thread")),
        Err(TestError::Fail(reason, _)) => Err(format!("MANDATE_ORACLE_SEED={seed}\n{reason}")),
        Err(TestError::Abort(reason)) => Err(format!("MANDATE_ORACLE_SEED={seed} aborted: {reason}")),
    }
}

/// Runs [`compare`] on a thread of its own, because a history blocks while it is played.
async fn compared(
    arena: &Arc<Arena>,
    policies: BTreeMap<String, Policy>,
    cases: u32,
    shrink: u32,
) -> Result<Seen, String> {
    let arena = Arc::clone(arena);
    tokio::task::spawn_blocking(move || compare(&arena.server, &Arc::new(policies), cases, shrink))
        .await
        .expect("does not panic")
}

fn read(texts: &BTreeMap<String, String>) -> BTreeMap<String, Policy> {
    texts.iter().map(|(name, text)| (name.clone(), Policy::read(text))).collect()
}

/// Every reason that the API of today can lead to: nobody can be suspended everywhere or be invited yet, and policies
/// stay loaded.
fn reasons() -> Vec<String> {
    let beyond = ["UNSPECIFIED", "SUBJECT_SUSPENDED", "MEMBERSHIP_PENDING", "POLICY_UNAVAILABLE"];
    let all = (0..100).filter_map(|number| DecisionReason::try_from(number).ok());
    let names = all.map(|reason| reason.as_str_name().trim_start_matches("DECISION_REASON_").to_owned());
    names.filter(|name| !beyond.contains(&name.as_str())).collect()
}

/// Rules, each with one word changed: what the model believes when it reads `.2` for `.1` in the policy `.0`.
const FALSE_BELIEFS: &[(&str, &str, &str)] = &[
    ("client-area", "holders: { least: 1, most: 1 }", "holders: { most: 1 }"),
    ("company-account", "holders: { least: 1, most: 3 }", "holders: { least: 1, most: 2 }"),
    ("company-account", "templates.view]   # SH-03", "templates.*]"),
    ("managed-accounts", "\"except deletion.*\"", "\"except reports.*\""),
    ("managed-accounts", "kept: owner", "kept: [owner, member]"),
    ("organization", "- except users.edit", "- except users.add"),
    ("terminal", "over: [terminal_admin, terminal_user]", "over: [terminal_user]"),
    (
        "terminal",
        "requires: { tier: business, organization_domain: set, access_control: on } }\n  member.get",
        "requires: {} }\n  member.get",
    ),
    ("everything", "removes: [\"*\", \"except *.view\"]", "removes: [\"*.view\"]"),
    ("everything", "may_on_own: [tools.*, projects.edit, plans.approve]", "may_on_own: [projects.edit]"),
];

on_both_engines! {
    /// The service and the model agree on everything that happens.
    async fn x_03_x_04_x_06_the_service_does_what_the_documents_say(arena: Arena) {
        let arena = Arc::new(arena);
        let cases = number("MANDATE_ORACLE_CASES", CASES);
        let seen = compared(&arena, read(&arena.texts), cases, SHRINK).await.unwrap_or_else(|failure| panic!("{failure}"));
        println!("{}: {cases} histories, {seen:#?}", arena.server.engine());
        // A history in which nothing interesting happens proves nothing.
        if cases >= CASES {
            let idle: Vec<_> = Class::ALL.iter().filter(|class| !seen.writes.contains_key(&Some(**class))).collect();
            assert!(idle.is_empty(), "no write was refused as {idle:?}: {seen:#?}");
            let idle: Vec<_> = reasons().into_iter().filter(|reason| !seen.answers.contains_key(reason.as_str())).collect();
            assert!(idle.is_empty(), "no answer was {idle:?}: {seen:#?}");
        }
    }
}

/// A model that believes one thing wrongly is found out: the comparison can fail. On one engine, since it is the
/// comparison that is tried here.
#[test]
fn a_false_belief_is_found_out() {
    block_on(Engine::Sqlite, find_out);
}

async fn find_out(arena: Arena) {
    let arena = Arc::new(arena);
    for (policy, truth, belief) in FALSE_BELIEFS {
        let text = &arena.texts[*policy];
        assert!(text.contains(truth), "{policy} no longer says {truth:?}: choose another belief");
        let believed = Policy::read(&text.replacen(truth, belief, 1));
        let outcome = compared(&arena, BTreeMap::from([((*policy).to_owned(), believed)]), PATIENCE, 0).await;
        let failure = outcome
            .err()
            .unwrap_or_else(|| panic!("{policy}: nobody noticed {belief:?} in place of {truth:?}"));
        assert!(failure.contains("MANDATE_ORACLE_SEED=") && failure.contains("model"), "{failure}");
    }
}

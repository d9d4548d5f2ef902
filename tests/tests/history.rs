//! Clients race on several servers while things break, and an order of events explains every answer (`mandate-bench
//! history`); a fault that is planted is found.

use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mandate_tests::programs;

/// One run at a time: each of them keeps the machine busy, and a server that gets no time is told from one that is slow
/// by nothing.
fn alone() -> MutexGuard<'static, ()> {
    static RUNNING: Mutex<()> = Mutex::new(());
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the checker, with the binaries that are there: its exit code, its last line, and all that it said.
fn history(arguments: &[&str]) -> (Option<i32>, String, String) {
    let _alone = alone();
    let mut command = Command::new(programs::program("mandate-bench"));
    let (code, printed, all) = programs::run(command.arg("history").args(arguments).env_remove("CARGO"));
    (code, printed.lines().last().unwrap_or_default().to_owned(), all)
}

#[track_caller]
fn assert_explained(arguments: &[&str]) {
    let (code, last, all) = history(arguments);
    assert_eq!(code, Some(0), "{all}");
    let words: Vec<&str> = last.split(' ').collect();
    let ["operations", operations, "violations", "0", "lost", "0"] = words.as_slice() else {
        panic!("{all}")
    };
    assert!(operations.parse::<u32>().expect("a number") >= 100, "{all}");
}

#[track_caller]
fn assert_found(sabotage: &str, engine: &str) {
    programs::sabotaged();
    let (code, last, all) =
        history(&["--engine", engine, "--seconds", "60", "--seed", "1", "--sabotage", sabotage]);
    assert_eq!(code, Some(1), "{all}");
    assert!(last.starts_with("operations ") && !last.contains(" violations 0 "), "{all}");
    assert!(all.contains("no order of these operations"), "{all}");
}

/// Three servers and PostgreSQL, all of which are killed, restarted, cut off and held back.
#[test]
fn everything_is_explained_on_postgresql() {
    assert_explained(&["--engine", "postgres", "--replicas", "3", "--seconds", "60"]);
}

/// One server on SQLite, which is killed again and again.
#[test]
fn everything_is_explained_on_sqlite() {
    assert_explained(&["--engine", "sqlite", "--seconds", "15"]);
}

#[test]
fn a_stale_fill_is_found() {
    assert_found("stale-fill", "sqlite");
}

#[test]
fn a_torn_read_is_found() {
    assert_found("torn-read", "sqlite");
}

#[test]
fn a_feed_that_is_skipped_is_found() {
    assert_found("skip-feed", "postgres");
}

#[test]
fn locks_that_are_not_taken_are_missed() {
    assert_found("no-lock", "postgres");
}

/// The shipped binary has none of it.
#[test]
fn no_fault_can_be_planted_in_the_server() {
    let named = |path: std::path::PathBuf| {
        let bytes = std::fs::read(&path).expect("a program");
        let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        (has("MANDATE_SABOTAGE"), has("stale-fill"))
    };
    assert_eq!(named(programs::program("mandate")), (false, false));
    assert_eq!(named(programs::sabotaged()), (true, true));
}

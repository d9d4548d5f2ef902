//! Every write of the descriptor set, asked only what it would do, and asked twice with one `request_id`: the first
//! changes nothing, the second changes nothing more and answers the same bytes.

#[path = "support/shapes.rs"]
mod shapes;

use std::collections::BTreeSet;

use self::shapes::{casts, policies, shape};
use mandate_tests::walk::{Case, Needs, Outcome, Scene, Stage, Success, call, cases};
use mandate_tests::{Server, dump, on_both_engines};

/// RPCs that change something without terms, or in no scene of the walk, and the words with which those begin that
/// change nothing.
const OTHERS: [&str; 10] = [
    "RefreshToken",
    "RetryMail",
    "SignIn",
    "Get",
    "List",
    "Check",
    "BatchCheck",
    "Lookup",
    "Export",
    "Watch",
];

fn has_terms(case: &Case) -> bool {
    let method = case.rpc.rsplit('/').next().unwrap_or_default();
    let proven_otherwise = matches!(case.needs, Needs::Public | Needs::Password);
    !OTHERS.iter().any(|word| method.starts_with(word)) && case.success == Success::Here && !proven_otherwise
}

/// Field 51, `validate_only`, as true: bytes that are appended to a message are merged into it.
const VALIDATE_ONLY: [u8; 3] = [0x98, 0x03, 0x01];

/// Field 50, `request_id`.
fn request_id(id: &str) -> Vec<u8> {
    let mut bytes = vec![0x92, 0x03, u8::try_from(id.len()).expect("short")];
    bytes.extend(id.as_bytes());
    bytes
}

/// What was written: whatever changes stands in the feed, the log and the outbox, whose rows the dispatcher goes on with.
fn written(server: &Server) -> Vec<String> {
    let rows = dump::rows(server);
    let tables = ["feed: ", "activity: ", "outbox: "];
    let rows = rows.lines().filter(|row| tables.iter().any(|table| row.starts_with(table)));
    rows.map(|row| if row.starts_with("outbox: ") { "a mail".to_owned() } else { row.to_owned() }).collect()
}

/// Panics with what is in one of the two alone.
#[track_caller]
fn assert_same(before: &[String], after: &[String], what: &str) {
    let new: Vec<_> = after.iter().filter(|row| !before.contains(row)).collect();
    assert!(
        before == after,
        "{what} wrote {new:#?}, {} row(s) before and {} after",
        before.len(),
        after.len()
    );
}

on_both_engines! {
    async fn no_preview_changes_anything_and_no_retry_changes_more(server: Server) {
        let cases: Vec<Case> = cases().into_iter().filter(has_terms).collect();
        let mut done: BTreeSet<String> = BTreeSet::new();
        for policy in policies() {
            let stage = Stage { server: &server, shape: shape(&policy) };
            for (place, cast) in casts(&policy, &stage.shape).into_iter().enumerate() {
                for case in &cases {
                    // What operators do is tried in one scene of each policy, what persons do in every role.
                    if done.contains(&case.name()) || place > 0 && !is_of_a_person(case) {
                        continue;
                    }
                    let scene = stage.scene(&cast).await;
                    let name = format!("{} under {} as {}", case.name(), policy.name, cast.label);
                    if asked_thrice(&server, case, &scene, &name).await {
                        done.insert(case.name());
                    }
                }
            }
        }
        let left: Vec<String> = cases.iter().map(Case::name).filter(|name| !done.contains(name)).collect();
        assert!(left.is_empty(), "never answered under any policy: {left:?}");
    }
}

/// Whether an operator is not the one to try it.
fn is_of_a_person(case: &Case) -> bool {
    matches!(case.needs, Needs::Known | Needs::Membership)
        || case.variant == "oneself"
        || case.rpc.ends_with("/TransferOwnership")
}

/// Whether the call was answered, after a preview that changed nothing, and again in the same bytes.
async fn asked_thrice(server: &Server, case: &Case, scene: &Scene, name: &str) -> bool {
    let token = match is_of_a_person(case) {
        true => server.token(&scene.caller, &[]),
        false => server.token("operator", &["platform.operator"]),
    };
    let header = format!("Bearer {token}");
    let ask = async |extra: &[u8]| {
        let message = [(case.request)(scene).as_slice(), extra].concat();
        (case.inside)(call(&server.channel(), case.rpc, message, Some(&header)).await)
    };
    let before = written(server);
    let preview = ask(&VALIDATE_ONLY).await;
    assert_same(&before, &written(server), &format!("a preview of {name}"));
    let once = ask(&request_id(name)).await;
    assert_eq!(preview.word(), once.word(), "{name}");
    let Outcome::Answered(first) = once else { return false };
    let after = written(server);
    match ask(&request_id(name)).await {
        // A password that was made up is told once.
        Outcome::Answered(_) if case.rpc.ends_with("/SetInitialPassword") => {}
        Outcome::Answered(second) => assert_eq!(first, second, "{name}"),
        refused @ Outcome::Refused(_) => panic!("{name}: {}", refused.word()),
    }
    assert_same(&after, &written(server), &format!("a retry of {name}"));
    true
}

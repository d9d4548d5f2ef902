//! What an access matrix shows as limited: permissions held on some resource though not on all.

// A test that fails by panicking is right to; clippy knows that of `#[test]` functions but not of their helpers.
#![allow(clippy::expect_used, clippy::panic)]
#![allow(dead_code, reason = "the words for questions are shared with the other tests of decisions")]

mod decide_support;

use decide_support::{Asked, yard};
use mandate_domain::facts::AssignmentFact;
use mandate_domain::somewhere::held_somewhere;

/// Which of these permissions a subject holds somewhere, whose assignments carry what is said here.
fn somewhere(asked: impl Fn(&str) -> Asked, carried: &[(&str, &str, &str)]) -> Vec<&'static str> {
    let policy = yard();
    let one = |name: &str| Vec::from_iter((!name.is_empty()).then(|| name.to_owned()));
    let carried = carried.iter().map(|(kind, role, permission)| {
        AssignmentFact::named(&policy, kind, &one(role), &one(permission)).expect("a resource type")
    });
    let carried: Vec<AssignmentFact> = carried.collect();
    let all =
        ["ships.view", "ships.load", "ships.paint", "ships.sink", "crates.open", "crates.seal", "desk.view"];
    let held = all
        .into_iter()
        .filter(|permission| held_somewhere(&asked(permission).compiled(&policy).question(), &carried));
    held.collect()
}

#[test]
fn roles_hold_on_assigned_and_on_own_resources() {
    let hand = |permission: &str| Asked::about(permission).by(&["hand"]);
    assert_eq!(somewhere(hand, &[]), ["ships.view", "ships.paint", "crates.open"]);
    assert_eq!(somewhere(|permission| hand(permission).restricted("look_only"), &[]), ["ships.view"]);
    let clerk = |permission: &str| Asked::about(permission).by(&["clerk"]);
    assert!(somewhere(clerk, &[]).is_empty(), "a role that is idle");
    assert_eq!(somewhere(|permission| clerk(permission).audited(), &[]), ["ships.sink"]);
}

#[test]
fn an_assignment_carries_to_what_lives_in_it() {
    let clerk = |permission: &str| Asked::about(permission).by(&["clerk"]);
    assert_eq!(somewhere(clerk, &[("ship", "mate", "")]), ["ships.view", "crates.seal"]);
    assert_eq!(somewhere(clerk, &[("ship", "", "ships.load")]), ["ships.load"]);
    assert!(somewhere(clerk, &[("ship", "inspector", "")]).is_empty(), "a role that is idle");
    assert!(somewhere(clerk, &[("buoy", "", "")]).is_empty());
    assert!(somewhere(Asked::about, &[("ship", "mate", "")]).is_empty(), "whoever is no member");
}

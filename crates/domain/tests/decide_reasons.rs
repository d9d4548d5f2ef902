//! Every reason of a decision, reached by questions that a person can read (X-03: what is not granted is denied).

// A test that fails by panicking is right to; clippy knows that of `#[test]` functions but not of their helpers.
#![allow(clippy::expect_used, clippy::panic)]

#[path = "decide_support/cases.rs"]
mod cases;
mod decide_support;

use std::collections::BTreeSet;

use cases::cases;
use decide_support::yard;
use mandate_domain::decide::{Reason, Via};

#[test]
fn x_03_each_answer_has_its_reason() {
    let policy = yard();
    let wrong: Vec<String> = cases()
        .into_iter()
        .filter_map(|(name, asked, expected)| {
            let found = asked.decide(&policy).reason;
            (found != expected).then(|| format!("{name}: {found:?}, should be {expected:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_reason_is_reached() {
    let policy = yard();
    let reached: BTreeSet<Reason> =
        cases().into_iter().map(|(_, asked, _)| asked.decide(&policy).reason).collect();
    let all: BTreeSet<Reason> = Reason::ALL.iter().copied().collect();
    assert_eq!(reached, all, "a reason that no question leads to is dead, or its case is missing here");
}

#[test]
fn x_03_a_denial_names_no_way_and_an_allowance_names_one() {
    let policy = yard();
    for (name, asked, _) in cases() {
        let decision = asked.decide(&policy);
        assert_eq!(decision.allowed(), decision.via != Via::default(), "{name}: {decision:?}");
    }
}

#[test]
fn x_03_no_single_fact_that_goes_missing_turns_a_denial_into_an_allowance() {
    let policy = yard();
    for (name, asked, _) in cases().into_iter().filter(|(_, _, reason)| !reason.allows()) {
        for (what, less) in [
            ("the account", asked.clone().no_account()),
            ("the policy", asked.clone().no_policy()),
            ("the user", asked.clone().no_user()),
        ] {
            assert!(!less.decide(&policy).allowed(), "{name}, without {what}");
        }
    }
}

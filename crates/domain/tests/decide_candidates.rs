//! Whoever may is looked for: what narrows the search of a look-up leaves out nobody whom `decide` allows.

// A test that fails by panicking is right to; clippy knows that of `#[test]` functions but not of their helpers.
#![allow(clippy::expect_used, clippy::panic)]
#![allow(dead_code, reason = "the words for questions are shared with the other tests of decisions")]

#[path = "decide_support/cases.rs"]
mod cases;
mod decide_support;

use std::collections::BTreeSet;

use cases::cases;
use decide_support::{Asked, yard};
use mandate_domain::account::AccountState;
use mandate_domain::candidates::{Reach, Sources, nobody_may, reach};
use mandate_domain::decide::{Question, Reason, decide};
use mandate_domain::membership::MemberState;

#[test]
fn whatever_is_allowed_comes_from_a_source_and_is_within_reach() {
    let policy = yard();
    for (name, asked, _) in cases() {
        let compiled = asked.compiled(&policy);
        let question = compiled.question();
        let decision = decide(&question);
        if !decision.allowed() {
            continue;
        }
        assert_eq!(nobody_may(&question), None, "{name}");
        let permission = policy.permission_name(question.permission.expect("a permission"));
        let sources = Sources::of(&policy, permission);
        let roles = decision.via.roles.iter().map(|index| policy.roles[usize::from(index)].name.as_str());
        assert!(roles.into_iter().all(|role| sources.roles.contains(role)), "{name}: {sources:?}");
        let seats = &question.subject.expect("a subject").seats;
        let mut held = decision.via.seats.iter().map(|index| seats[usize::from(index)].role.as_str());
        assert!(held.all(|role| sources.group_roles.contains(role)), "{name}: {sources:?}");
        match reach(&question) {
            Reach::Everything => {
                assert!(decide(&Question { resource: None, ..question }).allowed(), "{name}")
            }
            Reach::TheirOwn => assert!(
                decision.via.own || !decision.via.assignments.is_empty(),
                "{name}: {decision:?} is neither their own nor assigned"
            ),
            Reach::Nothing(reason) => panic!("{name}: it is allowed, and {reason:?} is said to keep it"),
        }
    }
}

#[test]
fn what_keeps_everybody_from_it_is_told() {
    let policy = yard();
    let kept = |asked: Asked| nobody_may(&asked.compiled(&policy).question());
    let view = || Asked::about("ships.view");
    assert_eq!(kept(view()), None, "whoever the subject is");
    assert_eq!(kept(view().user_suspended()), None);
    assert_eq!(kept(Asked::about("desk.stamp")), Some(Reason::RequirementUnmet));
    assert_eq!(kept(Asked::about("desk.stamp").big()), None);
    assert_eq!(kept(Asked::about("desk.fly")), Some(Reason::UnknownPermission));
    assert_eq!(kept(view().on("submarine")), Some(Reason::UnknownResourceType));
    assert_eq!(kept(view().on("crate")), Some(Reason::PermissionNotOnResource));
    assert_eq!(kept(view().on("ship").unregistered()), Some(Reason::UnknownResource));
    assert_eq!(kept(view().account_is(AccountState::Suspended)), Some(Reason::AccountSuspended));
    assert_eq!(kept(view().no_account()), Some(Reason::UnknownAccount));
    assert_eq!(kept(view().no_policy()), Some(Reason::PolicyUnavailable));
}

#[test]
fn on_what_somebody_may_hold_it() {
    let policy = yard();
    let reached = |asked: Asked| reach(&asked.compiled(&policy).question());
    let hand = |permission| Asked::about(permission).by(&["hand"]);
    assert_eq!(reached(Asked::about("ships.sink").by(&["master"])), Reach::Everything);
    assert_eq!(reached(hand("ships.view")), Reach::TheirOwn);
    assert_eq!(reached(hand("ships.load")), Reach::TheirOwn, "an assignment may carry it");
    assert_eq!(reached(hand("ships.paint").restricted("look_only")), Reach::Nothing(Reason::Restricted));
    assert_eq!(reached(hand("desk.stamp")), Reach::Nothing(Reason::RequirementUnmet));
    assert_eq!(reached(Asked::about("ships.view")), Reach::Nothing(Reason::NotAMember));
    assert_eq!(
        reached(Asked::about("ships.view").seated(7, "warden")),
        Reach::Nothing(Reason::ResourceRequired),
        "nothing is assigned to whom a group alone ties to the account"
    );
    let suspended = hand("ships.view").member_is(MemberState::Suspended);
    assert_eq!(reached(suspended), Reach::Nothing(Reason::MembershipSuspended));
    assert_eq!(reached(hand("ships.fly")), Reach::Nothing(Reason::UnknownPermission));
}

#[test]
fn sources_of_several_policies_are_taken_together() {
    let policy = yard();
    let mut sources = Sources::of(&policy, "desk.edit");
    assert_eq!(sources.roles, BTreeSet::from(["clerk", "master"]));
    assert_eq!(sources.group_roles, BTreeSet::from(["warden", "watcher"]));
    sources.add(&policy, "desk.view");
    assert_eq!(sources.roles, BTreeSet::from(["clerk", "hand", "master"]));
    assert_eq!(Sources::of(&policy, "desk.fly"), Sources::default());
}

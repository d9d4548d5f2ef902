//! Verdicts on histories made by hand, and what is told of them.

use mandate_proto::v1::DecisionReason as Reason;

use super::super::model::{Question, Thing};
use super::*;

fn operation(invoked: Time, returned: Time, what: What) -> Operation {
    Operation { client: 0, server: Some(0), invoked, returned: Some(returned), what }
}

fn done(at: Time, write: Write) -> Operation {
    operation(at, at + 1, What::Write(write, Outcome::Done))
}

fn check(at: Time, who: Who, reason: Reason) -> Operation {
    operation(at, at + 1, What::Check(who, Question::Open, Freshness::Full, reason))
}

fn add(who: Who) -> Write {
    Write::Add(who, Roles::MEMBER, Thing::Without)
}

fn member(state: State, who: Who) -> State {
    state.with(who, Some(Seat { roles: Roles::MEMBER, suspended: false, assigned: false }))
}

fn end(state: State) -> Operation {
    operation(1000, 1001, What::Final(state))
}

fn born() -> State {
    State::born(FOUNDER)
}

#[test]
fn a_history_that_can_be_explained_is_fine() {
    let history = [done(0, add(1)), check(2, 1, Reason::Role), end(member(born(), 1))];
    assert_eq!(judge("account", &history), Verdict::default());
}

#[test]
fn what_is_missing_at_the_end_is_lost() {
    let history = [done(0, add(1)), done(2, add(2)), done(4, add(3)), end(member(born(), 1))];
    let verdict = judge("account", &history);
    assert_eq!((verdict.violations.len(), verdict.lost, verdict.losses.len()), (0, 2, 1));
}

#[test]
fn an_end_that_nobody_brought_about_is_a_violation() {
    let verdict = judge("account", &[done(0, add(1)), end(member(member(born(), 1), 2))]);
    assert_eq!((verdict.violations.len(), verdict.lost), (1, 0));
}

#[test]
fn a_violation_is_told_with_nothing_beside_it() {
    let history = [
        done(0, add(2)),
        check(2, 2, Reason::Role),
        done(4, add(1)),
        check(6, 1, Reason::Role),
        done(8, Write::Suspend(2)),
        done(10, Write::Remove(1)),
        check(12, 2, Reason::MembershipSuspended),
        check(14, 1, Reason::Role),
        check(16, 2, Reason::MembershipSuspended),
        end(born()),
    ];
    let verdict = judge("account", &history);
    let [told] = verdict.violations.as_slice() else { panic!("{verdict:?}") };
    let operations = told.lines().filter(|line| line.trim_start().starts_with('#')).count();
    assert_eq!(operations, 2, "{told}");
    assert!(told.contains("remove u1: done") && told.contains("may u1 desk.open"), "{told}");
    assert!(told.contains("does not explain #1"), "{told}");
}

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
    assert_eq!(judge("account", &history), Vec::<String>::new());
}

#[test]
fn an_end_that_the_writes_do_not_lead_to_is_a_violation() {
    for state in [born(), member(member(born(), 1), 2)] {
        let told = judge("account", &[done(0, add(1)), check(2, 1, Reason::Role), end(state)]);
        let [told] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(told.lines().count(), 3, "what was added, and the end: {told}");
    }
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
    let told = judge("account", &history);
    let [told] = told.as_slice() else { panic!("{told:?}") };
    let operations = told.lines().filter(|line| line.trim_start().starts_with('#')).count();
    assert_eq!(operations, 2, "{told}");
    assert!(told.contains("remove u1: done") && told.contains("may u1 desk.open"), "{told}");
    assert!(told.contains("does not explain #1"), "{told}");
}

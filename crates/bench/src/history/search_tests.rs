//! Histories made by hand, legal ones and illegal ones of each kind.

use mandate_proto::v1::DecisionReason as Reason;

use super::super::model::{Question, Refusal, Roles, Thing, Write};
use super::super::record::Seen;
use super::*;

/// The admin and owner whom the account was born with.
const ADA: usize = 0;
const BOB: usize = 1;
const EVE: usize = 2;

const FULL: Freshness = Freshness::Full;

fn operation(invoked: Time, returned: Option<Time>, what: What) -> Operation {
    Operation { client: 0, server: Some(0), invoked, returned, what }
}

fn done(invoked: Time, returned: Time, write: Write) -> Operation {
    operation(invoked, Some(returned), What::Write(write, Outcome::Done))
}

fn refused(invoked: Time, returned: Time, write: Write, refusal: Refusal) -> Operation {
    operation(invoked, Some(returned), What::Write(write, Outcome::Refused(refusal)))
}

fn unknown(invoked: Time, write: Write) -> Operation {
    operation(invoked, None, What::Write(write, Outcome::Unknown))
}

fn check(invoked: Time, returned: Time, who: usize, freshness: Freshness, reason: Reason) -> Operation {
    operation(invoked, Some(returned), What::Check(who, Question::Open, freshness, reason))
}

fn bounded(bound: Time) -> Freshness {
    Freshness::Bounded { bound, after: None }
}

fn add(who: usize) -> Write {
    Write::Add(who, Roles::MEMBER, Thing::Without)
}

fn found(operations: &[Operation]) -> Found {
    search(operations, &[State::born(ADA)], Limits::Hold)
}

#[track_caller]
fn assert_legal(operations: &[Operation]) {
    assert_eq!(found(operations), Found::Legal);
}

#[track_caller]
fn assert_illegal(operations: &[Operation]) {
    assert!(matches!(found(operations), Found::Illegal(_)), "{:?}", found(operations));
}

#[test]
fn one_after_the_other() {
    assert_legal(&[
        check(0, 1, BOB, FULL, Reason::NotAMember),
        done(2, 3, add(BOB)),
        check(4, 5, BOB, FULL, Reason::Role),
        done(6, 7, Write::Remove(BOB)),
        check(8, 9, BOB, FULL, Reason::NotAMember),
    ]);
}

#[test]
fn what_was_acknowledged_is_seen() {
    assert_illegal(&[done(0, 1, add(BOB)), check(2, 3, BOB, FULL, Reason::NotAMember)]);
}

#[test]
fn what_happens_at_once_happens_in_either_order() {
    for reason in [Reason::Role, Reason::NotAMember] {
        assert_legal(&[done(0, 5, add(BOB)), check(2, 3, BOB, FULL, reason)]);
    }
}

#[test]
fn what_was_seen_stays_seen() {
    assert_illegal(&[
        done(0, 9, add(BOB)),
        check(1, 2, BOB, FULL, Reason::Role),
        check(3, 4, BOB, FULL, Reason::NotAMember),
    ]);
}

#[test]
fn a_write_without_an_answer_may_happen_late_or_never() {
    assert_legal(&[unknown(0, add(BOB)), check(2, 3, BOB, FULL, Reason::NotAMember)]);
    assert_legal(&[
        unknown(0, add(BOB)),
        check(2, 3, BOB, FULL, Reason::NotAMember),
        check(4, 5, BOB, FULL, Reason::Role),
    ]);
}

#[test]
fn a_write_without_an_answer_does_not_happen_twice_or_before_it_was_asked_for() {
    assert_illegal(&[
        unknown(0, add(BOB)),
        check(1, 2, BOB, FULL, Reason::Role),
        done(3, 4, Write::Remove(BOB)),
        check(5, 6, BOB, FULL, Reason::Role),
    ]);
    assert_illegal(&[check(0, 1, BOB, FULL, Reason::Role), unknown(2, add(BOB))]);
}

#[test]
fn the_last_admin_stays() {
    let demote = |who| Write::SetRoles(who, Roles::OWNER.and(Roles::MEMBER));
    let least = || Refusal::LimitLeast("admin".to_owned());
    assert_legal(&[refused(0, 1, demote(ADA), least())]);
    assert_illegal(&[done(0, 1, demote(ADA))]);
    let second = done(0, 1, Write::Add(BOB, Roles::ADMIN, Thing::Without));
    assert_illegal(&[second.clone(), refused(2, 3, demote(ADA), least())]);
    // Two at once: one of them is refused, whichever, and never none.
    let remove = |returned| done(2, returned, Write::Remove(BOB));
    assert_legal(&[second.clone(), remove(9), refused(2, 9, demote(ADA), least())]);
    assert_illegal(&[second, remove(9), done(2, 9, demote(ADA))]);
}

#[test]
fn no_second_owner_and_no_third_holder() {
    let most = |role: &str| Refusal::LimitMost(role.to_owned());
    let owner = Write::Add(BOB, Roles::OWNER, Thing::Without);
    assert_legal(&[refused(0, 1, owner, most("owner"))]);
    assert_illegal(&[done(0, 1, owner)]);
    let bill = |who| Write::Add(who, Roles::MEMBER.and(Roles::BILLING), Thing::Without);
    let two = [done(0, 1, bill(BOB)), done(0, 1, bill(EVE))];
    assert_legal(&[&two[..], &[refused(2, 3, bill(3), most("billing"))]].concat());
    assert_illegal(&[&two[..], &[done(2, 3, bill(3))]].concat());
}

#[test]
fn ownership_moves_in_one_step() {
    let ask = |at, who, reason| {
        operation(at, Some(at + 1), What::Check(who, Question::HandOver, Freshness::Full, reason))
    };
    let moved = |returned| [done(0, 1, add(BOB)), done(2, returned, Write::Transfer { from: ADA, to: BOB })];
    assert_legal(&[&moved(3)[..], &[ask(4, ADA, Reason::NotGranted), ask(6, BOB, Reason::Role)]].concat());
    let none_and_then_none = [ask(4, ADA, Reason::NotGranted), ask(6, BOB, Reason::NotGranted)];
    assert_illegal(&[&moved(9)[..], &none_and_then_none].concat());
}

#[test]
fn a_server_that_is_behind_may_answer_as_it_was_and_no_further_back() {
    let history = |check| [done(0, 1, add(BOB)), done(2, 3, Write::Remove(BOB)), check];
    let elsewhere =
        |bound, reason| Operation { server: Some(1), ..check(10, 11, BOB, bounded(bound), reason) };
    assert_legal(&history(elsewhere(0, Reason::NotAMember)));
    assert_legal(&history(elsewhere(2, Reason::Role)));
    assert_illegal(&history(elsewhere(4, Reason::Role)));
    // One reads what the same server has acknowledged.
    assert_illegal(&history(check(10, 11, BOB, bounded(0), Reason::Role)));
}

#[test]
fn a_server_that_is_behind_knows_nothing_of_what_is_to_come() {
    let early = Operation { server: Some(1), ..check(0, 1, BOB, bounded(0), Reason::Role) };
    assert_illegal(&[early, done(2, 3, add(BOB))]);
}

#[test]
fn a_token_brings_what_it_stands_for() {
    let with_token = Freshness::Bounded { bound: 0, after: Some(1) };
    let history = |freshness, reason| {
        let elsewhere = Operation { server: Some(1), ..check(10, 11, BOB, freshness, reason) };
        [done(0, 1, add(BOB)), done(2, 3, Write::Remove(BOB)), elsewhere]
    };
    assert_legal(&history(bounded(0), Reason::Role));
    assert_illegal(&history(with_token.clone(), Reason::Role));
    assert_legal(&history(with_token, Reason::NotAMember));
}

#[test]
fn facts_of_two_moments_are_not_mixed() {
    // Never active and assigned at once.
    let view = |reason| {
        let what = What::Check(BOB, Question::ViewThing, bounded(0), reason);
        Operation { server: Some(1), ..operation(20, Some(21), what) }
    };
    let dance = [
        done(0, 1, add(BOB)),
        done(2, 3, Write::Suspend(BOB)),
        done(4, 5, Write::Assign(BOB)),
        done(6, 7, Write::Unassign(BOB)),
        done(8, 9, Write::Reinstate(BOB)),
    ];
    for (reason, legal) in [
        (Reason::NotAMember, true),
        (Reason::NotAssigned, true),
        (Reason::MembershipSuspended, true),
        (Reason::Assignment, false),
    ] {
        let history = [&dance[..], &[view(reason)]].concat();
        assert_eq!(found(&history) == Found::Legal, legal, "{reason:?}");
    }
}

#[test]
fn lists_and_the_end_show_what_is_there() {
    let seat = super::super::model::Seat { roles: Roles::MEMBER, suspended: false, assigned: true };
    let with_bob = State::born(ADA).with(BOB, Some(seat));
    let list = |state| operation(2, Some(3), What::List(Seen(state)));
    let end = |state| operation(8, Some(9), What::Final(state));
    assert_legal(&[done(0, 1, add(BOB)), list(with_bob)]);
    assert_illegal(&[done(0, 1, add(BOB)), list(State::born(ADA))]);
    assert_illegal(&[done(0, 1, add(BOB)), end(with_bob)]);
    assert_legal(&[done(0, 1, add(BOB)), done(4, 5, Write::Assign(BOB)), end(with_bob)]);
}

#[test]
fn too_much_to_look_at_is_not_taken_for_fine() {
    let toggles = (0..16_u64).flat_map(|n| {
        let who = usize::try_from(n % 4).unwrap() + 1;
        [unknown(n, add(who)), unknown(n, Write::Remove(who)), unknown(n, Write::Assign(who))]
    });
    let impossible = check(100, 101, ADA, FULL, Reason::NotAMember);
    let history: Vec<Operation> = toggles.chain([impossible]).collect();
    assert_eq!(found(&history), Found::Undecided);
    assert_eq!(found(&vec![check(0, 1, BOB, FULL, Reason::NotAMember); MOST + 1]), Found::Undecided);
}

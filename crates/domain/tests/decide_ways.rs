//! The ways that a decision names: all of them, by their position in what was asked.

// A test that fails by panicking is right to; clippy knows that of `#[test]` functions but not of their helpers.
#![allow(clippy::expect_used, clippy::panic)]

#[allow(dead_code, reason = "shared with tests that say more")]
mod decide_support;

use decide_support::{Asked, yard};
use mandate_domain::decide::{Reason, Via};
use mandate_domain::policy::set::Mask;

/// The positions as a mask.
fn at(positions: &[u8]) -> Mask {
    positions.iter().copied().collect()
}

#[test]
fn every_way_is_named_and_the_broadest_is_the_reason() {
    let policy = yard();
    let decision = Asked::about("desk.edit")
        .by(&["clerk", "hand", "master"])
        .granted("desk.edit")
        .audited()
        .seated(7, "warden")
        .seated(8, "watcher")
        .decide(&policy);
    let role = |name| policy.role_id(name).expect("a role").0;
    let via = Via {
        roles: at(&[role("master"), role("clerk")]),
        grant: true,
        seats: at(&[0, 1]),
        ..Via::default()
    };
    assert_eq!((decision.reason, decision.via), (Reason::Role, via));
}

#[test]
fn a_seat_is_named_by_its_place_among_all_of_the_subjects_seats() {
    let policy = yard();
    let decision = Asked::about("desk.edit")
        .seated_elsewhere(3, "warden")
        .seated(4, "watcher")
        .seated(5, "warden")
        .decide(&policy);
    assert_eq!((decision.reason, decision.via.seats), (Reason::Group, at(&[2])));
}

#[test]
fn assignments_are_named_by_their_place_in_the_chain() {
    let policy = yard();
    let asked = Asked::about("crates.open").by(&["hand"]).on("crate");
    let both = asked.clone().assigned("crate", &[], &[]).assigned("ship", &[], &[]);
    assert_eq!(both.decide(&policy).via.assignments, at(&[0, 1]));
    let sealing = Asked::about("crates.seal").by(&["hand"]).on("crate");
    let ship_alone = sealing.assigned("crate", &[], &[]).assigned("ship", &["mate"], &[]);
    assert_eq!(ship_alone.decide(&policy).via.assignments, at(&[1]), "only the ship's role may seal");
}

#[test]
fn a_role_that_covers_everything_does_not_hide_the_assignment() {
    let policy = yard();
    let decision = Asked::about("ships.view")
        .by(&["hand", "master"])
        .on("ship")
        .assigned("ship", &["mate"], &[])
        .decide(&policy);
    let master = policy.role_id("master").expect("a role").0;
    let via = Via { roles: at(&[master]), assignments: at(&[0]), ..Via::default() };
    assert_eq!((decision.reason, decision.via), (Reason::Role, via));
}

#[test]
fn own_and_assigned_are_both_named() {
    let policy = yard();
    let asked = Asked::about("ships.sink").by(&["clerk"]).audited().on("ship").own();
    let decision = asked.assigned("ship", &["inspector"], &[]).decide(&policy);
    let via = Via { assignments: at(&[0]), own: true, ..Via::default() };
    assert_eq!((decision.reason, decision.via), (Reason::Assignment, via));
}

#[test]
fn seats_beyond_the_sixty_fourth_count_though_they_are_not_named() {
    let policy = yard();
    for seats in [63, 64, 65, 200] {
        let idle = (0..seats).fold(Asked::about("desk.edit"), |asked, group| asked.seated(group, "watcher"));
        assert_eq!(
            idle.clone().decide(&policy).reason,
            Reason::NotGranted,
            "{seats} seats, none of which counts"
        );
        let decision = idle.seated(seats, "warden").decide(&policy);
        assert_eq!(decision.reason, Reason::Group, "seat {seats} alone counts");
        assert_eq!(decision.via.seats, at(&[63]), "{seats}");
    }
}

#[test]
fn a_group_is_found_among_many_that_contain_the_account() {
    let policy = yard();
    let many = (0..300).fold(Asked::about("desk.edit"), |asked, group| asked.seated(group * 2, "watcher"));
    assert_eq!(many.clone().seated_elsewhere(301, "warden").decide(&policy).reason, Reason::NotGranted);
    assert_eq!(many.seated(301, "warden").decide(&policy).reason, Reason::Group);
}

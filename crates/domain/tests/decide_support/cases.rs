//! Questions that between them reach every reason of a decision.

use mandate_domain::account::AccountState;
use mandate_domain::decide::Reason;
use mandate_domain::membership::MemberState;

use crate::decide_support::Asked;

/// What is asked, in words, the question, and the reason of its answer.
pub(crate) fn cases() -> Vec<(&'static str, Asked, Reason)> {
    let hand = |permission| Asked::about(permission).by(&["hand"]);
    [held_account_wide(), held_on_resources(), standing()]
        .into_iter()
        .flatten()
        .chain([
            ("no such permission", hand("desk.fly"), Reason::UnknownPermission),
            ("a permission of another module's action", hand("ships.stamp"), Reason::UnknownPermission),
            ("no such type", hand("ships.view").on("submarine"), Reason::UnknownResourceType),
            ("not about resources at all", hand("desk.view").on("ship"), Reason::PermissionNotOnResource),
            ("about another type", hand("ships.view").on("crate"), Reason::PermissionNotOnResource),
            ("never registered", hand("ships.view").on("ship").unregistered(), Reason::UnknownResource),
            (
                "never registered, for who may on all",
                Asked::about("ships.view").by(&["master"]).on("ship").unregistered(),
                Reason::UnknownResource,
            ),
        ])
        .collect()
}

fn held_account_wide() -> Vec<(&'static str, Asked, Reason)> {
    let hand = |permission| Asked::about(permission).by(&["hand"]);
    let clerk = || Asked::about("desk.edit").by(&["clerk"]);
    let seated = |role| Asked::about("desk.edit").seated(7, role);
    vec![
        ("by a role", hand("desk.view"), Reason::Role),
        ("by one role of two", Asked::about("desk.view").by(&["clerk", "hand"]), Reason::Role),
        ("by no role", hand("desk.edit"), Reason::NotGranted),
        (
            "by a role that is no longer in the policy",
            Asked::about("desk.view").by(&["bosun"]),
            Reason::NotGranted,
        ),
        ("by a role whose requirement is unmet", clerk(), Reason::NotGranted),
        ("by a role whose requirement is met", clerk().audited(), Reason::Role),
        ("by a grant", hand("desk.edit").granted("desk.edit"), Reason::Grant),
        ("by another grant", hand("desk.edit").granted("desk.stamp"), Reason::NotGranted),
        (
            "a grant that is no longer in the policy",
            hand("desk.edit").granted("desk.fly"),
            Reason::NotGranted,
        ),
        ("by a group role", seated("warden"), Reason::Group),
        (
            "a group role that does not hold it",
            Asked::about("desk.burn").seated(7, "warden"),
            Reason::NotGranted,
        ),
        ("a group role that is no longer in the policy", seated("pope"), Reason::NotGranted),
        ("by a group role whose requirement is unmet", seated("watcher"), Reason::NotGranted),
        ("by a group role whose requirement is met", seated("watcher").audited(), Reason::Group),
        (
            "the permission requires more of the account",
            Asked::about("desk.stamp").by(&["master"]),
            Reason::RequirementUnmet,
        ),
        (
            "the account has what the permission requires",
            Asked::about("desk.stamp").by(&["master"]).big(),
            Reason::Role,
        ),
        ("required, but not held either", hand("desk.stamp"), Reason::NotGranted),
        (
            "granted, but not what it requires",
            hand("desk.stamp").granted("desk.stamp"),
            Reason::RequirementUnmet,
        ),
        (
            "through a group, but not what it requires",
            Asked::about("desk.stamp").seated(7, "warden"),
            Reason::RequirementUnmet,
        ),
        ("a restriction leaves it", hand("desk.view").restricted("look_only"), Reason::Role),
        (
            "a restriction takes a role's",
            Asked::about("desk.edit").by(&["master"]).restricted("look_only"),
            Reason::Restricted,
        ),
        (
            "a restriction takes a grant",
            hand("desk.edit").granted("desk.edit").restricted("look_only"),
            Reason::Restricted,
        ),
        (
            "a restriction takes a group's",
            hand("desk.edit").restricted("look_only").seated(7, "warden"),
            Reason::Restricted,
        ),
        ("restricted, but not held either", hand("desk.edit").restricted("look_only"), Reason::NotGranted),
    ]
}

fn held_on_resources() -> Vec<(&'static str, Asked, Reason)> {
    let hand = |permission| Asked::about(permission).by(&["hand"]);
    let master = |permission| Asked::about(permission).by(&["master"]);
    vec![
        ("every ship", master("ships.view").on("ship"), Reason::Role),
        ("ships as such", master("ships.view"), Reason::Role),
        ("an assigned ship", hand("ships.view").on("ship").assigned("ship", &[], &[]), Reason::Assignment),
        ("another ship", hand("ships.view").on("ship"), Reason::NotAssigned),
        ("ships as such, held on assigned ones", hand("ships.view"), Reason::ResourceRequired),
        (
            "in an assigned ship",
            hand("crates.open").on("crate").assigned("ship", &[], &[]),
            Reason::Assignment,
        ),
        ("any buoy has an id", hand("buoys.view").on("buoy").unregistered(), Reason::NotAssigned),
        (
            "an assigned buoy",
            hand("buoys.view").on("buoy").unregistered().assigned("buoy", &[], &[]),
            Reason::Assignment,
        ),
        (
            "assigned without the role's word",
            hand("buoys.ring").on("buoy").assigned("buoy", &[], &[]),
            Reason::NotGranted,
        ),
        (
            "by a role on the ship",
            hand("crates.seal").on("ship").assigned("ship", &["mate"], &[]),
            Reason::Assignment,
        ),
        (
            "by a role on the ship it is in",
            hand("crates.seal").on("crate").assigned("ship", &["mate"], &[]),
            Reason::Assignment,
        ),
        (
            "by a permission with the ship",
            hand("ships.load").on("ship").assigned("ship", &[], &["ships.load"]),
            Reason::Assignment,
        ),
        (
            "the ship came without it",
            hand("ships.load").on("ship").assigned("ship", &["mate"], &[]),
            Reason::NotAssigned,
        ),
        ("held on no ship in particular", hand("ships.load"), Reason::ResourceRequired),
        (
            "a role on the ship, requirement unmet",
            hand("ships.sink").on("ship").assigned("ship", &["inspector"], &[]),
            Reason::NotAssigned,
        ),
        (
            "a role on the ship, requirement met",
            hand("ships.sink").on("ship").assigned("ship", &["inspector"], &[]).audited(),
            Reason::Assignment,
        ),
        (
            "an assignment without a membership",
            Asked::about("ships.view").seated(7, "warden").on("ship").assigned("ship", &["mate"], &[]),
            Reason::NotAssigned,
        ),
        (
            "a restriction takes an assignment's",
            hand("crates.seal").on("ship").assigned("ship", &["mate"], &[]).restricted("look_only"),
            Reason::Restricted,
        ),
        ("one's own ship", hand("ships.paint").on("ship").own(), Reason::Own),
        ("somebody else's ship", hand("ships.paint").on("ship"), Reason::NotOwn),
        ("ships as such, held on one's own", hand("ships.paint"), Reason::ResourceRequired),
        (
            "own by a role whose requirement is unmet",
            Asked::about("ships.sink").by(&["clerk"]).on("ship").own(),
            Reason::NotAssigned,
        ),
        (
            "own by a role whose requirement is met",
            Asked::about("ships.sink").by(&["clerk"]).on("ship").own().audited(),
            Reason::Own,
        ),
        (
            "own without a membership",
            Asked::about("ships.paint").seated(7, "warden").on("ship").own(),
            Reason::NotGranted,
        ),
        (
            "a restriction takes one's own",
            hand("ships.paint").on("ship").own().restricted("look_only"),
            Reason::Restricted,
        ),
    ]
}

fn standing() -> Vec<(&'static str, Asked, Reason)> {
    let master = || Asked::about("desk.view").by(&["master"]);
    vec![
        ("no such account", master().no_account(), Reason::UnknownAccount),
        ("no such account and no such user", master().no_account().no_user(), Reason::UnknownAccount),
        ("a suspended account", master().account_is(AccountState::Suspended), Reason::AccountSuspended),
        ("a deleted account", master().account_is(AccountState::Deleted), Reason::AccountDeleted),
        ("the policy is not loaded", master().no_policy(), Reason::PolicyUnavailable),
        ("a restriction the policy does not know", master().restricted("gagged"), Reason::PolicyUnavailable),
        ("no such user", Asked::about("desk.view").no_user(), Reason::UnknownSubject),
        ("a suspended user", master().user_suspended(), Reason::SubjectSuspended),
        ("a stranger", Asked::about("desk.view"), Reason::NotAMember),
        ("a stranger, of a permission there is not", Asked::about("desk.fly"), Reason::NotAMember),
        (
            "a group without the account",
            Asked::about("desk.edit").seated_elsewhere(7, "warden"),
            Reason::NotAMember,
        ),
        ("a pending membership", master().member_is(MemberState::Pending), Reason::MembershipPending),
        ("a suspended membership", master().member_is(MemberState::Suspended), Reason::MembershipSuspended),
        (
            "pending, but there through a group",
            master().member_is(MemberState::Pending).seated(7, "warden"),
            Reason::Group,
        ),
        (
            "pending: only the group's permissions count",
            Asked::about("desk.burn").by(&["master"]).member_is(MemberState::Pending).seated(7, "warden"),
            Reason::NotGranted,
        ),
        (
            "a suspended membership shuts the way through a group, too",
            master().member_is(MemberState::Suspended).seated(7, "warden"),
            Reason::MembershipSuspended,
        ),
    ]
}

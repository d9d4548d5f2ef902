//! An advertising platform with manager accounts (PE-01 to PE-11).

use mandate_proto::v1::DecisionReason::{Group, NotAMember, NotGranted, Role};
use mandate_proto::v1::ErrorReason::{DelegationDenied, InvalidFields, PermissionMissing, WrongState};

use crate::demo::story::{Act, OPERATOR, Person, Story, by, newcomer};

const NORTH: &str = "North Shop";
const SOUTH: &str = "South Shop";
const EAST: &str = "East Shop";
const A: &str = "manager account A";
const B: &str = "manager account B";

pub(super) const STORY: Story = Story {
    policy: "managed-accounts",
    title: "Accounts and manager accounts of an advertising platform",
    people: &[
        Person { name: "Alina", part: "administrator" },
        Person { name: "Boris", part: "manager" },
        Person { name: "Carla", part: "owner of East Shop" },
        Person { name: "Dario", part: "member of North Shop" },
        Person { name: "Elias", part: "manager of A and B" },
    ],
    lines: &[
        by("Alina", NORTH).first(Act::Create { order: None }),
        by("Alina", SOUTH).first(Act::Create { order: None }),
        by("Carla", EAST).first(Act::Create { order: None }),
        by("Alina", NORTH).first(Act::Add(newcomer("Dario", &["member"]))),
        by("Carla", A).may_not(
            Act::Found { accounts: &[EAST, NORTH] },
            InvalidFields,
            "To create a manager account you must own all its accounts.",
        ),
        by("Alina", A).does(
            Act::Found { accounts: &[NORTH, SOUTH] },
            "The owner of all accounts creates it and becomes its administrator.",
        ),
        by("Alina", B).first(Act::Found { accounts: &[SOUTH] }),
        by("Alina", A).does(
            Act::Seat { to: "Boris", role: "manager" },
            "Managers are simply added by an administrator.",
        ),
        by("Alina", A).first(Act::Seat { to: "Elias", role: "manager" }),
        by("Alina", B).first(Act::Seat { to: "Elias", role: "manager" }),
        by("Alina", NORTH).asks("ownership.transfer", Role, "The administrator stays owner of each account."),
        by("Dario", NORTH).asks("team.view", Role, "\"Team Management\" shows who the owners are."),
        by("Boris", NORTH).asks(
            "campaigns.edit",
            Group,
            "A manager has access to the accounts of the manager account.",
        ),
        by("Boris", SOUTH).asks("goals.edit", Group, "… to each of them."),
        by("Boris", EAST).asks("campaigns.view", NotAMember, "… and to those alone."),
        by("Boris", NORTH).asks("team.add", NotGranted, "Managers cannot add or delete users."),
        by("Boris", NORTH).asks("ownership.group", NotGranted, "Managers cannot add or delete accounts."),
        by("Boris", NORTH).asks("deletion.delete", NotGranted, "… nor do what else is the owners' alone."),
        by("Carla", EAST).asks(
            "ownership.group",
            Role,
            "An owner may put their account into a manager account.",
        ),
        by("Elias", NORTH).asks("campaigns.view", Group, "Elias is in A and B, which share one account."),
        by("Alina", A)
            .does(Act::Unseat { whom: "Elias" }, "Administrators remove users from manager accounts."),
        by("Elias", NORTH).asks(
            "campaigns.view",
            NotAMember,
            "Who is removed from A loses the accounts of A,",
        ),
        by("Elias", SOUTH).asks("campaigns.view", Group, "… except those that B contains as well."),
        by("Boris", NORTH).may_not(
            Act::Add(newcomer("Elias", &["member"])),
            PermissionMissing,
            "Managers who want to add users ask the administrator.",
        ),
        by("Boris", A).may_not(
            Act::Seat { to: "Dario", role: "manager" },
            DelegationDenied,
            "… for the manager account, too.",
        ),
        by("Alina", A).may_not(
            Act::Seat { to: "Carla", role: "administrator" },
            DelegationDenied,
            "No administrator makes a second one: ask the provider,",
        ),
        by(OPERATOR, A).may_not(
            Act::Seat { to: "Carla", role: "administrator" },
            WrongState,
            "… who needs an owner of every account for it.",
        ),
    ],
};

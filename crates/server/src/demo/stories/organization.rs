//! A messaging platform's organization (RE-01 to RE-12).

use mandate_proto::v1::DecisionReason::{
    Assignment, NotAMember, NotAssigned, NotGranted, ResourceRequired, Role,
};
use mandate_proto::v1::ErrorReason::{
    DelegationDenied, InvalidFields, LimitLeast, PermissionMissing, SelfRemoval,
};

use crate::demo::story::{Act, OPERATOR, Person, Story, Thing, by, newcomer};

const ORG: &str = "Chatty Ltd";
const BERLIN: Thing = ("workspace", "berlin");
const VIENNA: Thing = ("workspace", "vienna");
const ELEVEN: &[Thing] = &[
    ("workspace", "w-01"),
    ("workspace", "w-02"),
    ("workspace", "w-03"),
    ("workspace", "w-04"),
    ("workspace", "w-05"),
    ("workspace", "w-06"),
    ("workspace", "w-07"),
    ("workspace", "w-08"),
    ("workspace", "w-09"),
    ("workspace", "w-10"),
    ("workspace", "w-11"),
];

pub(super) const STORY: Story = Story {
    policy: "organization",
    title: "Organization of a messaging platform",
    people: &[
        Person { name: "Amir", part: "admin" },
        Person { name: "Bianca", part: "billing admin" },
        Person { name: "Cem", part: "user admin" },
        Person { name: "Dana", part: "member" },
        Person { name: "Edda", part: "newcomer" },
    ],
    lines: &[
        by("Amir", ORG).first(Act::Create { order: None }),
        by("Amir", ORG).first(Act::Register(BERLIN)),
        by("Amir", ORG).first(Act::Register(VIENNA)),
        by("Amir", ORG).first(Act::Invite(newcomer("Bianca", &["billing_admin"]))),
        by("Amir", ORG).first(Act::Invite(newcomer("Cem", &["user_admin"]))),
        by("Cem", ORG).does(
            Act::Invite(newcomer("Dana", &["member"]).assigned(&[BERLIN])),
            "A user admin adds members and assigns workspaces.",
        ),
        by("Amir", ORG).asks("subscription.cancel", Role, "Admin: cancel the subscription."),
        by("Amir", ORG).asks("organization.delete", Role, "Admin: delete the organization."),
        by("Bianca", ORG).asks("billing.edit_payment", Role, "Billing admin: edit payment details."),
        by("Bianca", ORG).asks("subscription.manage", Role, "Billing admin: manage the subscription."),
        by("Bianca", ORG).asks(
            "subscription.cancel",
            NotGranted,
            "Billing admin: NOT cancel the subscription.",
        ),
        by("Bianca", ORG).asks("users.view", Role, "Billing admins only see users,"),
        by("Bianca", ORG).asks("users.edit", NotGranted, "… and can make no changes."),
        by("Cem", ORG).asks("users.add", Role, "User admin: manage users."),
        by("Cem", ORG).asks_on(
            "workspaces.assign",
            VIENNA,
            Role,
            "User admin: edit the assigned workspaces of all users.",
        ),
        by("Cem", ORG).asks("billing_information.view", Role, "User admin: see the billing information,"),
        by("Cem", ORG).asks("billing.view", NotGranted, "… but no billing settings."),
        by("Cem", ORG).asks("users.edit", NotGranted, "User admins can neither promote nor demote."),
        by("Dana", ORG).asks_on(
            "inbox.reply",
            BERLIN,
            Assignment,
            "A member reaches the assigned workspaces,",
        ),
        by("Dana", ORG).asks_on("inbox.reply", VIENNA, NotAssigned, "… and those alone."),
        by("Dana", ORG).asks("inbox.reply", ResourceRequired, "… never all at once."),
        by("Dana", ORG).asks(
            "general.view",
            NotGranted,
            "A member has no access to the organization settings.",
        ),
        by("Cem", ORG).may_not(
            Act::Invite(newcomer("Edda", &["admin"])),
            DelegationDenied,
            "User admins add users with member access only.",
        ),
        by("Cem", ORG).may_not(
            Act::Roles { of: "Dana", roles: &["user_admin"] },
            PermissionMissing,
            "They can neither promote nor demote members.",
        ),
        by("Cem", ORG).may_not(
            Act::Remove { whom: "Bianca" },
            DelegationDenied,
            "They delete users with member access only.",
        ),
        by("Bianca", ORG).does(
            Act::Find { search: "ANA", finds: &["Dana"] },
            "The search finds a user quickly, by name or address.",
        ),
        by("Bianca", ORG).may_not(
            Act::Invite(newcomer("Edda", &["member"])),
            PermissionMissing,
            "Adding users is for admins and user admins alone.",
        ),
        by("Amir", ORG).may_not(
            Act::Invite(newcomer("Edda", &["member"]).assigned(ELEVEN)),
            InvalidFields,
            "Only 10 workspaces can be assigned at this point.",
        ),
        by("Dana", ORG).may_not(Act::Remove { whom: "Dana" }, SelfRemoval, "Users cannot delete themselves."),
        by(OPERATOR, ORG).may_not(
            Act::Remove { whom: "Amir" },
            LimitLeast,
            "Each organization needs at least one admin.",
        ),
        by("Cem", ORG)
            .does(Act::Remove { whom: "Dana" }, "A user admin deletes a member, who loses all workspaces:"),
        by("Dana", ORG).asks_on("inbox.reply", BERLIN, NotAMember, "… the very next Check is denied."),
    ],
};

//! A cloud host's terminal (IX-01 to IX-14).

use mandate_proto::v1::DecisionReason::{Assignment, Grant, NotAssigned, NotGranted, ResourceRequired, Role};
use mandate_proto::v1::ErrorReason::{
    DelegationDenied, LimitLeast, OperatorOnly, PermissionMissing, RequirementUnmet,
};

use crate::demo::story::{Act, OPERATOR, Person, Setting, Story, Thing, by, newcomer};

const BERGER: &str = "Berger IT";
const CLOUD: Thing = ("cloud", "cloud-1");

pub(super) const STORY: Story = Story {
    policy: "terminal",
    title: "Terminal of a cloud host",
    people: &[
        Person { name: "Olga", part: "terminal owner" },
        Person { name: "Timo", part: "terminal admin" },
        Person { name: "Uwe", part: "terminal user" },
        Person { name: "Vera", part: "terminal user" },
        Person { name: "Wanda", part: "contact, then user" },
        Person { name: "Xenia", part: "newcomer" },
    ],
    lines: &[
        by("Olga", BERGER).first(Act::Create { order: None }),
        by("Olga", BERGER).may_not(
            Act::Add(newcomer("Timo", &["terminal_admin"])),
            RequirementUnmet,
            "Others only on a business account with an organization domain.",
        ),
        by("Olga", BERGER).does(
            Act::Set { attribute: "tier", to: Setting::Text("business") },
            "An account changes from personal to business.",
        ),
        by("Olga", BERGER)
            .first(Act::Set { attribute: "organization_domain", to: Setting::Text("berger-it.example") }),
        by("Olga", BERGER).may_not(
            Act::Set { attribute: "access_control", to: Setting::On },
            OperatorOnly,
            "The access control center is configured by the support,",
        ),
        by(OPERATOR, BERGER)
            .does(Act::Set { attribute: "access_control", to: Setting::On }, "… which does so here."),
        by("Olga", BERGER).first(Act::Add(newcomer("Timo", &["terminal_admin"]))),
        by("Timo", BERGER).does(
            Act::Add(newcomer("Uwe", &["terminal_user"]).with(&[
                "servers.view",
                "servers.manage",
                "invoices.view",
            ])),
            "A user gets a role and individual module permissions.",
        ),
        by("Timo", BERGER).first(Act::Add(newcomer("Vera", &["terminal_user"]))),
        by("Uwe", BERGER).first(Act::Register(CLOUD)),
        by("Uwe", BERGER).does(
            Act::Assign { to: "Vera", thing: CLOUD, roles: &["cloud_member"], permissions: &["clouds.read"] },
            "Clouds are assigned to users.",
        ),
        by("Timo", BERGER).does(Act::Contact { name: "Wanda" }, "A contact is a name and an e-mail address."),
        by("Timo", BERGER).does(
            Act::Activate(newcomer("Wanda", &["terminal_user"]).with(&["orders.view"])),
            "Activating the login makes a user of it, who sets a password for the initial one in the mail.",
        ),
        by("Wanda", BERGER).asks("orders.view", Grant, "From then on the user has what was chosen,"),
        by("Wanda", BERGER).asks("orders.create", NotGranted, "… and nothing else."),
        by("Olga", BERGER).asks("access.activate", Role, "Owners create users,"),
        by("Timo", BERGER).asks("access.activate", Role, "… and so do terminal admins,"),
        by("Uwe", BERGER).asks("access.activate", NotGranted, "… and nobody else."),
        by("Olga", BERGER).asks("account.upgrade", Role, "The owner changes the account type."),
        by("Timo", BERGER).asks("account.upgrade", NotGranted, "Admins are below the owner."),
        by("Timo", BERGER).asks("access.activity", Role, "The user page shows the activity log."),
        by("Uwe", BERGER).asks("servers.manage", Grant, "Module permissions say which functions a user has."),
        by("Uwe", BERGER).asks("invoices.pay", NotGranted, "Give only what the user really needs."),
        by("Vera", BERGER).asks("dashboard.view", Role, "Every user has the start page,"),
        by("Vera", BERGER).asks(
            "servers.view",
            NotGranted,
            "… and nothing that was not given (least privilege).",
        ),
        by("Uwe", BERGER).asks_on(
            "clouds.members",
            CLOUD,
            Assignment,
            "Who creates a cloud is its cloud admin.",
        ),
        by("Vera", BERGER).asks_on(
            "clouds.read",
            CLOUD,
            Assignment,
            "A cloud member does what the assignment says,",
        ),
        by("Vera", BERGER).asks_on("clouds.write", CLOUD, NotAssigned, "… and nothing else in it."),
        by("Vera", BERGER).asks("clouds.read", ResourceRequired, "… and only in that cloud."),
        by("Timo", BERGER).may_not(
            Act::Add(newcomer("Xenia", &["terminal_admin"])),
            DelegationDenied,
            "Terminal admins make terminal users only.",
        ),
        by("Uwe", BERGER).may_not(
            Act::Add(newcomer("Xenia", &["terminal_user"])),
            PermissionMissing,
            "Adding users is for terminal admins and owners.",
        ),
        by("Olga", BERGER).may_not(
            Act::Roles { of: "Timo", roles: &["owner"] },
            DelegationDenied,
            "A further owner is made by the provider alone.",
        ),
        by("Uwe", BERGER).may_not(
            Act::Unassign { from: "Uwe", thing: CLOUD },
            LimitLeast,
            "A cloud has at least one cloud admin.",
        ),
    ],
};

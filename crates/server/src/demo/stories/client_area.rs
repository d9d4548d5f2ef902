//! A web host's client area (GW-01 to GW-09).

use mandate_proto::v1::DecisionReason::{Grant, NotAMember, NotGranted, Role};
use mandate_proto::v1::ErrorReason::{
    DelegationDenied, InvalidFields, LimitLeast, LimitMost, OperatorOnly, PermissionMissing,
};

use crate::demo::story::{Act, OPERATOR, Person, Story, Thing, by, newcomer};

const JOINERY: &str = "Lang Joinery";
const AGENCY: &str = "David Design";
const DOMAIN: Thing = ("domain", "joinery.example");
const SITE: Thing = ("product", "webspace-1");

pub(super) const STORY: Story = Story {
    policy: "client-area",
    title: "Client area of a web host",
    people: &[
        Person { name: "Anna", part: "owner" },
        Person { name: "Bruno", part: "bookkeeping" },
        Person { name: "Clara", part: "IT admin" },
        Person { name: "David", part: "design agency" },
        Person { name: "Emil", part: "outsider" },
        Person { name: "Frida", part: "sub-account" },
    ],
    lines: &[
        by("Anna", JOINERY).does(
            Act::Create { order: Some("order 2024-117") },
            "Ordering creates the account; who ordered owns it.",
        ),
        by("David", AGENCY).does(Act::Create { order: None }, "So does registering ahead of any order."),
        by("Anna", JOINERY).first(Act::Register(DOMAIN)),
        by("Anna", JOINERY).first(Act::Register(SITE)),
        by("Anna", JOINERY).does(
            Act::Add(newcomer("Bruno", &["user"]).with(&[
                "invoices.view",
                "invoices.pay",
                "bookkeeping.view",
            ])),
            "The owner adds users and gives each the access they need.",
        ),
        by("Anna", JOINERY).first(Act::Add(newcomer("Clara", &["user"]).with(&[
            "domains.view",
            "domains.manage",
            "tickets.view",
            "tickets.write",
        ]))),
        by("Anna", JOINERY)
            .first(Act::Add(newcomer("David", &["user"]).with(&["products.view", "products.manage"]))),
        by("Anna", JOINERY).asks(
            "users.edit",
            Role,
            "The owner administers the account and every permission in it.",
        ),
        by("Anna", JOINERY).asks("contacts.create", Role, "The owner can invite users and create contacts."),
        by("Bruno", JOINERY).asks("invoices.view", Grant, "Bookkeeping gets direct access to the invoices."),
        by("Bruno", JOINERY).asks_on(
            "domains.manage",
            DOMAIN,
            NotGranted,
            "Users hold the permissions given to them, no more.",
        ),
        by("Bruno", JOINERY).asks(
            "users.add",
            NotGranted,
            "Permissions always come directly from the owner.",
        ),
        by("Clara", JOINERY).asks_on(
            "domains.manage",
            DOMAIN,
            Grant,
            "Third parties such as IT admins act for the owner.",
        ),
        by("Clara", JOINERY).asks("invoices.view", NotGranted, "They do so in the segment opened to them."),
        by("David", JOINERY).asks_on("products.manage", SITE, Grant, "So do design agencies."),
        by("David", JOINERY).asks(
            "contacts.create",
            NotGranted,
            "In a customer's account an agency is a user.",
        ),
        by("David", AGENCY).asks("contacts.create", Role, "An agency creates contacts in its own account."),
        by("David", AGENCY).asks(
            "domains.order",
            Role,
            "It orders domains for customers through its own account.",
        ),
        by("Anna", AGENCY).asks(
            "products.view",
            NotAMember,
            "The accounts are not connected with each other.",
        ),
        by("Emil", JOINERY).asks(
            "invoices.view",
            NotAMember,
            "Only the owner and authorized users have access.",
        ),
        by("David", JOINERY).may_not(
            Act::Add(newcomer("Emil", &["user"])),
            PermissionMissing,
            "Users are added by the owner.",
        ),
        by("Anna", JOINERY).may_not(
            Act::Add(newcomer("Emil", &["owner"])),
            DelegationDenied,
            "Each account has one single owner.",
        ),
        by(OPERATOR, JOINERY).may_not(
            Act::Add(newcomer("Emil", &["owner"])),
            LimitMost,
            "… whoever tries: the second owner is refused.",
        ),
        by("Anna", JOINERY).may_not(
            Act::Remove { whom: "Anna" },
            LimitLeast,
            "… and never without an owner.",
        ),
        by("Anna", JOINERY).may_not(
            Act::Grants { of: "Bruno", grants: &["invoices.view", "users.add"] },
            InvalidFields,
            "Nobody but the owner ever manages users.",
        ),
        by(OPERATOR, JOINERY).does(
            Act::Import(newcomer("Frida", &[]).with(&["tickets", "invoices.view"])),
            "Former sub-accounts are users automatically.",
        ),
        by("Frida", JOINERY).asks("tickets.write", Grant, "… with the modules that were theirs."),
        by("Anna", JOINERY).may_not(
            Act::Import(newcomer("Emil", &[]).with(&["tickets"])),
            OperatorOnly,
            "… which was the provider's doing, not the owner's.",
        ),
        by("Anna", JOINERY).does(
            Act::Grants { of: "Bruno", grants: &["invoices.view"] },
            "The owner changes and withdraws permissions at any time.",
        ),
        by("Bruno", JOINERY).asks("invoices.pay", NotGranted, "… and what was withdrawn is gone at once."),
    ],
};

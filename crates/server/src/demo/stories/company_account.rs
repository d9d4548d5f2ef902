//! A shipping platform's company account (SH-01 to SH-07).

use mandate_proto::v1::DecisionReason::{Assignment, NotAssigned, NotGranted, ResourceRequired, Role};
use mandate_proto::v1::ErrorReason::{InvalidFields, LimitLeast, LimitMost, PermissionMissing};

use crate::demo::story::{Act, Person, Story, Thing, by, newcomer};

const FREIGHT: &str = "Hansen Freight";
const SHIPMENT: Thing = ("shipment", "S-1001");
const OTHER: Thing = ("shipment", "S-1002");
const TEMPLATE: Thing = ("template", "T-7");

pub(super) const STORY: Story = Story {
    policy: "company-account",
    title: "Company account of a shipping platform",
    people: &[
        Person { name: "Ada", part: "admin, billing contact" },
        Person { name: "Ben", part: "manager" },
        Person { name: "Cleo", part: "member" },
        Person { name: "Dirk", part: "member, billing contact" },
        Person { name: "Elif", part: "newcomer" },
    ],
    lines: &[
        by("Ada", FREIGHT).does(
            Act::Create { order: None },
            "The smallest account: one user, who is admin and billing contact.",
        ),
        by("Ada", FREIGHT).first(Act::Add(newcomer("Ben", &["manager"]))),
        by("Ada", FREIGHT).first(Act::Add(newcomer("Cleo", &["member"]))),
        by("Ada", FREIGHT)
            .does(Act::Add(newcomer("Dirk", &["member", "billing_contact"])), "All roles can be combined."),
        by("Ben", FREIGHT).does(
            Act::Assign { to: "Cleo", thing: SHIPMENT, roles: &[], permissions: &[] },
            "A manager adds further members to a shipment.",
        ),
        by("Ben", FREIGHT).first(Act::Assign { to: "Cleo", thing: TEMPLATE, roles: &[], permissions: &[] }),
        by("Ada", FREIGHT).asks("users.add", Role, "Admins add, edit and delete users."),
        by("Ada", FREIGHT).asks_on(
            "shipments.manage",
            OTHER,
            Role,
            "Admins have full access to the whole platform.",
        ),
        by("Ben", FREIGHT).asks_on(
            "shipments.manage",
            OTHER,
            Role,
            "Managers see, book and manage all shipments.",
        ),
        by("Ben", FREIGHT).asks("templates.edit", Role, "Managers can edit booking templates."),
        by("Ben", FREIGHT).asks("users.add", NotGranted, "Managers cannot add, edit or delete users."),
        by("Ben", FREIGHT).asks("company.view", Role, "Managers open the company account tab."),
        by("Cleo", FREIGHT).asks_on(
            "shipments.view",
            SHIPMENT,
            Assignment,
            "Members see the shipments assigned to them,",
        ),
        by("Cleo", FREIGHT).asks_on("shipments.view", OTHER, NotAssigned, "… and no others."),
        by("Cleo", FREIGHT).asks(
            "shipments.view",
            ResourceRequired,
            "By default only admins and managers see all.",
        ),
        by("Cleo", FREIGHT).asks_on(
            "templates.view",
            TEMPLATE,
            Assignment,
            "Members see booking templates assigned to them,",
        ),
        by("Cleo", FREIGHT).asks_on("templates.edit", TEMPLATE, NotGranted, "… but only see them."),
        by("Cleo", FREIGHT).asks(
            "documents.view",
            NotGranted,
            "Members have no access to the company account tab.",
        ),
        by("Dirk", FREIGHT).asks("company.view", NotGranted, "A billing contact gets mail, no access."),
        by("Ben", FREIGHT).may_not(
            Act::Add(newcomer("Elif", &["member"])),
            PermissionMissing,
            "… and are refused when they try.",
        ),
        by("Ada", FREIGHT).may_not(
            Act::Add(newcomer("Elif", &["billing_contact"])),
            InvalidFields,
            "Billing contact is a mark that goes with another role.",
        ),
        by("Ada", FREIGHT).does(
            Act::Roles { of: "Ben", roles: &["manager", "billing_contact"] },
            "At most 3 billing contacts: Ben is the third,",
        ),
        by("Ada", FREIGHT).may_not(
            Act::Roles { of: "Cleo", roles: &["member", "billing_contact"] },
            LimitMost,
            "… and the fourth is refused.",
        ),
        by("Ada", FREIGHT).may_not(
            Act::Roles { of: "Ada", roles: &["member", "billing_contact"] },
            LimitLeast,
            "Each company account has at least one admin.",
        ),
    ],
};

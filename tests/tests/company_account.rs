//! SH: the shipping platform's company account, as its article tells it.

use mandate_proto::v1::{AccessLevel, Account, AddMemberRequest, DecisionReason as Reason, User};
use mandate_tests::expect::{assert_invalid, assert_refused, metadata};
use mandate_tests::world::{adding, assignment, names, resource};
use mandate_tests::{Engine, Fixture, World, on_both_engines};
use tonic::Code;

/// A company account with its first user Ada, a manager and a member.
struct Company {
    world: World,
    acme: Account,
    ada: User,
    max: User,
    mia: User,
}

/// "die Kontodetails, Benutzerverwaltung, Dokumente, Zolleinstellungen und Aktivitäts-Feed".
const COMPANY_TAB: [&str; 5] =
    ["company.view", "users.view", "documents.view", "customs.view", "activity.view"];

impl Fixture for Company {
    async fn prepare(engine: Engine) -> Self {
        let world = World::prepare(engine).await;
        let [ada, max, mia] = world.people(["Ada", "Max", "Mia"]).await;
        let acme = world.account("company-account", &ada).await;
        world.by(&ada).add(&acme, &max, &["manager"]).await.expect("a manager");
        world.by(&ada).add(&acme, &mia, &["member"]).await.expect("a member");
        Self { world, acme, ada, max, mia }
    }
}

impl Company {
    async fn assign(&self, by: &User, to: &User, kind: &str, id: &str) {
        let wanted = assignment(&resource(kind, id), &[], &[]);
        self.world.by(by).assign(&self.acme, to, wanted).await.expect("assigned");
    }
}

on_both_engines! {
    /// "Admin - hat vollen Zugriff auf die ganze Plattform."
    async fn sh_01_an_admin_may_everything(company: Company) {
        let Company { world, acme, ada, .. } = &company;
        let access = world.access(ada, acme).await;
        assert!(access.len() >= 7 && access.values().all(|level| *level == AccessLevel::Full), "{access:?}");

        // "Admins können weitere Benutzer hinzufügen, bearbeiten oder löschen."
        let nora = world.person("Nora").await;
        let by = world.by(ada);
        by.add(acme, &nora, &["member"]).await.expect("added");
        assert_eq!(by.set_roles(acme, &nora, &["admin"]).await.expect("edited").roles, ["admin"]);
        world.may(&nora, acme, "users.remove").await.allowed_by(Reason::Role);
        by.remove(acme, &nora).await.expect("removed");
        world.may(&nora, acme, "users.remove").await.denied_for(Reason::NotAMember);
    }

    /// "Standardmäßig muss jedes Firmenkonto mindestens einen Admin haben."
    async fn sh_01_at_least_one_admin_at_every_instant(company: Company) {
        let Company { world, acme, ada, max, .. } = &company;
        world
            .by(ada)
            .set_roles(acme, max, &["manager", "billing_contact"])
            .await
            .expect("a second billing contact");
        for by in [world.by(ada), world.operator()] {
            let demoted = by.set_roles(acme, ada, &["member", "billing_contact"]).await;
            let status = assert_refused(demoted, Code::FailedPrecondition, "LIMIT_LEAST");
            assert_eq!(metadata(&status, "role").as_deref(), Some("admin"));
            assert_refused(by.remove(acme, ada).await, Code::FailedPrecondition, "LIMIT_LEAST");
        }
        let suspended = world.operator().suspend(acme, ada).await;
        assert_refused(suspended, Code::FailedPrecondition, "LIMIT_LEAST");

        world.by(ada).set_roles(acme, max, &["admin", "billing_contact"]).await.expect("a second admin");
        world.by(ada).remove(acme, ada).await.expect("the first one leaves");
        assert_refused(world.by(max).remove(acme, max).await, Code::FailedPrecondition, "LIMIT_LEAST");
    }

    /// "Manager - Sieht alle Sendungen und kann Sendungen buchen und verwalten … auch Buchungsvorlagen bearbeiten."
    async fn sh_02_a_manager_handles_all_shipments(company: Company) {
        let Company { world, acme, max, mia, .. } = &company;
        for permission in ["shipments.view", "shipments.book", "shipments.manage", "shipments.assign"] {
            world.may(max, acme, permission).await.allowed_by(Reason::Role);
            world.may(max, acme, permission).on("shipment", "S-1").await.allowed_by(Reason::Role);
        }
        for permission in ["templates.view", "templates.edit"] {
            world.may(max, acme, permission).on("template", "T-1").await.allowed_by(Reason::Role);
        }
        for permission in COMPANY_TAB {
            world.may(max, acme, permission).await.allowed_by(Reason::Role);
        }
        company.assign(max, mia, "shipment", "S-1").await;
        world.may(mia, acme, "shipments.view").on("shipment", "S-1").await.allowed_by(Reason::Assignment);
        world.by(max).account(acme).await.expect("opens the account details");
        assert_eq!(world.by(max).members(acme, "").await.expect("opens the user management").len(), 3);
    }

    /// "aber keine Benutzer hinzufügen, bearbeiten oder löschen".
    async fn sh_02_a_manager_changes_no_users(company: Company) {
        let Company { world, acme, max, mia, .. } = &company;
        for permission in ["users.add", "users.edit", "users.remove"] {
            world.may(max, acme, permission).await.denied_for(Reason::NotGranted);
        }
        let nora = world.person("Nora").await;
        let by = world.by(max);
        assert_refused(by.add(acme, &nora, &["member"]).await, Code::PermissionDenied, "PERMISSION_MISSING");
        assert_refused(
            by.set_roles(acme, mia, &["manager"]).await,
            Code::PermissionDenied,
            "PERMISSION_MISSING",
        );
        assert_refused(
            by.set_roles(acme, max, &["admin"]).await,
            Code::PermissionDenied,
            "PERMISSION_MISSING",
        );
        assert_refused(by.suspend(acme, mia).await, Code::PermissionDenied, "PERMISSION_MISSING");
        assert_refused(by.remove(acme, mia).await, Code::PermissionDenied, "PERMISSION_MISSING");
        assert_eq!(world.roles(mia, acme).await, ["member"]);
    }

    /// "Mitglied - Kann Sendungen buchen und verwalten, die Ihm von einem Admin oder Manager zugewiesen wurden."
    async fn sh_03_a_member_handles_assigned_shipments(company: Company) {
        let Company { world, acme, ada, max, mia } = &company;
        for permission in ["shipments.view", "shipments.book", "shipments.manage"] {
            world.may(mia, acme, permission).on("shipment", "S-1").await.denied_for(Reason::NotAssigned);
            world.may(mia, acme, permission).await.denied_for(Reason::ResourceRequired);
        }
        company.assign(ada, mia, "shipment", "S-1").await;
        company.assign(max, mia, "shipment", "S-2").await;
        for permission in ["shipments.view", "shipments.book", "shipments.manage"] {
            for id in ["S-1", "S-2"] {
                world.may(mia, acme, permission).on("shipment", id).await.allowed_by(Reason::Assignment);
            }
            world.may(mia, acme, permission).on("shipment", "S-3").await.denied_for(Reason::NotAssigned);
        }
        // Assigned by an admin or manager: not by members.
        world.may(mia, acme, "shipments.assign").on("shipment", "S-1").await.denied_for(Reason::NotGranted);
        let wanted = assignment(&resource("shipment", "S-3"), &[], &[]);
        let assigned = world.by(mia).assign(acme, mia, wanted).await;
        assert_refused(assigned, Code::PermissionDenied, "PERMISSION_MISSING");
    }

    /// "Kann nur die ihnen zugeordneten Buchungsvorlagen einsehen."
    async fn sh_03_a_member_sees_assigned_templates(company: Company) {
        let Company { world, acme, max, mia, .. } = &company;
        company.assign(max, mia, "template", "T-1").await;
        world.may(mia, acme, "templates.view").on("template", "T-1").await.allowed_by(Reason::Assignment);
        world.may(mia, acme, "templates.view").on("template", "T-2").await.denied_for(Reason::NotAssigned);
        for permission in ["templates.edit", "templates.assign"] {
            world.may(mia, acme, permission).on("template", "T-1").await.denied_for(Reason::NotGranted);
        }
        // An assigned shipment of the same id is another thing.
        world.may(mia, acme, "shipments.view").on("shipment", "T-1").await.denied_for(Reason::NotAssigned);
    }

    /// "Hat keinen Zugriff auf die Registerkarte Firmenaccount".
    async fn sh_03_a_member_sees_nothing_of_the_company_tab(company: Company) {
        let Company { world, acme, mia, .. } = &company;
        let access = world.access(mia, acme).await;
        for module in ["company", "users", "documents", "customs", "activity"] {
            assert_eq!(access[module], AccessLevel::None, "{module}");
        }
        for permission in COMPANY_TAB {
            world.may(mia, acme, permission).await.denied_for(Reason::NotGranted);
        }
        assert_refused(world.by(mia).account(acme).await, Code::PermissionDenied, "PERMISSION_MISSING");
        assert_refused(world.by(mia).members(acme, "").await, Code::PermissionDenied, "PERMISSION_MISSING");
    }

    /// "ein zusätzliches Kennzeichen, das mit jeder anderen Rolle kombiniert werden kann".
    async fn sh_04_a_billing_contact_combines_and_grants_nothing(company: Company) {
        let Company { world, acme, ada, max, mia } = &company;
        for (person, role) in [(max, "manager"), (mia, "member")] {
            let before = world.permissions(person, acme).await;
            let after =
                world.by(ada).set_roles(acme, person, &[role, "billing_contact"]).await.expect("combined");
            assert_eq!(after.roles, ["billing_contact", role]);
            assert_eq!(world.permissions(person, acme).await, before, "it grants no permission");
        }
        assert_eq!(world.roles(ada, acme).await, ["admin", "billing_contact"]);

        let nora = world.person("Nora").await;
        let alone = world.by(ada).add(acme, &nora, &["billing_contact"]).await;
        let status = assert_invalid(alone, &["roles"]);
        assert!(
            status.message().contains("admin, manager, member"),
            "says which roles stand alone: {status:?}"
        );
        assert_invalid(world.by(ada).set_roles(acme, mia, &["billing_contact"]).await, &["roles"]);
    }

    /// "auf maximal 3 Rechnungskontakte pro Firmenkonto beschränkt … mindestens einen Rechnungskontakt".
    async fn sh_04_one_to_three_billing_contacts(company: Company) {
        let Company { world, acme, ada, max, mia } = &company;
        let by = world.by(ada);
        let none = by.set_roles(acme, ada, &["admin"]).await;
        let status = assert_refused(none, Code::FailedPrecondition, "LIMIT_LEAST");
        assert_eq!(metadata(&status, "role").as_deref(), Some("billing_contact"));

        by.set_roles(acme, max, &["manager", "billing_contact"]).await.expect("the second");
        by.set_roles(acme, mia, &["member", "billing_contact"]).await.expect("the third");
        let nora = world.person("Nora").await;
        let fourth = by.add(acme, &nora, &["member", "billing_contact"]).await;
        let status = assert_refused(fourth, Code::FailedPrecondition, "LIMIT_MOST");
        assert_eq!(metadata(&status, "most").as_deref(), Some("3"));
        assert_eq!(metadata(&status, "holders").as_deref(), Some("3"));
        // A suspended one goes on counting towards the most.
        by.suspend(acme, mia).await.expect("suspended");
        let fourth = by.add(acme, &nora, &["member", "billing_contact"]).await;
        assert_refused(fourth, Code::FailedPrecondition, "LIMIT_MOST");
        by.remove(acme, mia).await.expect("removed");
        by.add(acme, &nora, &["member", "billing_contact"]).await.expect("now there is room");
    }

    /// "Ja, alle Rollen können kombiniert werden", and there is no limit on users or roles.
    async fn sh_05_preset_roles_combine_without_limit(company: Company) {
        let Company { world, acme, ada, mia, .. } = &company;
        let by = world.by(ada);
        let grants = names(&["users.view"]);
        let nora = world.person("Nora").await;
        let single = by.add_with(AddMemberRequest { grants, ..adding(acme, &nora, &["member"]) }).await;
        assert_invalid(single, &["grants"]);
        assert_invalid(by.set_grants(acme, mia, &["documents.view"]).await, &["grants"]);

        let all = by.add(acme, &nora, &["admin", "manager", "member", "billing_contact"]).await;
        assert_eq!(all.expect("all at once").roles, ["admin", "billing_contact", "manager", "member"]);
        // By union: both the manager's all shipments and the member's assigned ones.
        by.set_roles(acme, mia, &["manager", "member"]).await.expect("both");
        world.may(mia, acme, "shipments.view").on("shipment", "S-9").await.allowed_by(Reason::Role);
        for role in ["admin", "manager", "member"] {
            for number in 0..4 {
                let user = world.person(&format!("{role} {number}")).await;
                by.add(acme, &user, &[role]).await.expect("no limit");
            }
        }
        assert_eq!(by.members(acme, "").await.expect("listed").len(), 16);
    }

    /// "Die Mindestanzahl der Benutzer ist 1, die Mindestanzahl der Benutzerrollen ist jedoch 2".
    async fn sh_06_an_account_is_born_with_one_user_in_two_roles(world: World) {
        let ada = world.person("Ada").await;
        let acme = world.account("company-account", &ada).await;
        let members = world.by(&ada).members(&acme, "").await.expect("listed");
        let roles: Vec<_> = members.iter().map(|member| (&member.user, member.roles.as_slice())).collect();
        assert_eq!(roles, [(&ada.id, names(&["admin", "billing_contact"]).as_slice())]);
    }

    /// "fügen Sie das gewünschte Mitglied hinzu": extra members stand on the shipment, and go from it.
    async fn sh_07_extra_members_are_added_on_the_shipment(company: Company) {
        let Company { world, acme, ada, max, mia } = &company;
        for (person, sees_all) in [(ada, true), (max, true), (mia, false)] {
            let verdict = world.may(person, acme, "shipments.view").on("shipment", "S-1").await;
            assert_eq!(verdict.allowed(), sees_all, "{}", person.display_name);
        }
        company.assign(max, mia, "shipment", "S-1").await;
        let shipment = resource("shipment", "S-1");
        let extra = world.by(ada).assignees(acme, &shipment).await.expect("listed");
        assert_eq!(extra.iter().map(|one| &one.user).collect::<Vec<_>>(), [&mia.id]);

        world.by(max).unassign(acme, mia, &shipment).await.expect("taken away");
        world.may(mia, acme, "shipments.view").on("shipment", "S-1").await.denied_for(Reason::NotAssigned);
        let again = world.by(max).unassign(acme, mia, &shipment).await;
        assert_refused(again, Code::NotFound, "NOT_FOUND");
    }
}

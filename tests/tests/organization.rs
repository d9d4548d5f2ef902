//! RE: the messaging platform's organization, as its article tells it.

use mandate_proto::v1::{AccessLevel, Account, AddMemberRequest, DecisionReason as Reason, DeleteAccountRequest, User};
use mandate_tests::expect::{assert_invalid, assert_refused, metadata};
use mandate_tests::world::{adding, assignment, resource};
use mandate_tests::{Engine, Fixture, World, on_both_engines};
use tonic::Code;

/// An organization with one person in each role and two workspaces, of which Mia is assigned one.
struct Organization {
    world: World,
    acme: Account,
    ada: User,
    bill: User,
    uma: User,
    mia: User,
}

impl Fixture for Organization {
    async fn prepare(engine: Engine) -> Self {
        let world = World::prepare(engine).await;
        let [ada, bill, uma, mia] = world.people(["Ada", "Bill", "Uma", "Mia"]).await;
        let acme = world.account("organization", &ada).await;
        world.member(&acme, &bill, &["billing_admin"]).await;
        world.member(&acme, &uma, &["user_admin"]).await;
        world.member(&acme, &mia, &["member"]).await;
        for id in ["sales", "support"] {
            world.resource(&acme, "workspace", id).await;
        }
        let sales = assignment(&resource("workspace", "sales"), &[], &[]);
        world.by(&ada).assign(&acme, &mia, sales).await.expect("assigned");
        Self { world, acme, ada, bill, uma, mia }
    }
}

impl Organization {
    /// The people in the order of the article's table: admin, billing admin, user admin, member.
    fn everybody(&self) -> [&User; 4] {
        [&self.ada, &self.bill, &self.uma, &self.mia]
    }

    /// Asserts who holds each permission, in the order of the table.
    async fn assert_table(&self, table: &[(&str, [bool; 4])]) {
        for (permission, expected) in table {
            let mut found = [false; 4];
            for (found, person) in found.iter_mut().zip(self.everybody()) {
                *found = self.world.may(person, &self.acme, permission).await.allowed();
            }
            assert_eq!(found, *expected, "{permission} for admin, billing admin, user admin, member");
        }
    }

    /// A further person with a role, to be changed or removed.
    async fn another(&self, name: &str, role: &str) -> User {
        let user = self.world.person(name).await;
        self.world.member(&self.acme, &user, &[role]).await;
        user
    }

    async fn workspaces(&self, prefix: &str, count: usize) -> Vec<String> {
        let ids: Vec<String> = (0..count).map(|number| format!("{prefix}{number}")).collect();
        for id in &ids {
            self.world.resource(&self.acme, "workspace", id).await;
        }
        ids
    }

    fn adding_with_workspaces(&self, user: &User, ids: &[String]) -> AddMemberRequest {
        let assignments = ids.iter().map(|id| assignment(&resource("workspace", id), &[], &[])).collect();
        AddMemberRequest { assignments, ..adding(&self.acme, user, &["member"]) }
    }
}

on_both_engines! {
    /// "Die unten stehende Tabelle": ✅ is full, ✅* limited, - none.
    async fn re_01_the_access_matrix_is_the_articles(org: Organization) {
        use AccessLevel::{Full, Limited, None};
        let columns = ["general", "users", "workspaces", "billing"];
        let rows = [
            (&org.ada, [Full, Full, Full, Full]),
            (&org.bill, [Limited, Limited, Limited, Full]),
            (&org.uma, [Limited, Limited, Full, None]),
            (&org.mia, [None, None, None, None]),
        ];
        for (person, row) in rows {
            let access = org.world.access(person, &org.acme).await;
            assert_eq!(columns.map(|module| access[module]), row, "{}", person.display_name);
        }
    }

    /// Who creates the organization is admin, and nobody holds two of its roles.
    async fn re_01_one_role_each_and_the_creator_is_admin(org: Organization) {
        assert_eq!(org.world.roles(&org.ada, &org.acme).await, ["admin"]);

        let two = org.world.by(&org.ada).set_roles(&org.acme, &org.mia, &["member", "billing_admin"]).await;
        let status = assert_invalid(two, &["roles"]);
        assert!(status.message().contains("member, billing_admin") || status.message().contains("billing_admin, member"), "{status:?}");
        let three = org.world.person("Tom").await;
        let added = org.world.operator().add(&org.acme, &three, &["admin", "user_admin", "member"]).await;
        assert_invalid(added, &["roles"]);
        assert_eq!(org.world.roles(&org.mia, &org.acme).await, ["member"]);
    }

    /// The four lists of what each role can and can't do, line by line.
    async fn re_02_the_abilities_of_each_role(org: Organization) {
        org.assert_table(&[
            // Zugriff auf alle Organisationseinstellungen: a user admin lacks one page, billing.
            ("general.view", [true, true, true, false]),
            ("users.view", [true, true, true, false]),
            ("workspaces.view", [true, true, true, false]),
            ("billing.view", [true, true, false, false]),
            // Verwalte / Anzeigen der Organisation's Informationen.
            ("information.view", [true, true, true, false]),
            ("information.edit", [true, false, false, false]),
            // Verwalte / Siehe die Abrechnungsinformationen.
            ("billing_information.view", [true, true, true, false]),
            ("billing_information.edit", [true, true, false, false]),
            // Alle Benutzer verwalten / anzeigen; a user admin with restrictions (re_07, re_08).
            ("users.add", [true, false, true, false]),
            ("users.edit", [true, false, false, false]),
            ("users.remove", [true, false, true, false]),
            // Alle Arbeitsbereiche verwalten / anzeigen.
            ("workspaces.create", [true, false, true, false]),
            ("workspaces.edit", [true, false, true, false]),
            ("workspaces.assign", [true, false, true, false]),
            ("workspaces.delete", [true, false, true, false]),
            // Abos verwalten, Abonnement kündigen, Organisation löschen.
            ("subscription.manage", [true, true, false, false]),
            ("subscription.cancel", [true, false, false, false]),
            ("organization.delete", [true, false, false, false]),
            // A billing admin opens every page, all but billing only to look.
            ("general.edit", [true, false, false, false]),
        ])
        .await;
    }

    /// The same abilities, exercised: what Check denies is refused, and what it allows is done.
    async fn re_02_the_abilities_hold_in_the_calls(org: Organization) {
        let Organization { world, acme, ada, bill, uma, mia } = &org;
        for (person, sees, manages) in [(ada, true, true), (bill, true, false), (uma, true, false), (mia, false, false)] {
            let by = world.by(person);
            assert_eq!(by.account(acme).await.is_ok(), sees, "{} sees the information", person.display_name);
            assert_eq!(by.members(acme, "").await.is_ok(), sees, "{} sees all users", person.display_name);
            let renamed = by.rename(acme, &format!("Acme of {}", person.display_name)).await;
            assert_eq!(renamed.is_ok(), manages, "{} manages the information", person.display_name);
        }
        for person in [bill, uma, mia] {
            let request = DeleteAccountRequest { account: acme.id.clone() };
            let deleted = world.by(person).accounts().delete_account(request).await;
            let status = assert_refused(deleted, Code::PermissionDenied, "PERMISSION_MISSING");
            assert_eq!(metadata(&status, "permission").as_deref(), Some("organization.delete"));
        }
        let request = DeleteAccountRequest { account: acme.id.clone() };
        world.by(ada).accounts().delete_account(request).await.expect("an admin deletes the organization");
        world.may(ada, acme, "general.view").await.denied_for(Reason::AccountDeleted);
    }

    /// "Verwalten Sie alle Organisationsbenutzer mit den folgenden Einschränkungen": a user admin adds members only.
    async fn re_02_a_user_admin_adds_members_only(org: Organization) {
        let new = org.world.person("Nick").await;
        for role in ["admin", "billing_admin", "user_admin"] {
            let added = org.world.by(&org.uma).add(&org.acme, &new, &[role]).await;
            assert_refused(added, Code::PermissionDenied, "DELEGATION_DENIED");
        }
        assert_eq!(org.world.membership(&new, &org.acme).await, None);
        org.world.by(&org.uma).add(&org.acme, &new, &["member"]).await.expect("a new member");
    }

    /// "Jede Organisation benötigt mindestens einen Organisationsadministrator", by whatever path.
    async fn re_03_at_least_one_admin_at_every_instant(org: Organization) {
        let Organization { world, acme, ada, .. } = &org;
        let operator = world.operator();

        let demoted = operator.set_roles(acme, ada, &["member"]).await;
        let status = assert_refused(demoted, Code::FailedPrecondition, "LIMIT_LEAST");
        assert_eq!(metadata(&status, "role").as_deref(), Some("admin"));
        assert_eq!(metadata(&status, "holders").as_deref(), Some("1"));
        let removed = operator.remove(acme, ada).await;
        assert_refused(removed, Code::FailedPrecondition, "LIMIT_LEAST");
        let suspended = operator.suspend(acme, ada).await;
        assert_refused(suspended, Code::FailedPrecondition, "LIMIT_LEAST");

        // A suspended second admin does not count.
        let second = org.another("Zoe", "admin").await;
        operator.suspend(acme, &second).await.expect("suspended");
        let removed = operator.remove(acme, ada).await;
        assert_refused(removed, Code::FailedPrecondition, "LIMIT_LEAST");

        operator.reinstate(acme, &second).await.expect("reinstated");
        world.by(&second).remove(acme, ada).await.expect("an admin removes another one");
        world.may(ada, acme, "general.view").await.denied_for(Reason::NotAMember);
    }

    /// "Sie können an dieser Stelle nur einem Benutzer 10 Arbeitsbereiche zuweisen."
    async fn re_06_ten_workspaces_at_once_and_more_one_by_one(org: Organization) {
        let Organization { world, acme, uma, .. } = &org;
        let ids = org.workspaces("w", 11).await;
        let [eleven, ten, none] = world.people(["Eleven", "Ten", "None"]).await;

        let refused = world.by(uma).add_with(org.adding_with_workspaces(&eleven, &ids)).await;
        let status = assert_invalid(refused, &["assignments"]);
        assert!(status.message().contains("at most 10 of type workspace"), "{status:?}");
        assert_eq!(world.membership(&eleven, acme).await, None);

        world.by(uma).add_with(org.adding_with_workspaces(&ten, &ids[..10])).await.expect("ten at once");
        world.by(uma).add_with(org.adding_with_workspaces(&none, &[])).await.expect("none at all");
        let eleventh = assignment(&resource("workspace", &ids[10]), &[], &[]);
        world.by(uma).assign(acme, &ten, eleventh).await.expect("more go through the workspace");
        assert_eq!(world.by(uma).assigned_to(acme, &ten).await.expect("listed").len(), 11);
        assert_eq!(world.by(uma).assigned_to(acme, &none).await.expect("listed").len(), 0);
    }

    /// "Benutzer Admins können Mitglieder nicht bewerben oder degradieren"; billing admins "nur sehen".
    async fn re_07_an_admin_alone_changes_roles(org: Organization) {
        let Organization { world, acme, ada, bill, uma, mia } = &org;
        let other = org.another("Una", "user_admin").await;
        for by in [bill, uma, mia] {
            for (whom, role) in [(mia, "user_admin"), (mia, "admin"), (&other, "member"), (ada, "member"), (by, "admin")] {
                let changed = world.by(by).set_roles(acme, whom, &[role]).await;
                let status = assert_refused(changed, Code::PermissionDenied, "PERMISSION_MISSING");
                assert_eq!(metadata(&status, "permission").as_deref(), Some("users.edit"));
            }
        }
        for role in ["billing_admin", "user_admin", "admin", "member"] {
            let changed = world.by(ada).set_roles(acme, mia, &[role]).await;
            assert_eq!(changed.expect("an admin changes roles").roles, [role]);
        }
    }

    /// "Zugewiesene Arbeitsbereiche aller Benutzer bearbeiten"; a billing admin looks on.
    async fn re_07_a_user_admin_edits_the_workspaces_of_all_users(org: Organization) {
        let Organization { world, acme, ada, bill, uma, mia } = &org;
        let support = resource("workspace", "support");
        for whom in org.everybody() {
            for by in [bill, mia] {
                let assigned = world.by(by).assign(acme, whom, assignment(&support, &[], &[])).await;
                let status = assert_refused(assigned, Code::PermissionDenied, "PERMISSION_MISSING");
                assert_eq!(metadata(&status, "permission").as_deref(), Some("workspaces.assign"));
            }
            for by in [uma, ada] {
                world.by(by).assign(acme, whom, assignment(&support, &[], &[])).await.expect("assigned");
                let unassigned = world.by(bill).unassign(acme, whom, &support).await;
                assert_refused(unassigned, Code::PermissionDenied, "PERMISSION_MISSING");
                world.by(by).unassign(acme, whom, &support).await.expect("unassigned");
            }
        }
        assert_eq!(world.by(bill).assignees(acme, &support).await.expect("a billing admin looks"), []);
        assert_eq!(world.by(bill).assigned_to(acme, mia).await.expect("a billing admin looks").len(), 1);
    }

    /// "Benutzer können sich nicht selbst löschen", whatever their role, and not by suspending themselves either.
    async fn re_08_nobody_removes_themself(org: Organization) {
        let second = org.another("Zoe", "admin").await;
        for person in org.everybody().into_iter().chain([&second]) {
            let removed = org.world.by(person).remove(&org.acme, person).await;
            let status = assert_refused(removed, Code::PermissionDenied, "SELF_REMOVAL");
            assert!(status.message().contains("ask another member"), "{status:?}");
            org.world.by(person).suspend(&org.acme, person).await.expect_err("suspended themself");
            assert!(org.world.membership(person, &org.acme).await.is_some());
        }
    }

    /// "Benutzer Admins können nur Benutzer mit Mitgliederzugriff löschen"; an admin anybody; the others nobody.
    async fn re_08_a_user_admin_removes_members_only(org: Organization) {
        let Organization { world, acme, ada, bill, uma, mia } = &org;
        let second = org.another("Una", "user_admin").await;
        for whom in [ada, bill, &second] {
            let removed = world.by(uma).remove(acme, whom).await;
            assert_refused(removed, Code::PermissionDenied, "DELEGATION_DENIED");
            let suspended = world.by(uma).suspend(acme, whom).await;
            assert_refused(suspended, Code::PermissionDenied, "DELEGATION_DENIED");
        }
        for by in [bill, mia] {
            let removed = world.by(by).remove(acme, &second).await;
            assert_refused(removed, Code::PermissionDenied, "PERMISSION_MISSING");
        }
        world.by(uma).remove(acme, mia).await.expect("a user admin removes a member");
        for whom in [&second, bill, uma] {
            world.by(ada).remove(acme, whom).await.expect("an admin removes anybody else");
        }
        assert_eq!(world.by(ada).members(acme, "").await.expect("listed").len(), 1);
    }

    /// "Was nach dem Löschen passiert": no workspaces any more, and customer contacts become unassigned.
    async fn re_09_a_removed_user_leaves_nothing_assigned(org: Organization) {
        let Organization { world, acme, ada, uma, mia, .. } = &org;
        let (sales, contact) = (resource("workspace", "sales"), resource("customer_contact", "c-1"));
        world.operator().register(acme, contact.clone(), Some(sales.clone())).await.expect("registered");
        world.by(ada).assign(acme, mia, assignment(&contact, &[], &[])).await.expect("assigned");
        world.may(mia, acme, "inbox.read").on("workspace", "sales").await.allowed_by(Reason::Assignment);

        let mut unassigned = world.by(uma).remove(acme, mia).await.expect("removed");

        unassigned.sort_by(|a, b| a.r#type.cmp(&b.r#type));
        assert_eq!(unassigned, [contact.clone(), sales.clone()]);
        for freed in [&sales, &contact] {
            assert_eq!(world.by(ada).assignees(acme, freed).await.expect("listed"), []);
            world.may(mia, acme, "inbox.read").on(&freed.r#type, &freed.id).await.denied_for(Reason::NotAMember);
        }
        world.by(uma).add(acme, mia, &["member"]).await.expect("back again");
        world.may(mia, acme, "inbox.read").on("workspace", "sales").await.denied_for(Reason::NotAssigned);
    }

    /// "Zahlungsdetails bearbeiten und Rechnungen anzeigen".
    async fn re_11_admin_and_billing_admin_see_to_payment_and_invoices(org: Organization) {
        org.assert_table(&[
            ("billing.edit_payment", [true, true, false, false]),
            ("billing.view_invoices", [true, true, false, false]),
        ])
        .await;
    }

    /// "Ein Organisationsmitglied hat keinen Zugriff auf die Organisationseinstellungen."
    async fn re_12_a_member_reaches_assigned_workspaces_alone(org: Organization) {
        let Organization { world, acme, ada, mia, .. } = &org;
        assert_eq!(world.permissions(mia, acme).await, [""; 0], "nothing account-wide");
        for permission in world.permissions(ada, acme).await {
            assert!(!world.may(mia, acme, &permission).await.allowed(), "{permission}");
        }
        for permission in ["inbox.open", "inbox.read", "inbox.reply", "customer_contacts.view"] {
            world.may(mia, acme, permission).on("workspace", "sales").await.allowed_by(Reason::Assignment);
            world.may(mia, acme, permission).on("workspace", "support").await.denied_for(Reason::NotAssigned);
            world.may(mia, acme, permission).await.denied_for(Reason::ResourceRequired);
        }
        for permission in ["workspaces.view", "workspaces.edit", "workspaces.delete", "workspaces.assign"] {
            assert!(!world.may(mia, acme, permission).on("workspace", "sales").await.allowed(), "{permission}");
        }
    }

    /// What lies in a workspace comes with it: the assignment of the parent reaches the child.
    async fn re_12_an_assigned_workspace_brings_what_is_in_it(org: Organization) {
        let Organization { world, acme, mia, .. } = &org;
        for (workspace, contact) in [("sales", "c-1"), ("support", "c-2")] {
            let (workspace, contact) = (resource("workspace", workspace), resource("customer_contact", contact));
            world.operator().register(acme, contact, Some(workspace)).await.expect("registered");
        }
        world.may(mia, acme, "inbox.reply").on("customer_contact", "c-1").await.allowed_by(Reason::Assignment);
        world.may(mia, acme, "inbox.reply").on("customer_contact", "c-2").await.denied_for(Reason::NotAssigned);
    }
}

//! RE-01, RE-02, RE-03, RE-11: what each role may do.

use mandate_proto::v1::{AccessLevel, DecisionReason as Reason, DeleteAccountRequest};
use mandate_tests::expect::{assert_invalid, assert_refused, metadata};
use mandate_tests::on_both_engines;
use tonic::Code;

use crate::Organization;

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
        assert!(
            status.message().contains("member, billing_admin")
                || status.message().contains("billing_admin, member"),
            "{status:?}"
        );
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
        for (person, sees, manages) in
            [(ada, true, true), (bill, true, false), (uma, true, false), (mia, false, false)]
        {
            let by = world.by(person);
            assert_eq!(by.account(acme).await.is_ok(), sees, "{} sees the information", person.display_name);
            assert_eq!(by.members(acme, "").await.is_ok(), sees, "{} sees all users", person.display_name);
            let renamed = by.rename(acme, &format!("Acme of {}", person.display_name)).await;
            assert_eq!(renamed.is_ok(), manages, "{} manages the information", person.display_name);
        }
        for person in [bill, uma, mia] {
            let request = DeleteAccountRequest { account: acme.id.clone(), ..Default::default() };
            let deleted = world.by(person).accounts().delete_account(request).await;
            let status = assert_refused(deleted, Code::PermissionDenied, "PERMISSION_MISSING");
            assert_eq!(metadata(&status, "permission").as_deref(), Some("organization.delete"));
        }
        let request = DeleteAccountRequest { account: acme.id.clone(), ..Default::default() };
        world.by(ada).accounts().delete_account(request).await.expect("an admin deletes the organization");
        world.may(ada, acme, "general.view").await.denied_for(Reason::AccountDeleted);
    }

    /// "Verwalten Sie alle Organisationsbenutzer mit den folgenden Einschränkungen": a user admin adds members only.
    async fn re_02_a_user_admin_adds_members_only(org: Organization) {
        let new = org.world.person("Nick").await;
        for role in ["admin", "billing_admin", "user_admin"] {
            let added = org.world.by(&org.uma).invite(&org.acme, &new.email, &[role]).await;
            assert_refused(added, Code::PermissionDenied, "DELEGATION_DENIED");
        }
        assert_eq!(org.world.membership(&new, &org.acme).await, None);
        org.world.by(&org.uma).invite(&org.acme, &new.email, &["member"]).await.expect("invited");
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

    /// "Zahlungsdetails bearbeiten und Rechnungen anzeigen".
    async fn re_11_admin_and_billing_admin_see_to_payment_and_invoices(org: Organization) {
        org.assert_table(&[
            ("billing.edit_payment", [true, true, false, false]),
            ("billing.view_invoices", [true, true, false, false]),
        ])
        .await;
    }
}

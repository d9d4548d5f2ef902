//! RE-04, RE-07 to RE-09, RE-12: users, their roles and their workspaces.

use mandate_proto::v1::{DecisionReason as Reason, ListMembersRequest, Member, MemberState};
use mandate_tests::expect::{assert_invalid, assert_refused, metadata};
use mandate_tests::world::{assignment, resource};
use mandate_tests::{Engine, World, dump, on_both_engines};
use tonic::Code;

use crate::Organization;

/// What the user list shows of everybody: picture, name, role, address, and whether they were there or are awaited.
fn shown(list: &[Member]) -> Vec<(&str, &str, &str, &str, &str)> {
    fn row(one: &Member) -> (&str, &str, &str, &str, &str) {
        let when = match (one.state(), &one.last_active_time) {
            (MemberState::Pending, None) => "Pending",
            (_, None) => "never",
            (_, Some(_)) => "was there",
        };
        (&*one.avatar_url, &*one.display_name, &*one.roles[0], &*one.email, when)
    }
    list.iter().map(row).collect()
}

on_both_engines! {
    /// "Profil-Avatar …, Anzeigename, Organisations-Benutzerrolle und E-Mail-Adresse", "letzte aktive Zeit" or 'Pending';
    /// for admins, billing admins and user admins; "Benutzen Sie die Suchfunktion".
    async fn re_04_the_user_list_shows_who_is_there(engine: Engine) {
        let org = Organization::of(World::that_records_at_once(engine).await).await;
        let Organization { world, acme, ada, bill, uma, mia } = &org;
        let picture = "https://pictures.example.com/mia.png?size=64";
        world.by(mia).set_avatar(mia, picture).await.expect("her own picture");
        for bad in ["http://example.com/a.png", "javascript:alert(1)", "https://user:pw@example.com/a.png"] {
            assert_invalid(world.by(mia).set_avatar(mia, bad).await, &["avatar_url"]);
        }
        world.by(uma).invite(acme, "new@example.com", &["member"]).await.expect("invited");
        let never = org.another("Nils", "member").await;
        for user in [bill, mia] {
            world.may(user, acme, "users.view").await;
        }
        for user in [ada, bill, uma, mia] {
            world.active_since(user, acme).await;
        }
        let everybody = [
            ("", "Ada", "admin", "ada@example.com", "was there"),
            ("", "Bill", "billing_admin", "bill@example.com", "was there"),
            ("", "Uma", "user_admin", "uma@example.com", "was there"),
            (picture, "Mia", "member", "mia@example.com", "was there"),
            ("", "Nils", "member", "nils@example.com", "never"),
            ("", "", "member", "new@example.com", "Pending"),
        ];
        for by in [ada, bill, uma] {
            assert_eq!(shown(&world.by(by).members(acme, "").await.expect("the user list")), everybody);
        }
        let query = |search: &str| ListMembersRequest {
            account: acme.id.clone(),
            search: search.to_owned(),
            ..ListMembersRequest::default()
        };
        for (search, found) in [("ILS", &everybody[4..5]), ("new@", &everybody[5..]), ("uma", &everybody[2..3]), ("zoe", &[])] {
            assert_eq!(shown(&world.by(bill).every_member(query(search)).await.expect("found")), found, "{search}");
        }
        // Whoever is refused was there, too.
        for by in [mia, &never] {
            let refused = world.by(by).members(acme, "").await;
            let status = assert_refused(refused, Code::PermissionDenied, "PERMISSION_MISSING");
            assert_eq!(metadata(&status, "permission").as_deref(), Some("users.view"));
        }
        // A picture goes when its owner takes it away, and with everything else of whoever is erased.
        world.operator().set_avatar(mia, "").await.expect("taken away");
        assert_eq!(world.membership(mia, acme).await.expect("a member").avatar_url, "");
        world.by(uma).set_avatar(uma, picture).await.expect("her own picture");
        world.operator().erase_user(uma).await.expect("erased");
        assert!(!dump::rows(world.server()).contains("pictures.example.com"), "the address of the picture is left");
    }

    /// "Benutzer Admins können Mitglieder nicht bewerben oder degradieren"; billing admins "nur sehen".
    async fn re_07_an_admin_alone_changes_roles(org: Organization) {
        let Organization { world, acme, ada, bill, uma, mia } = &org;
        let other = org.another("Una", "user_admin").await;
        for by in [bill, uma, mia] {
            for (whom, role) in
                [(mia, "user_admin"), (mia, "admin"), (&other, "member"), (ada, "member"), (by, "admin")]
            {
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
            world
                .may(mia, acme, "inbox.read")
                .on(&freed.r#type, &freed.id)
                .await
                .denied_for(Reason::NotAMember);
        }
        world.member(acme, mia, &["member"]).await;
        world.may(mia, acme, "inbox.read").on("workspace", "sales").await.denied_for(Reason::NotAssigned);
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
            assert!(
                !world.may(mia, acme, permission).on("workspace", "sales").await.allowed(),
                "{permission}"
            );
        }
    }

    /// What lies in a workspace comes with it: the assignment of the parent reaches the child.
    async fn re_12_an_assigned_workspace_brings_what_is_in_it(org: Organization) {
        let Organization { world, acme, mia, .. } = &org;
        for (workspace, contact) in [("sales", "c-1"), ("support", "c-2")] {
            let (workspace, contact) =
                (resource("workspace", workspace), resource("customer_contact", contact));
            world.operator().register(acme, contact, Some(workspace)).await.expect("registered");
        }
        world
            .may(mia, acme, "inbox.reply")
            .on("customer_contact", "c-1")
            .await
            .allowed_by(Reason::Assignment);
        world
            .may(mia, acme, "inbox.reply")
            .on("customer_contact", "c-2")
            .await
            .denied_for(Reason::NotAssigned);
    }

    /// "Die Benutzerliste": for admin, billing_admin and user_admin only; who is in it, by what name, in what role.
    async fn re_04_the_user_list_is_for_those_who_administer(org: Organization) {
        let Organization { world, acme, ada, bill, uma, mia } = &org;
        for by in [ada, bill, uma] {
            let mut listed = world.by(by).members(acme, "").await.expect("listed");
            listed.sort_by(|a, b| a.display_name.cmp(&b.display_name));
            let shown: Vec<_> = listed
                .iter()
                .map(|row| (row.display_name.as_str(), row.email.as_str(), row.roles.join(" "), row.state()))
                .collect();
            let expected = [(ada, "admin"), (bill, "billing_admin"), (mia, "member"), (uma, "user_admin")]
                .map(|(user, role)| {
                    (user.display_name.as_str(), user.email.as_str(), role.to_owned(), MemberState::Active)
                });
            assert_eq!(shown, expected, "to {}", by.display_name);
        }
        for refused in [
            world.by(mia).members(acme, "").await.map(|_| ()),
            world.by(mia).member(acme, ada).await.map(|_| ()),
        ] {
            let status = assert_refused(refused, Code::PermissionDenied, "PERMISSION_MISSING");
            assert_eq!(metadata(&status, "permission").as_deref(), Some("users.view"));
        }
        let stranger = world.person("Stranger").await;
        let refused = world.by(&stranger).members(acme, "").await;
        assert_refused(refused, Code::PermissionDenied, "NOT_A_MEMBER");
    }
}

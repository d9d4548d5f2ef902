//! Who activates a login, what comes of it, and what the summary says.

use mandate_proto::v1::{
    AccessLevel, ActivateContactRequest, ContactLogin, DecisionReason as Reason, InvitationState,
    MemberState, ResourcePermissions,
};
use mandate_tests::expect::{assert_invalid, assert_refused};
use mandate_tests::on_both_engines;
use mandate_tests::world::{activating, assignment, flag, names, resource, text};
use tonic::Code;

use crate::Desk;

on_both_engines! {
    /// "Ein Benutzer ist ein Kontakt, für den zusätzlich der Zugang zur Kundenzone aktiviert wurde": with a role and
    /// single permissions, from the first sign-in on.
    async fn ix_02_a_user_is_a_contact_whose_login_was_activated(desk: Desk) {
        let Desk { world, acme, toni, kai, .. } = &desk;
        assert_eq!((kai.login(), kai.user.as_str()), (ContactLogin::None, ""));
        let request = ActivateContactRequest {
            grants: names(&["invoices.view", "servers.manage"]),
            ..activating(acme, kai, &["terminal_user"])
        };
        let answer = world.by(toni).activate_with(request).await.expect("activated");
        let (contact, invitation) = (answer.contact.expect("the contact"), answer.invitation.expect("an invitation"));
        assert_eq!((contact.login(), contact.user.as_str()), (ContactLogin::Pending, ""));
        assert_eq!((invitation.contact.as_str(), invitation.state()), (kai.id.as_str(), InvitationState::Pending));
        assert_eq!(contact.invitation, invitation.id);
        assert_eq!(desk.contact().await, contact);

        // Known by now, and let in nowhere.
        let initial = world.letter(&kai.email, 1).await.password();
        let session = world.sign_in(&kai.email, &initial).await.expect("signed in");
        let party = world.with_tokens(&session);
        let early = party.member(acme, &mandate_proto::v1::User::default()).await;
        assert_refused(early, Code::PermissionDenied, "PASSWORD_CHANGE_REQUIRED");
        let users = world.operator().members(acme, "").await.expect("listed");
        let pending: Vec<_> = users.iter().filter(|user| user.email == kai.email).collect();
        assert_eq!(pending.iter().map(|user| user.state()).collect::<Vec<_>>(), [MemberState::Pending]);

        let (user, set) = world.come_in(&kai.email, &initial).await.expect("the first sign-in");
        assert_eq!(set.account, acme.id);
        let member = world.membership(&user, acme).await.expect("a member");
        assert_eq!((member.state(), member.roles), (MemberState::Active, names(&["terminal_user"])));
        assert_eq!((member.grants, member.display_name), (names(&["invoices.view", "servers.manage"]), "Kai".to_owned()));
        world.may(&user, acme, "dashboard.view").await.allowed_by(Reason::Role);
        world.may(&user, acme, "servers.manage").await.allowed_by(Reason::Grant);
        world.may(&user, acme, "invoices.pay").await.denied_for(Reason::NotGranted);
        // A contact still, and what that holds is its own.
        let contact = desk.contact().await;
        assert_eq!((contact.login(), contact.user.as_str(), contact.invitation.as_str()), (ContactLogin::Active, user.id.as_str(), ""));
        world.may_contact(kai, acme, "support.request").await.allowed_by(Reason::Grant);
        world.may(&user, acme, "support.request").await.denied_for(Reason::NotGranted);

        // The membership ends, the contact stays.
        world.by(toni).remove(acme, &user).await.expect("removed");
        world.may(&user, acme, "dashboard.view").await.denied_for(Reason::NotAMember);
        assert_eq!(desk.contact().await.login(), ContactLogin::None);
    }

    /// Before the first sign-in Check denies the user whatever was offered; who asks, hears so.
    async fn ix_02_nothing_is_allowed_before_the_first_sign_in(desk: Desk) {
        let Desk { world, acme, toni, kai, .. } = &desk;
        world.by(toni).activate(acme, kai, &["terminal_user"]).await.expect("activated");
        let initial = world.letter(&kai.email, 1).await.password();
        let session = world.sign_in(&kai.email, &initial).await.expect("signed in");
        let user = &world.user_of(&kai.email).await.expect("known by now");
        for permission in ["dashboard.view", "clouds.create"] {
            world.may(user, acme, permission).await.denied_for(Reason::NotAMember);
        }
        world.with_tokens(&session).set_password(&initial, "a password of my own").await.expect("set");
        for permission in ["dashboard.view", "clouds.create"] {
            world.may(user, acme, permission).await.allowed_by(Reason::Role);
        }
    }

    /// "ist Terminal-Admins und Terminal-Ownern vorbehalten", and roles are given downwards only.
    async fn ix_05_only_admins_and_owners_activate_logins(desk: Desk) {
        let Desk { world, acme, olga, toni, uwe, kai } = &desk;
        let refused = world.by(uwe).activate(acme, kai, &["terminal_user"]).await;
        assert_refused(refused, Code::PermissionDenied, "PERMISSION_MISSING");
        let stranger = world.person("Sue").await;
        let refused = world.by(&stranger).activate(acme, kai, &["terminal_user"]).await;
        assert_refused(refused, Code::PermissionDenied, "NOT_A_MEMBER");
        for (by, role) in [(toni, "terminal_admin"), (toni, "owner"), (olga, "owner")] {
            let refused = world.by(by).activate(acme, kai, &[role]).await;
            assert_refused(refused, Code::PermissionDenied, "DELEGATION_DENIED");
        }
        let beyond = ActivateContactRequest {
            grants: names(&["access.activate"]),
            ..activating(acme, kai, &["terminal_user"])
        };
        assert_invalid(world.by(toni).activate_with(beyond).await, &["grants"]);
        assert_eq!(desk.contact().await.login(), ContactLogin::None);
        assert_eq!(world.outbox().await, [], "what is refused leaves no mail");

        world.by(olga).activate(acme, kai, &["terminal_admin"]).await.expect("by the owner");
        let lea = world.by(toni).create_contact(acme, "Lea").await.expect("a contact");
        world.by(toni).activate(acme, &lea, &["terminal_user"]).await.expect("by an admin");
        // Who could not have activated it takes nothing back and sends nothing anew.
        let kai = desk.contact().await;
        let pending = world.by(olga).invitations(acme, InvitationState::Pending).await.expect("listed");
        let pending = pending.iter().find(|found| found.id == kai.invitation).expect("the activation");
        for refused in [
            world.by(toni).revoke(pending).await.map(drop),
            world.by(toni).resend(pending).await.map(drop),
            world.by(toni).reset_password_of(acme, &kai).await,
        ] {
            assert_refused(refused, Code::PermissionDenied, "DELEGATION_DENIED");
        }
        for refused in [
            world.by(uwe).revoke(pending).await.map(drop),
            world.by(uwe).resend(pending).await.map(drop),
            world.by(uwe).reset_password_of(acme, &kai).await,
        ] {
            assert_refused(refused, Code::PermissionDenied, "PERMISSION_MISSING");
        }
    }

    /// What an account must meet for further contacts it must meet for users.
    async fn ix_05_activation_waits_for_what_contacts_wait_for(desk: Desk) {
        let Desk { world, acme, toni, kai, .. } = &desk;
        world.operator().set(acme, "access_control", flag(false)).await.expect("taken back");
        for by in [world.by(toni), world.operator()] {
            let refused = by.activate(acme, kai, &["terminal_user"]).await;
            let status = assert_refused(refused, Code::FailedPrecondition, "REQUIREMENT_UNMET");
            assert!(status.message().contains("access_control to be on"), "{status:?}");
        }
        // Where contacts are no users, nobody makes them so.
        let ada = world.person("Ada").await;
        let area = world.account("client-area", &ada).await;
        let holder = world.by(&ada).create_contact(&area, "Holder").await.expect("a contact");
        let refused = world.by(&ada).activate(&area, &holder, &["user"]).await;
        assert_refused(refused, Code::PermissionDenied, "OPERATOR_ONLY");
        let refused = world.operator().activate(&area, &holder, &["user"]).await;
        assert_refused(refused, Code::FailedPrecondition, "WRONG_STATE");
    }

    /// Details, exactly one role, module permissions, summary: all in one call.
    async fn ix_08_the_summary_shows_what_will_be_allowed(desk: Desk) {
        let Desk { world, acme, toni, uwe, kai, .. } = &desk;
        let (mine, theirs) = (resource("cloud", "c-1"), resource("cloud", "c-2"));
        for cloud in [&mine, &theirs] {
            world.by(uwe).register(acme, cloud.clone(), None).await.expect("created");
        }
        let request = ActivateContactRequest {
            grants: names(&["invoices.view", "domains.view", "domains.edit"]),
            assignments: vec![
                assignment(&mine, &["cloud_member"], &["clouds.read"]),
                assignment(&theirs, &["cloud_admin"], &[]),
            ],
            display_name: "Kai Berger".to_owned(),
            details: "+43 1 234 56 78".to_owned(),
            ..activating(acme, kai, &["terminal_user"])
        };
        for roles in [vec![], names(&["terminal_user", "terminal_admin"])] {
            let refused = world.by(toni).activate_with(ActivateContactRequest { roles, ..request.clone() }).await;
            assert_invalid(refused, &["roles"]);
        }
        let misspelt = ActivateContactRequest {
            roles: names(&["terminal_usr"]),
            grants: names(&["invoices.view", "servers.fly"]),
            ..request.clone()
        };
        assert_invalid(world.by(toni).activate_with(misspelt).await, &["roles[0]", "grants[1]"]);
        assert_eq!(desk.contact().await, *kai, "nothing has changed");

        let answer = world.by(toni).activate_with(request).await.expect("activated");
        let summary = answer.permissions.expect("the summary");
        let contact = answer.contact.expect("the contact");
        assert_eq!((contact.display_name.as_str(), contact.details.as_str()), ("Kai Berger", "+43 1 234 56 78"));
        assert_eq!(
            summary.permissions,
            ["dashboard.view", "invoices.view", "domains.view", "domains.edit", "clouds.create"]
        );
        let levels: Vec<_> = summary.modules.iter().map(|row| (row.module.as_str(), row.access())).collect();
        for expected in [
            ("dashboard", AccessLevel::Full),
            ("support", AccessLevel::None),
            ("invoices", AccessLevel::Limited),
            ("domains", AccessLevel::Full),
            ("clouds", AccessLevel::Limited),
            ("access", AccessLevel::None),
        ] {
            assert!(levels.contains(&expected), "{expected:?} in {levels:?}");
        }
        let on = |resource, permissions: &[&str]| ResourcePermissions { resource: Some(resource), permissions: names(permissions) };
        let all = ["clouds.view", "clouds.read", "clouds.write", "clouds.order", "clouds.members", "clouds.delete"];
        let [first, second] = summary.resources.as_slice() else { panic!("{:?}", summary.resources) };
        let clouds = |row: &ResourcePermissions| {
            let held = row.permissions.iter().filter(|name| name.starts_with("clouds.") && *name != "clouds.create");
            ResourcePermissions { permissions: held.cloned().collect(), ..row.clone() }
        };
        assert_eq!(clouds(first), on(mine, &["clouds.view", "clouds.read"]));
        assert_eq!(clouds(second), on(theirs, &all));

        // It comes out exactly so.
        let user = world.comes_in(kai, 1).await;
        assert_eq!(world.permissions(&user, acme).await, summary.permissions);
        assert_eq!(world.access(&user, acme).await, summary.modules.iter().map(|row| (row.module.clone(), row.access())).collect());
        world.may(&user, acme, "clouds.read").on("cloud", "c-1").await.allowed_by(Reason::Assignment);
        world.may(&user, acme, "clouds.write").on("cloud", "c-1").await.denied_for(Reason::NotAssigned);
        world.may(&user, acme, "clouds.delete").on("cloud", "c-2").await.allowed_by(Reason::Assignment);
        assert_eq!(world.by(toni).member(acme, &user).await.expect("seen").display_name, "Kai Berger");
    }

    /// The last page of the wizard: the same call, only asked what it would do; then confirmed, once.
    async fn ix_08_the_wizard_asks_first_and_then_confirms(desk: Desk) {
        let Desk { world, acme, toni, uwe, kai, .. } = &desk;
        let request = ActivateContactRequest {
            grants: names(&["servers.view"]),
            display_name: "Kai Berger".to_owned(),
            ..activating(acme, kai, &["terminal_user"])
        };
        let asked = ActivateContactRequest { validate_only: true, ..request.clone() };
        let preview = world.by(toni).activate_with(asked.clone()).await.expect("the summary");
        assert_eq!(preview.effects, [], "nobody holds anything before they come in");
        let shown = preview.contact.expect("the contact");
        assert_eq!((shown.login(), shown.display_name.as_str()), (ContactLogin::Pending, "Kai Berger"));
        assert_eq!(desk.contact().await, *kai, "nothing has changed");
        assert_eq!(world.outbox().await, []);
        assert_eq!(world.user_of(&kai.email).await, None);
        assert_refused(world.by(uwe).activate_with(asked).await, Code::PermissionDenied, "PERMISSION_MISSING");

        let confirmed = ActivateContactRequest {
            request_id: "confirm".to_owned(),
            etag: kai.etag.clone(),
            ..request.clone()
        };
        let first = world.by(toni).activate_with(confirmed.clone()).await.expect("activated");
        assert_eq!(first.permissions, preview.permissions, "the summary was the truth");
        let again = world.by(toni).activate_with(confirmed).await.expect("answered again");
        assert_eq!(again, first);
        world.comes_in(kai, 1).await;
        assert_eq!(world.outbox().await.len(), 1, "one mail");

        // Whoever confirms what somebody else has changed meanwhile is told so.
        let lea = world.by(toni).create_contact(acme, "Lea").await.expect("a contact");
        world.by(toni).permit_contact(acme, &lea, &[]).await.expect("changed");
        let stale = ActivateContactRequest { etag: lea.etag.clone(), ..activating(acme, &lea, &["terminal_user"]) };
        assert_refused(world.by(toni).activate_with(stale).await, Code::Aborted, "ETAG_MISMATCH");
    }

    /// What a requirement of the account keeps idle is no part of the summary.
    async fn ix_08_the_summary_is_of_the_account_as_it_is(desk: Desk) {
        let Desk { world, acme, olga, kai, .. } = &desk;
        let answer = world.by(olga).activate(acme, kai, &["terminal_admin"]).await.expect("activated");
        let summary = answer.permissions.expect("the summary").permissions;
        assert!(summary.contains(&"access.activate".to_owned()), "{summary:?}");
        assert!(!summary.contains(&"account.upgrade".to_owned()), "{summary:?}");
        let user = world.comes_in(kai, 1).await;
        assert_eq!(world.permissions(&user, acme).await, summary);
    }

    /// The mail is in the language of the account, or the one asked for.
    async fn ix_10_the_mail_is_in_the_language_of_the_account(desk: Desk) {
        let Desk { world, acme, olga, toni, kai, .. } = &desk;
        world.by(olga).set(acme, "language", text("de")).await.expect("set");
        world.by(toni).activate(acme, kai, &["terminal_user"]).await.expect("activated");
        let letter = world.letter(&kai.email, 1).await;
        assert!(letter.text.contains("Toni hat Ihren Login") && letter.text.contains(&kai.email), "{letter:?}");
        let lea = world.by(toni).create_contact(acme, "Lea").await.expect("a contact");
        let english = ActivateContactRequest { language: "en-GB".to_owned(), ..activating(acme, &lea, &["terminal_user"]) };
        world.by(toni).activate_with(english).await.expect("activated");
        let letter = world.letter(&lea.email, 1).await;
        assert!(letter.text.contains("Toni has activated your login"), "{letter:?}");
        assert!(letter.html.contains(&letter.password()), "{letter:?}");
    }
}

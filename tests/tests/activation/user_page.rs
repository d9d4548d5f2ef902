//! A user's page (IX-09): the role, the assigned clouds, and the activity log with the time before the activation.

use mandate_proto::v1::{ActivateContactRequest, ContactLogin, DecisionReason as Reason};
use mandate_tests::expect::{assert_invalid, assert_refused};
use mandate_tests::on_both_engines;
use mandate_tests::world::{activating, assignment, names, resource};
use tonic::Code;

use crate::Desk;

on_both_engines! {
    /// "Dort sehen Sie neben der vergebenen Rolle auch das Aktivitäten Log des Kontaktes und die zugeteilten Clouds."
    async fn ix_09_a_users_page_shows_role_clouds_and_all_activity(desk: Desk) {
        let Desk { world, acme, olga, toni, uwe, kai } = &desk;
        let cloud = resource("cloud", "c-1");
        world.by(uwe).register(acme, cloud.clone(), None).await.expect("created");
        world.by(olga).permit_contact(acme, kai, &[]).await.expect("changed as a contact");
        let request = ActivateContactRequest {
            assignments: vec![assignment(&cloud, &["cloud_member"], &["clouds.read"])],
            ..activating(acme, kai, &["terminal_user"])
        };
        let activation = world.by(toni).activate_with(request).await.expect("activated").invitation.expect("by it");
        world.by(olga).resend(&activation).await.expect("sent anew");
        let user = world.comes_in(kai, 2).await;
        world.by(toni).set_grants(acme, &user, &["invoices.view"]).await.expect("changed as a user");
        // Somebody else's is not theirs.
        world.by(toni).set_grants(acme, uwe, &["orders.view"]).await.expect("another user");

        let expected = [
            "member.update",
            "user.set_password",
            "invitation.resend",
            "contact.activate",
            "contact.update",
            "contact.create",
        ];
        for subject in [&user.id, &kai.id] {
            let log = world.by(toni).activity_of(acme, subject).await.expect("the log");
            let operations: Vec<_> = log.iter().map(|entry| entry.operation.as_str()).collect();
            assert_eq!(operations, expected, "by {subject}");
            let actors: Vec<_> = log.iter().filter_map(|entry| entry.actor.clone()?.actor).collect();
            use mandate_proto::v1::activity_actor::Actor::User;
            let who = [toni, &user, olga, toni, olga, olga].map(|who| User(who.id.clone()));
            assert_eq!(actors, who);
        }
        assert_eq!(world.by(toni).member(acme, &user).await.expect("seen").roles, ["terminal_user"]);
        let clouds = world.by(toni).assigned_to(acme, &user).await.expect("listed");
        let clouds: Vec<_> = clouds.into_iter().map(|one| (one.resource.unwrap(), one.roles)).collect();
        assert_eq!(clouds, [(cloud, names(&["cloud_member"]))]);
        for refused in [
            world.by(uwe).activity_of(acme, &user.id).await.map(drop),
            world.by(uwe).assigned_to(acme, &user).await.map(drop),
        ] {
            assert_refused(refused, Code::PermissionDenied, "PERMISSION_MISSING");
        }
    }

    /// A page of the log leads to the next, whichever subject a line of it has.
    async fn ix_09_the_log_of_a_user_comes_in_pages(desk: Desk) {
        let Desk { world, acme, toni, kai, .. } = &desk;
        world.by(toni).activate(acme, kai, &["terminal_user"]).await.expect("activated");
        let user = world.comes_in(kai, 1).await;
        let (mut seen, mut page_token) = (Vec::new(), String::new());
        for _ in 0..10 {
            let request = mandate_proto::v1::ListActivityRequest {
                account: acme.id.clone(),
                subject: user.id.clone(),
                page_size: 1,
                page_token,
            };
            let page = world.by(toni).accounts().list_activity(request).await.expect("a page").into_inner();
            seen.extend(page.activities.into_iter().map(|entry| entry.operation));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, ["user.set_password", "contact.activate", "contact.create"]);
    }

    /// Whichever way somebody becomes a member: the contact with their address is they, for as long as they are one.
    async fn ix_09_contact_and_user_of_one_address_are_one(desk: Desk) {
        let Desk { world, acme, olga, uwe, .. } = &desk;
        let mut request = mandate_tests::world::contact_named(acme, "Uwe");
        request.email.clone_from(&uwe.email);
        let made = world.by(olga).memberships().create_contact(request).await.expect("a contact of a member");
        let contact = made.into_inner().contact.expect("the contact");
        assert_eq!((contact.login(), contact.user.as_str()), (ContactLogin::Active, uwe.id.as_str()));
        let refused = world.by(olga).activate(acme, &contact, &["terminal_user"]).await;
        assert_refused(refused, Code::AlreadyExists, "ALREADY_EXISTS");
        let refused = world.by(olga).delete_contact(acme, &contact).await;
        assert_refused(refused, Code::FailedPrecondition, "WRONG_STATE");

        let login = async || world.by(olga).contact(acme, &contact).await.expect("the contact").login();
        world.by(olga).remove(acme, uwe).await.expect("removed");
        assert_eq!(login().await, ContactLogin::None);
        world.by(olga).add(acme, uwe, &["terminal_user"]).await.expect("added again");
        assert_eq!(login().await, ContactLogin::Active);
        world.operator().erase_user(uwe).await.expect("erased");
        assert_eq!(login().await, ContactLogin::None);
        world.by(olga).delete_contact(acme, &contact).await.expect("a contact and nothing else");
    }

    /// Somebody who is erased while their login is being activated leaves a contact that can be activated again.
    async fn ix_09_erased_before_the_first_sign_in(desk: Desk) {
        let Desk { world, acme, toni, kai, .. } = &desk;
        world.by(toni).activate(acme, kai, &["terminal_user"]).await.expect("activated");
        let first = world.letter(&kai.email, 1).await.password();
        let before = world.user_of(&kai.email).await.expect("known by now");
        world.operator().erase_user(&before).await.expect("erased");
        assert_eq!(desk.contact().await.login(), ContactLogin::None);
        assert_refused(world.sign_in(&kai.email, &first).await, Code::Unauthenticated, "SIGN_IN_FAILED");
        world.by(toni).activate(acme, kai, &["terminal_user"]).await.expect("again");
        let user = world.comes_in(kai, 2).await;
        world.may(&user, acme, "dashboard.view").await.allowed_by(Reason::Role);
        assert_ne!(user.id, before.id);
    }

    /// The address of a contact never changes, activated or not: a new address is a new contact.
    async fn ix_11_the_address_of_an_activated_contact_does_not_change(desk: Desk) {
        let Desk { world, acme, toni, kai, .. } = &desk;
        world.by(toni).activate(acme, kai, &["terminal_user"]).await.expect("activated");
        world.comes_in(kai, 1).await;
        let request = mandate_proto::v1::UpdateContactRequest {
            account: acme.id.clone(),
            contact: kai.id.clone(),
            update_mask: Some(prost_types::FieldMask { paths: names(&["email"]) }),
            ..Default::default()
        };
        let refused = world.by(toni).memberships().update_contact(request).await;
        assert_invalid(refused, &["update_mask.paths[0]"]);
        assert_eq!(desk.contact().await.email, kai.email);
    }
}

//! Initial passwords: what they open, when they die, and who gets a link instead.

use mandate_proto::v1::{Contact, ContactLogin, DecisionReason as Reason, Invitation, InvitationState, User};
use mandate_tests::expect::assert_refused;
use mandate_tests::world::{OWN, contact_named};
use mandate_tests::{World, dump, on_both_engines};
use prost_types::Timestamp;
use tonic::Code;

use crate::Desk;

/// Lets the time of an invitation, and of the initial password that came with it, be over.
fn expire(world: &World, invitation: &Invitation) {
    let Timestamp { seconds, nanos } = invitation.expire_time.expect("an end");
    let until = seconds * 1_000_000 + i64::from(nanos) / 1_000;
    for table in ["invitations", "credentials"] {
        let over =
            format!(r#"UPDATE {table} SET body = replace(body, '"expires_at":{until}', '"expires_at":1')"#);
        dump::execute(world.server(), &over);
    }
}

/// A contact whose address is a known person's.
async fn contact_of(desk: &Desk, person: &User) -> Contact {
    let mut request = contact_named(&desk.acme, &person.display_name);
    request.email.clone_from(&person.email);
    let answer = desk.world.by(&desk.olga).memberships().create_contact(request).await.expect("a contact");
    answer.into_inner().contact.expect("the contact")
}

on_both_engines! {
    /// "Der Benutzer erhält anschließend eine E-Mail mit einem initialen Passwort", good once, and nowhere but there.
    async fn ix_10_an_initial_password_is_replaced_at_the_first_sign_in(desk: Desk) {
        let Desk { world, acme, toni, kai, .. } = &desk;
        let answer = world.by(toni).activate(acme, kai, &["terminal_user"]).await.expect("activated");
        let invitation = answer.invitation.expect("an invitation");
        let days = (invitation.expire_time.unwrap().seconds - invitation.create_time.unwrap().seconds) / 86_400;
        assert_eq!(days, 7);
        let letter = world.letter(&kai.email, 1).await;
        let initial = letter.password();
        assert!(initial.len() >= 16 && letter.subject.contains(&acme.display_name), "{letter:?}");
        assert!(!dump::rows(world.server()).contains(&initial), "neither a table nor the outbox knows it");
        assert_eq!(world.outbox().await[0].kind, "initial_password");

        let wrong = world.sign_in(&kai.email, "AAAAA-AAAAA-AAAAA-AAAAA").await;
        assert_refused(wrong, Code::Unauthenticated, "SIGN_IN_FAILED");
        let (user, _) = world.come_in(&kai.email, &initial).await.expect("the first sign-in");
        let again = world.sign_in(&kai.email, &initial).await;
        assert_refused(again, Code::Unauthenticated, "SIGN_IN_FAILED");
        // "Alternativ können Sie das Passwort jederzeit selbst … anpassen."
        let tokens = world.sign_in(&kai.email, OWN).await.expect("signed in");
        assert!(!tokens.password_change_required);
        let party = world.with_tokens(&tokens);
        party.set_password(OWN, "another one of mine").await.expect("at any time");
        assert_eq!(party.member(acme, &user).await.expect("in").roles, ["terminal_user"]);
    }

    /// One that has expired opens nothing; another one does, and the account sees the login as pending all along.
    async fn ix_10_an_expired_initial_password_opens_nothing(desk: Desk) {
        let Desk { world, acme, toni, kai, .. } = &desk;
        let answer = world.by(toni).activate(acme, kai, &["terminal_user"]).await.expect("activated");
        let invitation = answer.invitation.expect("an invitation");
        let initial = world.letter(&kai.email, 1).await.password();
        let early = world.sign_in(&kai.email, &initial).await.expect("in time");
        expire(world, &invitation);
        let late = world.sign_in(&kai.email, &initial).await;
        assert_refused(late, Code::Unauthenticated, "SIGN_IN_FAILED");
        let late = world.with_tokens(&early).set_password(&initial, OWN).await;
        assert_refused(late, Code::FailedPrecondition, "WRONG_STATE");
        assert_eq!(desk.contact().await.login(), ContactLogin::Pending);

        // Sent anew, or activated anew: the same person, another password.
        world.by(toni).resend(&invitation).await.expect("sent anew");
        let second = world.letter(&kai.email, 2).await.password();
        expire(world, &world.by(toni).invitations(acme, InvitationState::Pending).await.expect("listed")[0]);
        world.by(toni).activate(acme, kai, &["terminal_user"]).await.expect("an expired one makes room");
        let third = world.letter(&kai.email, 3).await.password();
        for dead in [&initial, &second] {
            assert_refused(world.sign_in(&kai.email, dead).await, Code::Unauthenticated, "SIGN_IN_FAILED");
        }
        let (user, _) = world.come_in(&kai.email, &third).await.expect("the first sign-in");
        world.may(&user, acme, "dashboard.view").await.allowed_by(Reason::Role);
    }

    /// Sent anew, the password before is dead at once, and so is the session that it opened.
    async fn ix_10_sent_anew_the_password_before_is_dead(desk: Desk) {
        let Desk { world, acme, toni, kai, .. } = &desk;
        let answer = world.by(toni).activate(acme, kai, &["terminal_user"]).await.expect("activated");
        let first = world.letter(&kai.email, 1).await.password();
        let session = world.sign_in(&kai.email, &first).await.expect("signed in");
        world.by(toni).resend(&answer.invitation.expect("an invitation")).await.expect("sent anew");
        let second = world.letter(&kai.email, 2).await.password();
        assert_ne!(first, second);
        assert_refused(world.sign_in(&kai.email, &first).await, Code::Unauthenticated, "SIGN_IN_FAILED");
        let late = world.with_tokens(&session).set_password(&first, OWN).await;
        assert_refused(late, Code::Unauthenticated, "SESSION_ENDED");
        world.come_in(&kai.email, &second).await.expect("the first sign-in");
    }

    /// Taken back, it leaves nothing that opens anything; the same contact can be activated again.
    async fn ix_10_a_revoked_activation_leaves_no_usable_password(desk: Desk) {
        let Desk { world, acme, toni, kai, .. } = &desk;
        let answer = world.by(toni).activate(acme, kai, &["terminal_user"]).await.expect("activated");
        let invitation = answer.invitation.expect("an invitation");
        let first = world.letter(&kai.email, 1).await.password();
        let session = world.sign_in(&kai.email, &first).await.expect("signed in");
        world.by(toni).revoke(&invitation).await.expect("revoked");
        assert_eq!(desk.contact().await.login(), ContactLogin::None);
        assert_refused(world.sign_in(&kai.email, &first).await, Code::Unauthenticated, "SIGN_IN_FAILED");
        let late = world.with_tokens(&session).set_password(&first, OWN).await;
        assert_refused(late, Code::Unauthenticated, "SESSION_ENDED");
        assert_refused(world.by(toni).resend(&invitation).await, Code::FailedPrecondition, "WRONG_STATE");

        world.by(toni).activate(acme, kai, &["terminal_user"]).await.expect("again");
        let second = world.letter(&kai.email, 2).await.password();
        assert_refused(world.sign_in(&kai.email, &first).await, Code::Unauthenticated, "SIGN_IN_FAILED");
        world.come_in(&kai.email, &second).await.expect("the first sign-in");
        assert_eq!(desk.contact().await.login(), ContactLogin::Active);
    }

    /// "an address that is already a user's gets a link to accept, and the answer does not tell".
    async fn ix_10_a_known_person_gets_a_link_and_the_answer_does_not_tell(desk: Desk) {
        let Desk { world, acme, toni, kai, .. } = &desk;
        let nina = world.person("Nina").await;
        world.has_password(&nina, "nina's very own").await;
        let known = contact_of(&desk, &nina).await;
        let mut answers = Vec::new();
        for contact in [kai, &known] {
            let mut answer = world.by(toni).activate(acme, contact, &["terminal_user"]).await.expect("activated");
            let same = |text: &str| text.replace(&contact.email, "…").replace(&contact.display_name, "…");
            // Where it stands in the database's history is another place for each.
            assert!(!std::mem::take(&mut answer.consistency_token).is_empty());
            if let Some(contact) = &mut answer.contact {
                (contact.email, contact.display_name) = (same(&contact.email), same(&contact.display_name));
                (contact.id, contact.invitation, contact.etag) = (String::new(), String::new(), String::new());
                (contact.create_time, contact.update_time) = (None, None);
            }
            if let Some(invitation) = &mut answer.invitation {
                invitation.email = same(&invitation.email);
                (invitation.id, invitation.contact) = (String::new(), String::new());
                let lasts = invitation.expire_time.unwrap().seconds - invitation.create_time.unwrap().seconds;
                assert_eq!(lasts, 7 * 86_400);
                (invitation.create_time, invitation.update_time, invitation.expire_time) = (None, None, None);
            }
            answers.push(answer);
        }
        assert_eq!(answers[0], answers[1]);
        // Nor does what the account's people can read afterwards.
        let log = world.by(toni).activity_of(acme, &known.id).await.expect("the log");
        let of_kai = world.by(toni).activity_of(acme, &kai.id).await.expect("the log");
        let kinds = |log: &[mandate_proto::v1::Activity]| -> Vec<Vec<(String, Vec<String>)>> {
            let fields = |fact: &prost_types::Struct| fact.fields.keys().cloned().collect();
            let change = |change: &mandate_proto::v1::ActivityChange| {
                (change.kind.clone(), change.fact.as_ref().map(fields).unwrap_or_default())
            };
            log.iter().map(|entry| entry.changes.iter().map(change).collect()).collect()
        };
        assert_eq!(kinds(&log), kinds(&of_kai));

        let letter = world.letter(&nina.email, 1).await;
        assert!(!letter.text.contains("password"), "{letter:?}");
        world.may(&nina, acme, "dashboard.view").await.denied_for(Reason::NotAMember);
        let member = world.accept(&letter.token(), "").await.expect("accepted");
        assert_eq!((member.user.as_str(), member.roles), (nina.id.as_str(), vec!["terminal_user".to_owned()]));
        world.may(&nina, acme, "dashboard.view").await.allowed_by(Reason::Role);
        let contact = world.by(toni).contact(acme, &known).await.expect("the contact");
        assert_eq!((contact.login(), contact.user.as_str()), (ContactLogin::Active, nina.id.as_str()));
        world.sign_in(&nina.email, "nina's very own").await.expect("her password is hers");
    }

    /// Two accounts, one address: the second activation does not touch what the first one mailed.
    async fn ix_10_an_address_that_another_account_activates_gets_a_link(desk: Desk) {
        let Desk { world, acme, toni, uwe, kai, .. } = &desk;
        let other = world.ready_terminal(uwe).await;
        let there = world.by(uwe).create_contact(&other, "Kai").await.expect("a contact");
        world.by(toni).activate(acme, kai, &["terminal_user"]).await.expect("activated");
        let initial = world.letter(&kai.email, 1).await.password();
        let second = world.by(uwe).activate(&other, &there, &["terminal_user"]).await.expect("activated there");
        let token = world.letter(&kai.email, 2).await.token();
        // Taken back there, the password of here is as good as before; then offered there once more.
        world.by(uwe).revoke(&second.invitation.expect("an invitation")).await.expect("revoked");
        assert_refused(world.accept(&token, "Kai").await, Code::FailedPrecondition, "INVITATION_INVALID");
        world.by(uwe).activate(&other, &there, &["terminal_admin"]).await.expect("activated there");
        let token = world.letter(&kai.email, 3).await.token();
        let (user, set) = world.come_in(&kai.email, &initial).await.expect("the first sign-in");
        assert_eq!(set.account, acme.id);
        world.may(&user, &other, "dashboard.view").await.denied_for(Reason::NotAMember);
        let member = world.accept(&token, "").await.expect("accepted");
        assert_eq!(member.user, user.id);
        assert_eq!((world.roles(&user, acme).await, world.roles(&user, &other).await), (vec!["terminal_user".to_owned()], vec!["terminal_admin".to_owned()]));
    }

    /// Judged again at the first sign-in, by the rights that the activator has then.
    async fn x_04_an_activation_rests_on_the_activators_rights_of_that_moment(desk: Desk) {
        let Desk { world, acme, olga, toni, kai, .. } = &desk;
        world.by(toni).activate(acme, kai, &["terminal_user"]).await.expect("activated");
        let initial = world.letter(&kai.email, 1).await.password();
        world.by(olga).set_roles(acme, toni, &["terminal_user"]).await.expect("demoted");
        let tokens = world.sign_in(&kai.email, &initial).await.expect("signed in");
        let refused = world.with_tokens(&tokens).set_password(&initial, OWN).await;
        assert_refused(refused, Code::FailedPrecondition, "INVITER_NOT_ALLOWED");
        assert_eq!(world.by(olga).members(acme, "terminal_user").await.expect("listed").iter().filter(|m| m.email == kai.email && !m.user.is_empty()).count(), 0);

        // Somebody who may takes it over.
        let kai = desk.contact().await;
        let pending = world.by(olga).invitations(acme, InvitationState::Pending).await.expect("listed");
        assert_eq!(world.by(olga).resend(&pending[0]).await.expect("sent anew").invited_by, olga.id);
        let user = world.comes_in(&kai, 2).await;
        assert_eq!(world.roles(&user, acme).await, ["terminal_user"]);
    }

    /// What one account does must not shut anybody out of another one.
    async fn ix_10_a_lost_activation_shuts_nobody_out_elsewhere(desk: Desk) {
        let Desk { world, acme, toni, uwe, kai, .. } = &desk;
        let other = world.ready_terminal(uwe).await;
        let there = world.by(uwe).create_contact(&other, "Kai").await.expect("a contact");
        world.by(toni).activate(acme, kai, &["terminal_user"]).await.expect("activated");
        let initial = world.letter(&kai.email, 1).await.password();
        world.by(uwe).activate(&other, &there, &["terminal_user"]).await.expect("activated there");
        let token = world.letter(&kai.email, 2).await.token();
        world.accept(&token, "").await.expect("in there by the link");
        world.operator().suspend_account(acme).await.expect("suspended");
        let (user, set) = world.come_in(&kai.email, &initial).await.expect("a password all the same");
        assert_eq!(set.account, "");
        assert_eq!(world.membership(&user, acme).await, None);
        world.may(&user, &other, "dashboard.view").await.allowed_by(Reason::Role);
    }
}

//! Activations beside each other and beside what undoes them, on either engine: whoever is faster, what is left fits
//! together.

use mandate_proto::v1::{Contact, ContactLogin, Invitation, SignInRequest};
use mandate_tests::expect::reason;
use mandate_tests::world::OWN;
use mandate_tests::{World, on_both_engines};
use tonic::Status;

use crate::Desk;

/// How often each race is run.
const ROUNDS: usize = 6;

/// A contact of its own for each round.
async fn contact(desk: &Desk, round: usize) -> Contact {
    desk.world.by(&desk.olga).create_contact(&desk.acme, &format!("C{round}")).await.expect("a contact")
}

async fn login(desk: &Desk, contact: &Contact) -> ContactLogin {
    desk.world.by(&desk.olga).contact(&desk.acme, contact).await.expect("the contact").login()
}

/// Whether anybody with the contact's address is an active member.
async fn is_in(desk: &Desk, contact: &Contact) -> bool {
    let members = desk.world.by(&desk.olga).members(&desk.acme, "").await.expect("listed");
    members.iter().any(|member| member.email == contact.email && !member.user.is_empty())
}

/// Who is signed in with an initial password sets one of their own.
async fn set_password(world: &World, contact: &Contact, initial: &str) -> Result<(), Status> {
    let request = SignInRequest { email: contact.email.clone(), password: initial.to_owned() };
    let tokens = world.anybody().sign_in(request).await?.into_inner().tokens.expect("tokens");
    world.with_tokens(&tokens).set_password(initial, OWN).await.map(drop)
}

async fn activated(desk: &Desk, contact: &Contact) -> Invitation {
    let answer = desk.world.by(&desk.toni).activate(&desk.acme, contact, &["terminal_user"]).await;
    answer.expect("activated").invitation.expect("an invitation")
}

on_both_engines! {
    /// Two admins activate one contact: one activation, one mail.
    async fn ix_02_two_activations_of_one_contact(desk: Desk) {
        let (one, two) = (desk.world.by_another_client(&desk.olga), desk.world.by_another_client(&desk.toni));
        for round in 0..ROUNDS {
            let contact = contact(&desk, round).await;
            let roles = ["terminal_user"];
            let (left, right) = tokio::join!(
                one.activate(&desk.acme, &contact, &roles),
                two.activate(&desk.acme, &contact, &roles),
            );
            let (won, lost) = if left.is_ok() { (left, right) } else { (right, left) };
            let won = won.expect("one of them activates").invitation.expect("an invitation");
            assert_eq!(reason(&lost.expect_err("not twice")), "ALREADY_EXISTS");
            let user = desk.world.comes_in(&contact, 1).await;
            assert_eq!(desk.world.roles(&user, &desk.acme).await, roles);
            assert_eq!(won.email, contact.email);
            assert_eq!(desk.world.letters(&contact.email).len(), 1);
        }
    }

    /// Two accounts activate one unknown address: one initial password, one link, one user.
    async fn ix_10_two_accounts_activate_one_address(desk: Desk) {
        let Desk { world, acme, uwe, .. } = &desk;
        let other = world.ready_terminal(uwe).await;
        let (one, two) = (world.by_another_client(&desk.toni), world.by_another_client(uwe));
        for round in 0..ROUNDS {
            let here = contact(&desk, round).await;
            let there = world.by(uwe).create_contact(&other, &format!("C{round}")).await.expect("a contact");
            let (left, right) = tokio::join!(
                one.activate(acme, &here, &["terminal_user"]),
                two.activate(&other, &there, &["terminal_user"]),
            );
            left.expect("activated here");
            right.expect("activated there");
            world.letter(&here.email, 2).await;
            let letters = world.letters(&here.email);
            let (passwords, links): (Vec<_>, Vec<_>) =
                letters.iter().partition(|letter| letter.subject.contains("initial password"));
            assert_eq!((passwords.len(), links.len()), (1, 1), "{letters:?}");
            let (user, _) = world.come_in(&here.email, &passwords[0].password()).await.expect("came in");
            let member = world.accept(&links[0].token(), "").await.expect("accepted");
            assert_eq!(member.user, user.id);
            for account in [acme, &other] {
                assert_eq!(world.roles(&user, account).await, ["terminal_user"]);
            }
        }
    }

    /// The contact goes, or its login is activated: never a login of nobody.
    async fn ix_02_activation_beside_the_removal_of_the_contact(desk: Desk) {
        let Desk { world, acme, .. } = &desk;
        let (one, two) = (world.by_another_client(&desk.olga), world.by_another_client(&desk.toni));
        for round in 0..ROUNDS {
            let contact = contact(&desk, round).await;
            let (removed, activated) = tokio::join!(
                one.delete_contact(acme, &contact),
                two.activate(acme, &contact, &["terminal_user"]),
            );
            match (removed, activated) {
                (Ok(()), Err(status)) => assert_eq!(reason(&status), "NOT_FOUND"),
                (Err(status), Ok(_)) => {
                    assert_eq!(reason(&status), "WRONG_STATE");
                    world.comes_in(&contact, 1).await;
                    assert_eq!(login(&desk, &contact).await, ContactLogin::Active);
                }
                both => panic!("{both:?}"),
            }
        }
    }

    /// They come in, or it is taken back: never both, and never neither.
    async fn ix_10_the_first_sign_in_beside_a_revocation(desk: Desk) {
        let world = &desk.world;
        let by = world.by_another_client(&desk.toni);
        for round in 0..ROUNDS {
            let contact = contact(&desk, round).await;
            let invitation = activated(&desk, &contact).await;
            let initial = world.letter(&contact.email, 1).await.password();
            let (came, revoked) = tokio::join!(set_password(world, &contact, &initial), by.revoke(&invitation));
            match (&came, &revoked) {
                (Ok(()), Err(status)) => assert_eq!(reason(status), "WRONG_STATE"),
                (Err(status), Ok(_)) => {
                    let refused = ["SIGN_IN_FAILED", "SESSION_ENDED", "WRONG_STATE"];
                    assert!(refused.contains(&reason(status).as_str()), "{status:?}");
                }
                both => panic!("{both:?}"),
            }
            assert_eq!(is_in(&desk, &contact).await, came.is_ok());
            let expected = if came.is_ok() { ContactLogin::Active } else { ContactLogin::None };
            assert_eq!(login(&desk, &contact).await, expected);
        }
    }

    /// The same of a link that is followed.
    async fn ix_10_an_acceptance_beside_a_revocation(desk: Desk) {
        let world = &desk.world;
        let by = world.by_another_client(&desk.toni);
        for round in 0..ROUNDS {
            let person = world.person(&format!("P{round}")).await;
            let mut request = mandate_tests::world::contact_named(&desk.acme, "Known");
            request.email.clone_from(&person.email);
            let made = world.by(&desk.olga).memberships().create_contact(request).await.expect("a contact");
            let contact = made.into_inner().contact.expect("the contact");
            let invitation = activated(&desk, &contact).await;
            let token = world.letter(&contact.email, 1).await.token();
            let (came, revoked) = tokio::join!(world.accept(&token, ""), by.revoke(&invitation));
            assert_ne!(came.is_ok(), revoked.is_ok(), "{came:?} {revoked:?}");
            assert_eq!(world.membership(&person, &desk.acme).await.is_some(), came.is_ok());
            let expected = if came.is_ok() { ContactLogin::Active } else { ContactLogin::None };
            assert_eq!(login(&desk, &contact).await, expected);
        }
    }

    /// One initial password, presented twice at once: one of them sets a password, and becomes a member once.
    async fn ix_10_an_initial_password_presented_twice_at_once(desk: Desk) {
        let world = &desk.world;
        for round in 0..ROUNDS {
            let contact = contact(&desk, round).await;
            activated(&desk, &contact).await;
            let initial = world.letter(&contact.email, 1).await.password();
            let (left, right) =
                tokio::join!(set_password(world, &contact, &initial), set_password(world, &contact, &initial));
            assert!(left.is_ok() != right.is_ok(), "{left:?} {right:?}");
            assert!(is_in(&desk, &contact).await);
        }
    }

    /// A new password is set off while the one before is used: whoever is later loses, and nobody is locked out.
    async fn ix_10_the_first_sign_in_beside_a_reset(desk: Desk) {
        let Desk { world, acme, .. } = &desk;
        let by = world.by_another_client(&desk.toni);
        for round in 0..ROUNDS {
            let contact = contact(&desk, round).await;
            activated(&desk, &contact).await;
            let initial = world.letter(&contact.email, 1).await.password();
            let (came, reset) =
                tokio::join!(set_password(world, &contact, &initial), by.reset_password_of(acme, &contact));
            match (came, reset) {
                (Ok(()), Err(status)) => assert_eq!(reason(&status), "PASSWORD_NOT_RESETTABLE"),
                (Err(_), Ok(())) => {
                    world.comes_in(&contact, 2).await;
                }
                both => panic!("{both:?}"),
            }
            assert!(is_in(&desk, &contact).await);
        }
    }
}

//! New initial passwords: for whom they are set off, by whom, and for whom never (IX-10, IX-13).

use mandate_proto::v1::{ContactLogin, DecisionReason as Reason};
use mandate_tests::expect::assert_refused;
use mandate_tests::on_both_engines;
use mandate_tests::world::OWN;
use tonic::Code;

use crate::Desk;

on_both_engines! {
    /// A pending login: the old password is dead at once, and the new one lets in.
    async fn ix_10_owner_and_admin_set_off_a_new_initial_password(desk: Desk) {
        let Desk { world, acme, olga, toni, kai, .. } = &desk;
        world.by(toni).activate(acme, kai, &["terminal_user"]).await.expect("activated");
        let first = world.letter(&kai.email, 1).await.password();
        let session = world.sign_in(&kai.email, &first).await.expect("signed in");
        world.by(olga).reset_password_of(acme, kai).await.expect("set off");
        let second = world.letter(&kai.email, 2).await.password();
        assert_refused(world.sign_in(&kai.email, &first).await, Code::Unauthenticated, "SIGN_IN_FAILED");
        let late = world.with_tokens(&session).set_password(&first, OWN).await;
        assert_refused(late, Code::Unauthenticated, "SESSION_ENDED");
        world.by(toni).reset_password_of(acme, kai).await.expect("and again");
        let third = world.letter(&kai.email, 3).await.password();
        assert_refused(world.sign_in(&kai.email, &second).await, Code::Unauthenticated, "SIGN_IN_FAILED");
        let (user, _) = world.come_in(&kai.email, &third).await.expect("the first sign-in");
        world.may(&user, acme, "dashboard.view").await.allowed_by(Reason::Role);

        // From now on the password is theirs, by whichever name they are called.
        for by in [world.by(olga), world.by(toni), world.operator()] {
            for refused in [by.reset_password(acme, &user).await, by.reset_password_of(acme, kai).await] {
                assert_refused(refused, Code::FailedPrecondition, "PASSWORD_NOT_RESETTABLE");
            }
        }
        world.sign_in(&kai.email, OWN).await.expect("as before");
        assert_eq!(world.letters(&kai.email).len(), 3);
    }

    /// A member who has never set a password of their own gets one, and keeps the membership.
    async fn ix_10_a_member_without_a_password_gets_an_initial_one(desk: Desk) {
        let Desk { world, acme, olga, toni, uwe, .. } = &desk;
        world.by(toni).reset_password(acme, uwe).await.expect("set off");
        let first = world.letter(&uwe.email, 1).await;
        assert!(first.text.contains("new initial password"), "{first:?}");
        let session = world.sign_in(&uwe.email, &first.password()).await.expect("signed in");
        world.by(olga).reset_password(acme, uwe).await.expect("and again");
        let second = world.letter(&uwe.email, 2).await.password();
        let late = world.with_tokens(&session).set_password(&first.password(), OWN).await;
        assert_refused(late, Code::Unauthenticated, "SESSION_ENDED");
        let (user, set) = world.come_in(&uwe.email, &second).await.expect("the first sign-in");
        assert_eq!((user.id.as_str(), set.account.as_str()), (uwe.id.as_str(), ""), "a member before and after");
        assert_eq!(world.roles(uwe, acme).await, ["terminal_user"]);
        let refused = world.by(olga).reset_password(acme, uwe).await;
        assert_refused(refused, Code::FailedPrecondition, "PASSWORD_NOT_RESETTABLE");
    }

    /// Downwards only, as roles are given (IX-13).
    async fn ix_10_new_initial_passwords_are_set_off_downwards_only(desk: Desk) {
        let Desk { world, acme, olga, toni, uwe, kai } = &desk;
        let tina = world.person("Tina").await;
        world.by(olga).add(acme, &tina, &["terminal_admin"]).await.expect("another admin");
        for (by, of) in [(toni, olga), (toni, &tina), (toni, toni), (olga, olga)] {
            let refused = world.by(by).reset_password(acme, of).await;
            assert_refused(refused, Code::PermissionDenied, "DELEGATION_DENIED");
        }
        for refused in [world.by(uwe).reset_password(acme, uwe).await, world.by(uwe).reset_password_of(acme, kai).await] {
            assert_refused(refused, Code::PermissionDenied, "PERMISSION_MISSING");
        }
        let stranger = world.person("Sue").await;
        let refused = world.by(&stranger).reset_password(acme, uwe).await;
        assert_refused(refused, Code::PermissionDenied, "NOT_A_MEMBER");
        let refused = world.by(olga).reset_password(acme, &stranger).await;
        assert_refused(refused, Code::NotFound, "NOT_FOUND");
        let refused = world.by(olga).reset_password_of(acme, kai).await;
        assert_refused(refused, Code::FailedPrecondition, "WRONG_STATE");
        assert_eq!(world.outbox().await, []);
        world.by(olga).reset_password(acme, &tina).await.expect("the owner, of an admin");
    }

    /// "never for an identity that … belongs to another account too", invited or grouped there included.
    async fn ix_10_nobody_sets_off_the_password_of_anothers_user(desk: Desk) {
        let Desk { world, acme, olga, uwe, .. } = &desk;
        let [eve, vic, ned, gil] = world.people(["Eve", "Vic", "Ned", "Gil"]).await;
        for user in [&vic, &ned, &gil] {
            world.by(olga).add(acme, user, &["terminal_user"]).await.expect("a user");
        }
        let theirs = world.ready_terminal(&eve).await;
        world.by(&eve).add(&theirs, &vic, &["terminal_user"]).await.expect("a member there, too");
        let organization = world.account("organization", &eve).await;
        world.by(&eve).invite(&organization, &ned.email, &["member"]).await.expect("invited there");
        let brand = world.account("managed-accounts", &eve).await;
        let group = world.by(&eve).found_group("Agency", &[&brand]).await.expect("a group");
        world.by(&eve).add_to_group(&group, &gil, "manager").await.expect("in the group");
        let mut told = Vec::new();
        for user in [&vic, &ned, &gil] {
            let refused = world.by(olga).reset_password(acme, user).await;
            let status = assert_refused(refused, Code::FailedPrecondition, "PASSWORD_NOT_RESETTABLE");
            told.push(status.message().replace(&user.id, "…"));
        }
        assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "which it is, is not told: {told:?}");
        world.by(&eve).remove(&theirs, &vic).await.expect("not there any more");
        world.by(olga).reset_password(acme, &vic).await.expect("this account's alone");
        world.by(olga).reset_password(acme, uwe).await.expect("this account's alone");
    }

    /// Nothing of it where the access control center is not configured, or the policy has no such thing.
    async fn ix_10_a_reset_waits_for_the_access_control_center(desk: Desk) {
        let Desk { world, acme, olga, uwe, kai, .. } = &desk;
        world.operator().set(acme, "access_control", mandate_tests::world::flag(false)).await.expect("taken back");
        let refused = world.by(olga).reset_password(acme, uwe).await;
        assert_refused(refused, Code::FailedPrecondition, "REQUIREMENT_UNMET");
        assert_eq!(kai.login(), ContactLogin::None);
        let organization = world.account("organization", olga).await;
        world.member(&organization, uwe, &["member"]).await;
        let refused = world.by(olga).reset_password(&organization, uwe).await;
        assert_refused(refused, Code::PermissionDenied, "OPERATOR_ONLY");
    }
}

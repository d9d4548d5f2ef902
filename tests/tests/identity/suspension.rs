//! Users who are suspended: denied at once, and never the last one who was left.

use mandate_proto::v1::{DecisionReason as Reason, GetUserRequest, ListAccountsRequest, UserState};
use mandate_tests::expect::{assert_refused, metadata};
use mandate_tests::world::{assignment, resource};
use mandate_tests::{World, on_both_engines};
use tonic::Code;

/// How often a race is run: the loser must lose every time.
const ROUNDS: usize = 8;

on_both_engines! {
    /// The next Check denies, in every account and on every way, and whatever token they hold gets them nowhere.
    async fn x_03_a_suspended_user_is_denied_at_once_whatever_token_they_hold(world: World) {
        let [ada, eve] = world.people(["Ada", "Eve"]).await;
        let acme = world.account("organization", &ada).await;
        let shop = world.account("managed-accounts", &ada).await;
        world.member(&acme, &eve, &["user_admin"]).await;
        let group = world.by(&ada).found_group("Shops", &[&shop]).await.expect("a group");
        world.by(&ada).add_to_group(&group, &eve, "manager").await.expect("a manager");
        world.has_password(&eve, "a password of hers").await;
        let tokens = world.sign_in(&eve.email, "a password of hers").await.expect("signed in");
        world.may(&eve, &acme, "users.view").await.allowed_by(Reason::Role);
        let by_group = world.permissions(&eve, &shop).await;
        world.may(&eve, &shop, &by_group[0]).await.allowed_by(Reason::Group);

        let suspended = world.service(&["users.write"]).suspend_user(&eve).await.expect("suspended");
        assert_eq!(suspended.state(), UserState::Suspended);
        world.may(&eve, &acme, "users.view").await.denied_for(Reason::SubjectSuspended);
        world.may(&eve, &shop, &by_group[0]).await.denied_for(Reason::SubjectSuspended);
        assert_refused(world.by(&eve).members(&acme, "").await, Code::PermissionDenied, "NOT_A_MEMBER");
        let oneself = world.by(&eve).identity().get_user(GetUserRequest::default()).await;
        assert_refused(oneself, Code::PermissionDenied, "CALLER_SUSPENDED");
        let accounts = world.by(&eve).accounts().list_accounts(ListAccountsRequest::default()).await;
        assert_refused(accounts, Code::PermissionDenied, "CALLER_SUSPENDED");
        let of_session = world.with_tokens(&tokens).members(&acme, "").await;
        assert_refused(of_session, Code::Unauthenticated, "SESSION_ENDED");
        assert_refused(world.refresh(&tokens).await, Code::Unauthenticated, "REFRESH_TOKEN_INVALID");
        let again = world.sign_in(&eve.email, "a password of hers").await;
        assert_refused(again, Code::Unauthenticated, "SIGN_IN_FAILED");

        world.operator().reinstate_user(&eve).await.expect("reinstated");
        world.may(&eve, &acme, "users.view").await.allowed_by(Reason::Role);
        world.may(&eve, &shop, &by_group[0]).await.allowed_by(Reason::Group);
        world.sign_in(&eve.email, "a password of hers").await.expect("signed in");
        for by in [world.by(&ada), world.by(&eve), world.service(&["users.read"])] {
            assert_refused(by.suspend_user(&eve).await, Code::PermissionDenied, "SCOPE_MISSING");
            assert_refused(by.reinstate_user(&eve).await, Code::PermissionDenied, "SCOPE_MISSING");
        }
    }

    /// Each of a person's accounts is judged, its resources and groups too.
    async fn x_06_suspending_a_user_leaves_no_account_resource_or_group_without_a_holder(world: World) {
        let [ada, bob, cleo] = world.people(["Ada", "Bob", "Cleo"]).await;
        let acme = world.account("organization", &ada).await;
        let status = assert_refused(world.operator().suspend_user(&ada).await, Code::FailedPrecondition, "LIMIT_LEAST");
        assert_eq!(metadata(&status, "role").as_deref(), Some("admin"));
        assert_eq!(metadata(&status, "account").as_deref(), Some(acme.id.as_str()));
        world.member(&acme, &bob, &["admin"]).await;
        world.operator().suspend_user(&ada).await.expect("Bob is left");
        // A suspended admin is no admin to be left with.
        assert_refused(world.operator().remove(&acme, &bob).await, Code::FailedPrecondition, "LIMIT_LEAST");
        assert_refused(world.operator().suspend_user(&bob).await, Code::FailedPrecondition, "LIMIT_LEAST");
        world.operator().reinstate_user(&ada).await.expect("reinstated");
        world.operator().remove(&acme, &bob).await.expect("Ada is back");

        let terminal = world.ready_terminal(&cleo).await;
        world.operator().add(&terminal, &bob, &["terminal_user"]).await.expect("a user");
        world.by(&bob).register(&terminal, resource("cloud", "c1"), None).await.expect("a cloud");
        let status = assert_refused(world.operator().suspend_user(&bob).await, Code::FailedPrecondition, "LIMIT_LEAST");
        assert_eq!(metadata(&status, "resource").as_deref(), Some("cloud/c1"));
        let admin = assignment(&resource("cloud", "c1"), &["cloud_admin"], &[]);
        world.operator().assign(&terminal, &cleo, admin).await.expect("a second admin");
        world.operator().suspend_user(&bob).await.expect("Cleo is left");
        let taken = world.operator().unassign(&terminal, &cleo, &resource("cloud", "c1")).await;
        assert_refused(taken, Code::FailedPrecondition, "LIMIT_LEAST");

        let dan = world.person("Dan").await;
        let shop = world.account("managed-accounts", &dan).await;
        world.member(&shop, &ada, &["owner"]).await;
        let group = world.by(&dan).found_group("Shops", &[&shop]).await.expect("a group");
        let status = assert_refused(world.operator().suspend_user(&dan).await, Code::FailedPrecondition, "LIMIT_LEAST");
        assert_eq!(metadata(&status, "group"), Some(group.id.clone()));
        world.operator().add_to_group(&group, &ada, "administrator").await.expect("a second administrator");
        world.operator().suspend_user(&dan).await.expect("Ada is left");
    }

    /// Suspending one beside removing, demoting or suspending the other never leaves nobody.
    async fn x_06_two_at_once_never_leave_an_account_without_an_admin(world: World) {
        let [ada, eve] = world.people(["Ada", "Eve"]).await;
        let acme = world.account("organization", &ada).await;
        world.member(&acme, &eve, &["admin"]).await;
        for round in 0..ROUNDS {
            let (suspender, other) = (world.another_operator(), world.another_operator());
            let (suspends, ends) = tokio::join!(suspender.suspend_user(&ada), async {
                match round % 3 {
                    0 => other.remove(&acme, &eve).await.map(|_| ()),
                    1 => other.set_roles(&acme, &eve, &["member"]).await.map(|_| ()),
                    _ => other.suspend_user(&eve).await.map(|_| ()),
                }
            });
            let (won, lost) = if suspends.is_ok() { (suspends.map(|_| ()), ends) } else { (ends, suspends.map(|_| ())) };
            won.expect("one goes through");
            assert_refused(lost, Code::FailedPrecondition, "LIMIT_LEAST");
            for user in [&ada, &eve] {
                world.operator().reinstate_user(user).await.expect("reinstated");
                if world.operator().set_roles(&acme, user, &["admin"]).await.is_err() {
                    world.member(&acme, user, &["admin"]).await;
                }
            }
        }
    }
}

//! Limits hold when two servers race for them.

use mandate_proto::v1::{Account, User};
use mandate_tests::world::Party;
use tonic::{Code, Status};

use crate::Pair;

const ROUNDS: usize = 15;

impl Pair {
    /// An operator on each server, each with a connection of its own.
    fn operators(&self) -> [Party; 2] {
        let token = self.world.server().token("backend", &["platform.operator"]);
        [self.world.another_operator(), self.other.another_party(&token)]
    }

    async fn holders(&self, account: &Account, role: &str) -> usize {
        self.world.operator().members(account, role).await.expect("the holders").len()
    }
}

#[track_caller]
fn assert_one_wins<T: std::fmt::Debug>(outcomes: &[Result<T, Status>], reason: &str) {
    let refused: Vec<&Status> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    let [status] = refused.as_slice() else { panic!("not one of two: {outcomes:?}") };
    assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
    assert_eq!(mandate_tests::expect::reason(status), reason);
}

/// Two admins who are demoted at once, each on another server: one remains.
#[tokio::test]
async fn the_last_admin_stays() {
    let pair = Pair::start(&[]).await;
    let [ada, eve, bill] = pair.world.people(["Ada", "Eve", "Bill"]).await;
    let acme = pair.world.account("company-account", &ada).await;
    pair.world.member(&acme, &bill, &["member", "billing_contact"]).await;
    pair.world.member(&acme, &eve, &["admin"]).await;
    for _ in 0..ROUNDS {
        let [here, there] = pair.operators();
        let demote = |by: Party, user: User| {
            let account = acme.clone();
            async move { by.set_roles(&account, &user, &["member"]).await }
        };
        let (one, two) = tokio::join!(demote(here, ada.clone()), demote(there, eve.clone()));
        assert_one_wins(&[one, two], "LIMIT_LEAST");
        assert_eq!(pair.holders(&acme, "admin").await, 1);
        for user in [&ada, &eve] {
            pair.world.operator().set_roles(&acme, user, &["admin"]).await.expect("an admin again");
        }
    }
}

/// Two who become the third billing contact at once, each on another server: there are three, not four.
#[tokio::test]
async fn no_fourth_billing_contact() {
    let pair = Pair::start(&[]).await;
    let [ada, one, two, three] = pair.world.people(["Ada", "One", "Two", "Three"]).await;
    let acme = pair.world.account("company-account", &ada).await;
    pair.world.member(&acme, &one, &["member", "billing_contact"]).await;
    for user in [&two, &three] {
        pair.world.member(&acme, user, &["member"]).await;
    }
    for _ in 0..ROUNDS {
        let [here, there] = pair.operators();
        let bill = |by: Party, user: User| {
            let account = acme.clone();
            async move { by.set_roles(&account, &user, &["member", "billing_contact"]).await }
        };
        let (first, second) = tokio::join!(bill(here, two.clone()), bill(there, three.clone()));
        assert_one_wins(&[first, second], "LIMIT_MOST");
        assert_eq!(pair.holders(&acme, "billing_contact").await, 3);
        for user in [&two, &three] {
            pair.world.operator().set_roles(&acme, user, &["member"]).await.expect("a member again");
        }
    }
}

/// Two who are made the owner of what has one owner, each on another server: neither is.
#[tokio::test]
async fn no_second_owner() {
    let pair = Pair::start(&[]).await;
    let [olga, bob, eve] = pair.world.people(["Olga", "Bob", "Eve"]).await;
    let shop = pair.world.account("client-area", &olga).await;
    for user in [&bob, &eve] {
        pair.world.member(&shop, user, &["user"]).await;
    }
    for _ in 0..ROUNDS {
        let [here, there] = pair.operators();
        let own = |by: Party, user: User| {
            let account = shop.clone();
            async move { by.set_roles(&account, &user, &["owner"]).await }
        };
        let (one, two) = tokio::join!(own(here, bob.clone()), own(there, eve.clone()));
        for outcome in [one, two] {
            assert_eq!(outcome.expect_err("one owner").code(), Code::FailedPrecondition);
        }
        assert_eq!(pair.holders(&shop, "owner").await, 1);
    }
}

//! limits on holders hold while two clients write at once, on either engine.

use std::pin::Pin;

use mandate_proto::v1::{Account, User};
use mandate_tests::expect::assert_refused;
use mandate_tests::world::{assignment, resource};
use mandate_tests::{World, on_both_engines};
use tokio::task::JoinSet;
use tonic::{Code, Status};

/// How often each race is run: the loser must lose every time.
const ROUNDS: usize = 8;

/// One call of a race.
type Call = Pin<Box<dyn Future<Output = Result<(), Status>> + Send>>;

/// Runs calls at the same time.
async fn race<T: Send + 'static>(
    calls: Vec<impl Future<Output = Result<T, Status>> + Send + 'static>,
) -> Vec<Result<T, Status>> {
    let mut running = JoinSet::new();
    for call in calls {
        running.spawn(call);
    }
    running.join_all().await
}

/// Exactly one of two went through; the other met this limit.
#[track_caller]
fn assert_one_wins(outcomes: Vec<Result<(), Status>>, limit: &str) {
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1, "exactly one goes through; refused: {lost:?}");
    for refused in lost {
        assert_refused(refused, Code::FailedPrecondition, limit);
    }
}

async fn holders(world: &World, account: &Account, role: &str) -> usize {
    world.operator().members(account, role).await.expect("listed").len()
}

on_both_engines! {
    /// Two admins who remove each other at the same instant: one stays.
    async fn x_06_two_admins_cannot_both_go(world: World) {
        for round in 0..ROUNDS {
            let [ada, eve] = world.people([&*format!("Ada {round}"), &*format!("Eve {round}")]).await;
            let acme = world.account("organization", &ada).await;
            world.member(&acme, &eve, &["admin"]).await;
            let removes = |account: Account, by: User, whom: User| {
                let party = world.by_another_client(&by);
                async move { party.remove(&account, &whom).await.map(|_| ()) }
            };
            let outcomes = race(vec![
                removes(acme.clone(), ada.clone(), eve.clone()),
                removes(acme.clone(), eve.clone(), ada.clone()),
            ])
            .await;
            // The loser was removed meanwhile, or met the limit: either way one of them is left.
            assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
            assert_eq!(holders(&world, &acme, "admin").await, 1);
        }
    }

    /// Suspending one admin beside removing the other leaves one active.
    async fn x_06_suspending_beside_removing_leaves_an_admin(world: World) {
        for round in 0..ROUNDS {
            let [ada, eve] = world.people([&*format!("Ada {round}"), &*format!("Eve {round}")]).await;
            let acme = world.account("company-account", &ada).await;
            world.member(&acme, &eve, &["admin", "billing_contact"]).await;
            let (operator, account) = (world.another_operator(), acme.clone());
            let suspend: Call = Box::pin(async move { operator.suspend(&account, &ada).await.map(|_| ()) });
            let (operator, account) = (world.another_operator(), acme.clone());
            let remove: Call = Box::pin(async move { operator.remove(&account, &eve).await.map(|_| ()) });
            assert_one_wins(race(vec![suspend, remove]).await, "LIMIT_LEAST");
        }
    }

    /// Two clients who each add a third billing contact: there are three, not four.
    async fn x_06_a_most_is_not_exceeded_by_two_at_once(world: World) {
        for round in 0..ROUNDS {
            let [ada, one, two, three] = world
                .people([
                    &*format!("Ada {round}"),
                    &*format!("One {round}"),
                    &*format!("Two {round}"),
                    &*format!("Three {round}"),
                ])
                .await;
            let acme = world.account("company-account", &ada).await;
            world.member(&acme, &one, &["member", "billing_contact"]).await;
            let adds = [two, three].map(|user| {
                let (party, account) = (world.by_another_client(&ada), acme.clone());
                async move { party.add(&account, &user, &["member", "billing_contact"]).await.map(|_| ()) }
            });
            assert_one_wins(race(adds.into()).await, "LIMIT_MOST");
            assert_eq!(holders(&world, &acme, "billing_contact").await, 3);
        }
    }

    /// Two cloud admins who step down at the same instant: one remains.
    async fn x_06_two_cloud_admins_cannot_both_step_down(world: World) {
        let [olga, toni] = world.people(["Olga", "Toni"]).await;
        let acme = world.ready_terminal(&olga).await;
        world.member(&acme, &toni, &["terminal_admin"]).await;
        for round in 0..ROUNDS {
            let cloud = resource("cloud", &format!("cloud-{round}"));
            world.by(&olga).register(&acme, cloud.clone(), None).await.expect("created");
            let admin = assignment(&cloud, &["cloud_admin"], &[]);
            world.by(&olga).assign(&acme, &toni, admin).await.expect("a second admin");
            let steps = [&olga, &toni].map(|user| {
                let (party, account, user) = (world.by_another_client(user), acme.clone(), user.clone());
                let member = assignment(&cloud, &["cloud_member"], &[]);
                async move { party.assign(&account, &user, member).await.map(|_| ()) }
            });
            assert_one_wins(race(steps.into()).await, "LIMIT_LEAST");
        }
    }

    /// The only owner is replaced by nobody, however many try at once.
    async fn x_06_one_owner_whatever_many_clients_do(world: World) {
        let [olga, bob] = world.people(["Olga", "Bob"]).await;
        let shop = world.account("client-area", &olga).await;
        world.member(&shop, &bob, &["user"]).await;
        let attempts =
            (0..ROUNDS).flat_map(|_| [(olga.clone(), "user"), (bob.clone(), "owner")]).map(|(user, role)| {
                let (operator, account) = (world.another_operator(), shop.clone());
                async move { operator.set_roles(&account, &user, &[role]).await }
            });
        for outcome in race(attempts.collect()).await {
            let status = outcome.expect_err("never two, never none");
            assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
        }
        assert_eq!(world.roles(&olga, &shop).await, ["owner"]);
    }
}

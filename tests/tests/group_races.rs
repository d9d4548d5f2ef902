//! PE-06, PE-07, PE-08 and PE-11 while two clients write at once, on either engine: no administrator of a group is
//! without the ownership that this rests on, no group is without an account, and nobody keeps what they lost.

use std::pin::Pin;

use mandate_proto::v1::{Account, AccountGroup, User};
use mandate_tests::{World, on_both_engines};
use tokio::task::JoinSet;
use tonic::{Code, Status};

/// How often each race is run.
const ROUNDS: usize = 8;

/// One call of a race; it tells its name.
type Call = Pin<Box<dyn Future<Output = Result<&'static str, Status>> + Send>>;

/// Runs the calls at once, and returns the names of those that went through. Whatever was refused was refused by a
/// rule.
async fn race(calls: impl IntoIterator<Item = Call>) -> Vec<&'static str> {
    let mut running = JoinSet::new();
    for call in calls {
        running.spawn(call);
    }
    let mut won = Vec::new();
    for outcome in running.join_all().await {
        match outcome {
            Ok(name) => won.push(name),
            Err(status) => {
                let by_rule = [Code::FailedPrecondition, Code::PermissionDenied, Code::NotFound];
                assert!(by_rule.contains(&status.code()), "{status:?}");
            }
        }
    }
    won.sort_unstable();
    won
}

/// Two brands of Ada's and Eve's, the first of them in a group that Ada administers.
struct Stage {
    ada: User,
    eve: User,
    inside: Account,
    outside: Account,
    group: AccountGroup,
}

async fn stage(world: &World, round: usize) -> Stage {
    let [ada, eve] = world.people([&*format!("Ada {round}"), &*format!("Eve {round}")]).await;
    let inside = world.account("managed-accounts", &ada).await;
    let outside = world.account("managed-accounts", &ada).await;
    for brand in [&inside, &outside] {
        world.by(&ada).add(brand, &eve, &["owner"]).await.expect("a second owner");
    }
    let group = world.by(&ada).found_group("Agency", &[&inside]).await.expect("a group");
    Stage { ada, eve, inside, outside, group }
}

on_both_engines! {
    /// The account joins, or the administrator ceases to own it: never both.
    async fn pe_06_joining_beside_the_loss_of_ownership(world: World) {
        for round in 0..ROUNDS {
            let Stage { ada, eve, outside, group, .. } = stage(&world, round).await;
            let (party, into, account) = (world.by_another_client(&ada), group.clone(), outside.clone());
            let join: Call = Box::pin(async move { party.join_group(&into, &account).await.map(|()| "join") });
            let (party, account, whom) = (world.by_another_client(&eve), outside.clone(), ada.clone());
            let take: Call = match round % 3 {
                0 => Box::pin(async move {
                    party.set_roles(&account, &whom, &["member"]).await.map(|_| "take")
                }),
                1 => Box::pin(async move { party.remove(&account, &whom).await.map(|_| "take") }),
                _ => Box::pin(async move { party.suspend(&account, &whom).await.map(|_| "take") }),
            };
            let won = race([join, take]).await;
            assert_eq!(won.len(), 1, "round {round}: {won:?}");
            let contained = world.operator().account(&outside).await.expect("the account").groups;
            assert_eq!(contained.contains(&group.id), won == ["join"], "round {round}");
        }
    }

    /// The account joins, or somebody who does not own it becomes administrator: never both.
    async fn pe_07_joining_beside_a_promotion(world: World) {
        for round in 0..ROUNDS {
            let Stage { ada, eve, outside, group, .. } = stage(&world, round).await;
            world.by(&ada).set_roles(&outside, &eve, &["member"]).await.expect("no owner of this one");
            let (party, into, account) = (world.by_another_client(&ada), group.clone(), outside.clone());
            let join: Call = Box::pin(async move { party.join_group(&into, &account).await.map(|()| "join") });
            let (operator, into) = (world.another_operator(), group.clone());
            let promote: Call =
                Box::pin(async move { operator.add_to_group(&into, &eve, "administrator").await.map(|()| "promote") });
            let won = race([join, promote]).await;
            assert_eq!(won.len(), 1, "round {round}: {won:?}");
        }
    }

    /// Somebody becomes administrator, or ceases to own an account of the group: never both.
    async fn pe_08_a_promotion_beside_the_loss_of_ownership(world: World) {
        for round in 0..ROUNDS {
            let Stage { ada, eve, inside, group, .. } = stage(&world, round).await;
            let (operator, into, whom) = (world.another_operator(), group.clone(), eve.clone());
            let promote: Call =
                Box::pin(async move { operator.add_to_group(&into, &whom, "administrator").await.map(|()| "promote") });
            let (party, account) = (world.by_another_client(&ada), inside.clone());
            let take: Call =
                Box::pin(async move { party.set_roles(&account, &eve, &["member"]).await.map(|_| "take") });
            let won = race([promote, take]).await;
            assert_eq!(won.len(), 1, "round {round}: {won:?}");
        }
    }

    /// Two accounts leave a group of two at the same instant: one stays.
    async fn pe_11_two_accounts_cannot_both_leave(world: World) {
        for round in 0..ROUNDS {
            let Stage { ada, inside, outside, group, .. } = stage(&world, round).await;
            world.by(&ada).join_group(&group, &outside).await.expect("two accounts");
            let leaves = [&inside, &outside].map(|account| -> Call {
                let (party, from, account) = (world.by_another_client(&ada), group.clone(), account.clone());
                Box::pin(async move { party.leave_group(&from, &account).await.map(|_| "leave") })
            });
            assert_eq!(race(leaves).await, ["leave"], "round {round}");
            assert_eq!(world.operator().group_accounts(&group).await.expect("listed").len(), 1);
        }
    }

    /// Two groups give the same access and both end at the same instant: the direct membership ends with the
    /// second, whichever that is.
    async fn pe_05_access_lost_through_two_groups_at_once(world: World) {
        for round in 0..ROUNDS {
            let Stage { ada, inside, outside, group, .. } = stage(&world, round).await;
            let second = world.by(&ada).found_group("Second", &[&inside, &outside]).await.expect("another group");
            let max = world.person(&format!("Max {round}")).await;
            for of in [&group, &second] {
                world.by(&ada).add_to_group(of, &max, "manager").await.expect("a manager");
            }
            world.by(&ada).add(&inside, &max, &["member"]).await.expect("a member");
            let (party, from, whom) = (world.by_another_client(&ada), group.clone(), max.clone());
            let out: Call = match round % 2 {
                0 => Box::pin(async move { party.remove_from_group(&from, &whom).await.map(|_| "out") }),
                _ => Box::pin(async move { party.delete_group(&from).await.map(|_| "out") }),
            };
            let (party, from, account) = (world.by_another_client(&ada), second.clone(), inside.clone());
            let leave: Call = Box::pin(async move { party.leave_group(&from, &account).await.map(|_| "leave") });
            assert_eq!(race([out, leave]).await, ["leave", "out"], "round {round}");
            assert!(world.membership(&max, &inside).await.is_none(), "round {round}: access is lost");
            assert!(!world.may(&max, &inside, "campaigns.view").await.allowed());
        }
    }
}

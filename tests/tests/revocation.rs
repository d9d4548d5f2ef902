//! PE-09: what a revocation changes does not grow with the group. What it costs in time `mandate-bench revocation` shows.

use mandate_proto::v1::{Account, AccountGroup, DecisionReason as Reason, User};
use mandate_tests::{World, dump, on_both_engines};

/// A group of so many accounts, all of them owned by the founder and a second owner.
async fn group_of(world: &World, name: &str, accounts: usize) -> (Vec<Account>, AccountGroup, User) {
    let founder = world.person(&format!("{name} Founder")).await;
    let second = world.person(&format!("{name} Second")).await;
    let mut brands = Vec::with_capacity(accounts);
    for _ in 0..accounts {
        let brand = world.account("managed-accounts", &founder).await;
        world.by(&founder).add(&brand, &second, &["owner"]).await.expect("a second owner");
        brands.push(brand);
    }
    let all: Vec<&Account> = brands.iter().collect();
    let group = world.by(&founder).found_group(name, &all).await.expect("a group");
    world.operator().add_to_group(&group, &second, "administrator").await.expect("a second administrator");
    (brands, group, second)
}

/// Removes somebody from a group; how many changes the feed has gained.
async fn changes_of_removal(world: &World, group: &AccountGroup, user: &User) -> usize {
    let fed = || dump::rows(world.server()).lines().filter(|row| row.starts_with("feed:")).count();
    let before = fed();
    world.operator().remove_from_group(group, user).await.expect("removed");
    fed() - before
}

on_both_engines! {
    /// One change for the user, and one for each direct membership that ends with it, whatever the group contains.
    async fn pe_09_a_revocation_changes_as_much_in_a_large_group_as_in_a_small_one(world: World) {
        let max = world.person("Max").await;
        for (name, size) in [("Small", 3), ("Large", 40)] {
            let (brands, group, administrator) = group_of(&world, name, size).await;

            world.operator().add_to_group(&group, &max, "manager").await.expect("a manager");
            world.may(&max, &brands[size - 1], "campaigns.view").await.allowed_by(Reason::Group);
            assert_eq!(changes_of_removal(&world, &group, &max).await, 1, "{name}: the manager's seat");
            for brand in &brands {
                world.may(&max, brand, "campaigns.view").await.denied_for(Reason::NotAMember);
            }

            world.operator().add_to_group(&group, &max, "manager").await.expect("a manager again");
            world.member(&brands[0], &max, &["member"]).await;
            world.member(&brands[1], &max, &["member"]).await;
            assert_eq!(changes_of_removal(&world, &group, &max).await, 3, "{name}: the seat and two memberships");
            world.may(&max, &brands[1], "campaigns.view").await.denied_for(Reason::NotAMember);

            assert_eq!(changes_of_removal(&world, &group, &administrator).await, 1, "{name}: ownership stays");
            for brand in &brands {
                world.may(&administrator, brand, "ownership.transfer").await.allowed_by(Reason::Role);
            }
        }
    }
}

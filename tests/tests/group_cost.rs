//! PE-09: what it costs to end somebody's access through a group. The time it takes `mandate-bench revocation` tells.

use mandate_proto::v1::{Account, DecisionReason as Reason, User};
use mandate_tests::{World, dump, on_both_engines};

/// Rows of the change feed.
fn changes(world: &World) -> usize {
    dump::rows(world.server()).lines().filter(|row| row.starts_with("feed: ")).count()
}

/// Makes Max manager of a group of this many brands and a direct member of two of them, and removes him from the
/// group; how many changes that took.
async fn changes_of_removal(world: &World, ada: &User, max: &User, size: usize) -> usize {
    let mut brands: Vec<Account> = Vec::new();
    for _ in 0..size {
        brands.push(world.account("managed-accounts", ada).await);
    }
    let all: Vec<&Account> = brands.iter().collect();
    let group = world.by(ada).found_group("Agency", &all).await.expect("a group");
    world.by(ada).add_to_group(&group, max, "manager").await.expect("a manager");
    for brand in &brands[..2] {
        world.by(ada).add(brand, max, &["member"]).await.expect("a direct membership");
    }
    world.may(max, &brands[size - 1], "campaigns.view").await.allowed_by(Reason::Group);
    let before = changes(world);
    let ended = world.by(ada).remove_from_group(&group, max).await.expect("removed");
    assert_eq!(ended.len(), 2);
    for brand in &brands {
        world.may(max, brand, "campaigns.view").await.denied_for(Reason::NotAMember);
    }
    changes(world) - before
}

on_both_engines! {
    /// One change, and one for each direct membership that ends, whatever the group's size.
    async fn pe_09_a_removal_costs_the_same_for_a_small_and_a_large_group(world: World) {
        let [ada, max] = world.people(["Ada", "Max"]).await;
        for size in [3, 60] {
            assert_eq!(changes_of_removal(&world, &ada, &max, size).await, 3, "{size} accounts");
        }
    }

    /// An administrator's ownership stays, and what stays costs nothing.
    async fn pe_09_an_administrators_removal_is_one_change_however_much_they_own(world: World) {
        let [ada, eve] = world.people(["Ada", "Eve"]).await;
        for size in [3, 40] {
            let mut brands: Vec<Account> = Vec::new();
            for _ in 0..size {
                let brand = world.account("managed-accounts", &ada).await;
                world.by(&ada).add(&brand, &eve, &["owner"]).await.expect("a second owner");
                brands.push(brand);
            }
            let all: Vec<&Account> = brands.iter().collect();
            let group = world.by(&ada).found_group("Agency", &all).await.expect("a group");
            world.operator().add_to_group(&group, &eve, "administrator").await.expect("a second administrator");
            let before = changes(&world);
            world.operator().remove_from_group(&group, &eve).await.expect("removed");
            assert_eq!(changes(&world) - before, 1, "{size} accounts");
            for brand in &brands {
                world.may(&eve, brand, "ownership.transfer").await.allowed_by(Reason::Role);
            }
        }
    }
}

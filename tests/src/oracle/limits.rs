//! Limits and the guard of group administrators: the world before a write beside the world after it.

use std::collections::BTreeMap;

use super::judge::{Class, Faults};
use super::roles::Role;
use super::world::{Account, World};

/// Active holders and all holders.
type Count = (usize, usize);
/// What a role is counted in (`acc_…`, `acc_…/type/id`, `grp_…`) and its name.
type Place = (String, String);

/// What is wrong with going from one world to the other.
pub(super) fn worsened(before: &World, after: &World) -> Faults {
    let (then, now) = (holders(before), holders(after));
    let mut faults = Faults::new();
    for (place, ((active, all), (least, most))) in now {
        // What is new must meet every least at once.
        let (active_then, all_then) = then.get(&place).map_or((usize::MAX, 0), |(count, _)| *count);
        if (active < least && active < active_then) || (all > most && all > all_then) {
            faults.insert(Class::Limit);
        }
    }
    if before.accounts.iter().any(|account| guard_broken(before, after, account)) {
        faults.insert(Class::State);
    }
    faults
}

/// The holders of every role everywhere, and its least and most.
fn holders(world: &World) -> BTreeMap<Place, (Count, Count)> {
    let limits = |role: &Role| (role.least, role.most);
    let mut found = BTreeMap::new();
    for account in &world.accounts {
        let policy = world.policy(account);
        for (name, role) in &policy.roles {
            let count = in_account(account, name);
            found.insert((account.id.clone(), name.clone()), (count, limits(role)));
        }
        for resource in &account.resources {
            for (name, role) in &policy.types[&resource.name.0].roles {
                let count = on_resource(account, &resource.name, name);
                let place = format!("{}/{}/{}", account.id, resource.name.0, resource.name.1);
                found.insert((place, name.clone()), (count, limits(role)));
            }
        }
    }
    for (group, policy) in &world.groups {
        for (name, role) in world.policies[policy].groups.iter().flat_map(|groups| &groups.roles) {
            let held = |user: &&super::world::User| user.seats.contains(&(group.clone(), name.clone()));
            let count = world.users.iter().filter(held).count();
            found.insert((group.clone(), name.clone()), ((count, count), limits(role)));
        }
    }
    found
}

fn in_account(account: &Account, role: &str) -> Count {
    let all: Vec<_> = account.members.iter().filter(|member| member.has(role)).collect();
    (all.iter().filter(|member| member.active()).count(), all.len())
}

fn on_resource(account: &Account, resource: &(String, String), role: &str) -> Count {
    let held = account
        .assignments
        .iter()
        .filter(|found| found.resource == *resource && found.roles.iter().any(|held| held == role));
    let all: Vec<_> = held.collect();
    let active = |user: &str| account.member(user).is_some_and(|member| member.active());
    (all.iter().filter(|found| active(&found.user)).count(), all.len())
}

/// PE-08: somebody's role in a group that contains the account rests on an account role, which they lose.
fn guard_broken(before: &World, after: &World, account: &Account) -> bool {
    let Some(groups) = &before.policy(account).groups else { return false };
    let holds = |account: &Account, user: &str, role: &str| {
        account.member(user).is_some_and(|member| member.active() && member.has(role))
    };
    before.users.iter().any(|user| {
        before.seats_in(account, &user.id).any(|seat| {
            let needed = groups.roles[seat].must_hold.as_deref();
            let now = after.account(&account.id).expect("accounts stay");
            needed.is_some_and(|needed| holds(account, &user.id, needed) && !holds(now, &user.id, needed))
        })
    })
}

//! Questions whose answers are known: whoever answers one of them otherwise is not compared with.

use crate::check::world::World;
use crate::facts::{HELD_BY_ALL, MEMBER, OWNER, OWNERS_ONLY};

/// Memberships that are probed.
const PROBED: u64 = 50;

/// A question and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Probe {
    /// The account's number.
    pub(crate) account: u64,
    /// The user's number.
    pub(crate) user: u64,
    /// The permission.
    pub(crate) permission: &'static str,
    /// The user's role there; `None`: no member of this account, though of others.
    pub(crate) role: Option<&'static str>,
    /// What is to be answered.
    pub(crate) allowed: bool,
}

/// Members, owners and strangers, each with what they may and may not do.
pub(crate) fn probes(world: World) -> impl Iterator<Item = Probe> {
    (0..PROBED.min(world.memberships)).flat_map(move |number| {
        let (account, user) = world.membership(number);
        // Ten members further on begins the next account.
        let stranger = (number + 10) % world.users();
        let probe = |user, role, permission, allowed| Probe { account, user, permission, role, allowed };
        let strangers =
            [probe(stranger, None, HELD_BY_ALL, false), probe(stranger, None, OWNERS_ONLY, false)];
        [
            probe(user, Some(MEMBER), HELD_BY_ALL, true),
            probe(user, Some(MEMBER), OWNERS_ONLY, false),
            probe(world.users(), Some(OWNER), HELD_BY_ALL, true),
            probe(world.users(), Some(OWNER), OWNERS_ONLY, true),
        ]
        .into_iter()
        // In the smallest world everybody is everywhere.
        .chain(strangers.into_iter().filter(move |_| world.users() > 10))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_are_members_elsewhere() {
        let world = World { memberships: 500 };
        let members: Vec<_> = (0..500).map(|number| world.membership(number)).collect();
        for Probe { account, user, role, .. } in probes(world) {
            assert_eq!(members.contains(&(account, user)), role == Some(MEMBER), "{account} {user}");
            assert!(role == Some(OWNER) || members.iter().any(|(_, other)| *other == user));
        }
    }
}

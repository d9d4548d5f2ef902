//! The facts that measurements are made on, numbered.

use std::collections::BTreeMap;

use mandate_domain::account::{Account, AccountState, Origin};
use mandate_domain::group::Group;
use mandate_domain::id::{AccountId, GroupId, UserId};
use mandate_domain::membership::{MemberState, Membership};
use mandate_domain::user::{GroupSeat, User, UserState};

/// When all of it began: microseconds since the Unix epoch.
const BEGAN: i64 = 1_700_000_000_000_000;

/// The policy of all accounts: the built-in one with account groups.
pub(crate) const POLICY: &str = "managed-accounts";
/// The role that holds everything in an account.
pub(crate) const OWNER: &str = "owner";
/// The role of whoever works in an account.
pub(crate) const MEMBER: &str = "member";
/// The group role that rests on ownership.
pub(crate) const ADMINISTRATOR: &str = "administrator";
/// The group role of whoever works in all accounts of a group.
pub(crate) const MANAGER: &str = "manager";
/// A permission that every one of these roles holds.
pub(crate) const HELD_BY_ALL: &str = "campaigns.view";
/// A permission that owners alone hold.
pub(crate) const OWNERS_ONLY: &str = "ownership.transfer";

/// The bits of a ULID whose time is when it all began and whose chance is a number.
fn bits(number: u64) -> u128 {
    (1_700_000_000_000_u128 << 80) | u128::from(number)
}

/// The account of that number.
pub(crate) fn account_id(number: u64) -> AccountId {
    AccountId::from_bits(bits(number))
}

/// The user of that number.
pub(crate) fn user_id(number: u64) -> UserId {
    UserId::from_bits(bits(number))
}

/// The group of that number.
pub(crate) fn group_id(number: u64) -> GroupId {
    GroupId::from_bits(bits(number))
}

/// An active user with these seats.
pub(crate) fn user(number: u64, seats: Vec<GroupSeat>) -> User {
    User {
        id: user_id(number),
        email: format!("user-{number}@example.com"),
        display_name: format!("User {number}"),
        locale: String::new(),
        avatar_url: String::new(),
        state: UserState::Active,
        identities: Vec::new(),
        seats,
        created_at: BEGAN,
    }
}

/// A group of accounts of [`POLICY`].
pub(crate) fn group(number: u64) -> Group {
    Group {
        id: group_id(number),
        policy: POLICY.to_owned(),
        display_name: format!("Group {number}"),
        created_at: BEGAN,
    }
}

/// An active account, in a group or in none.
pub(crate) fn account(number: u64, group: Option<u64>) -> Account {
    Account {
        id: account_id(number),
        policy: POLICY.to_owned(),
        display_name: format!("Account {number}"),
        state: AccountState::Active,
        origin: Origin::Registration,
        attributes: BTreeMap::new(),
        groups: group.map(group_id).into_iter().collect(),
        created_at: BEGAN,
        updated_at: BEGAN,
        deleted_at: None,
        deleted_in: None,
    }
}

/// An active membership with one role.
pub(crate) fn membership(account: u64, user: u64, role: &str) -> Membership {
    Membership {
        account: account_id(account),
        user: user_id(user),
        state: MemberState::Active,
        roles: vec![role.to_owned()],
        grants: Vec::new(),
        restrictions: Vec::new(),
        created_at: BEGAN,
        updated_at: BEGAN,
    }
}

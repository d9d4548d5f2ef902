//! Accounts, users and members as they fit into a [`Table`](super::table::Table): nearly all do. The others are kept as
//! they are ([`super::kept`]).

use std::sync::Arc;

use arc_swap::ArcSwap;
use mandate_domain::account::AccountState;
use mandate_domain::facts::{AccountFact, MemberFact, UserFact};
use mandate_domain::id::{AccountId, GroupId, UserId};
use mandate_domain::membership::MemberState;
use mandate_domain::plan::Policies;
use mandate_domain::policy::set::Mask;
use mandate_domain::user::{GroupSeat, UserState};

use super::entry::{AccountEntry, MemberEntry};
use super::grants::GrantSets;
use super::kept::Fact;
use super::noted::Noticed;
use super::table::Packed;

/// What entries refer to.
pub(super) struct Context {
    /// The policies in force. INVARIANT: when others come into force, all entries are dropped.
    pub(super) policies: ArcSwap<Policies>,
    pub(super) grants: GrantSets,
}

/// That there is no such thing.
const ABSENT: u32 = 1 << 23;
/// An account in a group, or a user who belongs to one.
const GROUPED: u32 = 1 << 22;
const STATE: u32 = 16;

/// An account that was unpacked. The account's policy has this number.
pub(super) struct Account {
    pub(super) policy: usize,
    pub(super) fact: AccountFact,
}

impl Fact<2, 5> for AccountEntry {
    type Key = AccountId;

    fn key(account: AccountId) -> [u64; 2] {
        halves(account.bits())
    }

    fn pack(entry: Option<&Self>, context: &Context) -> Option<Packed<5>> {
        let Some(Self { policy, fact }) = entry else { return Some(absent()) };
        let AccountFact { state, groups, unmet, idle_roles, idle_group_roles, idle_resource_roles: _ } = fact;
        let policy = context.policies.load().position(&policy.as_ref()?.name)?;
        let (grouped, [high, low]) = match groups.as_slice() {
            [] => (0, [0, 0]),
            [group] => (GROUPED, halves(group.bits())),
            _ => return None,
        };
        let state = match state {
            AccountState::Active => 0,
            AccountState::Suspended => 1,
            AccountState::Deleted => 2,
        };
        let small = grouped | state << STATE | u32::from(u16::try_from(policy).ok()?);
        Some(Packed { small, words: [unmet.0, idle_roles.0, idle_group_roles.0, high, low] })
    }

    fn unpack(packed: &Packed<5>, context: &Context) -> Option<Option<Self>> {
        let Some(Account { policy, mut fact }) = account(packed)? else { return Some(None) };
        let policy = Arc::clone(context.policies.load().at(policy)?);
        fact.idle_resource_roles = AccountFact::idle_resource_roles(&policy, fact.unmet);
        Some(Some(Self { policy: Some(policy), fact }))
    }
}

/// An account without what only questions about resources need; `None`: those are no words of one.
pub(super) fn account(packed: &Packed<5>) -> Option<Option<Account>> {
    let Packed { small, words: [unmet, idle_roles, idle_group_roles, high, low] } = *packed;
    if small & ABSENT != 0 {
        return Some(None);
    }
    let state = match small >> STATE & 3 {
        0 => AccountState::Active,
        1 => AccountState::Suspended,
        2 => AccountState::Deleted,
        _ => return None,
    };
    let groups = match small & GROUPED {
        0 => Vec::new(),
        _ => vec![GroupId::from_bits(whole(high, low))],
    };
    let fact = AccountFact {
        state,
        groups,
        unmet: Mask(unmet),
        idle_roles: Mask(idle_roles),
        idle_group_roles: Mask(idle_group_roles),
        idle_resource_roles: Vec::new(),
    };
    Some(Some(Account { policy: usize::try_from(small & 0xffff).ok()?, fact }))
}

/// How many bytes the name of a role may have that is packed.
const NAME: usize = 16;

impl Fact<2, 5> for UserFact {
    type Key = UserId;

    fn key(user: UserId) -> [u64; 2] {
        halves(user.bits())
    }

    fn pack(fact: Option<&Self>, _: &Context) -> Option<Packed<5>> {
        let Some(Self { state, seats }) = fact else { return Some(absent()) };
        let state = match state {
            UserState::Active => 0,
            UserState::Suspended => 1,
        };
        let (seated, group, role) = match seats.as_slice() {
            [] => (0, 0, ""),
            [GroupSeat { group, role }] => (GROUPED, group.bits(), role.as_str()),
            _ => return None,
        };
        let mut name = [0; NAME];
        name.get_mut(..role.len())?.copy_from_slice(role.as_bytes());
        let ([high, low], [first, last]) = (halves(group), halves(u128::from_be_bytes(name)));
        let length = u32::try_from(role.len()).ok()?;
        Some(Packed { small: seated | state << STATE | length, words: [high, low, first, last, 0] })
    }

    fn unpack(packed: &Packed<5>, _: &Context) -> Option<Option<Self>> {
        let Packed { small, words: [high, low, first, last, _] } = *packed;
        if small & ABSENT != 0 {
            return Some(None);
        }
        let state = match small >> STATE & 3 {
            0 => UserState::Active,
            1 => UserState::Suspended,
            _ => return None,
        };
        if small & GROUPED == 0 {
            return Some(Some(Self { state, seats: Vec::new() }));
        }
        let name = whole(first, last).to_be_bytes();
        let role = std::str::from_utf8(name.get(..usize::try_from(small & 0xff).ok()?)?).ok()?;
        let seat = GroupSeat { group: GroupId::from_bits(whole(high, low)), role: role.to_owned() };
        Some(Some(Self { state, seats: vec![seat] }))
    }
}

const SUSPENDED: u32 = 1 << 16;
const PENDING: u32 = 1 << 17;
/// The stored restrictions are all known to the policy.
const FITS: u32 = 1 << 18;

/// A member that was unpacked, and what was noticed of them.
pub(super) struct Member {
    pub(super) fact: MemberFact,
    pub(super) noticed: Noticed,
}

impl Fact<4, 3> for MemberEntry {
    type Key = (AccountId, UserId);

    fn key((account, user): (AccountId, UserId)) -> [u64; 4] {
        let ([a, b], [c, d]) = (halves(account.bits()), halves(user.bits()));
        [a, b, c, d]
    }

    fn pack(entry: Option<&Self>, context: &Context) -> Option<Packed<3>> {
        let Some(entry) = entry else { return Some(absent()) };
        let MemberFact { state, roles, grants, restrictions, fits_policy } = &entry.fact;
        let state = match state {
            MemberState::Active => 0,
            MemberState::Suspended => SUSPENDED,
            MemberState::Pending => PENDING,
        };
        let fits = if *fits_policy { FITS } else { 0 };
        let small = state | fits | u32::from(context.grants.number(grants)?);
        Some(Packed { small, words: [roles.0, restrictions.0, entry.noticed().word()] })
    }

    fn unpack(packed: &Packed<3>, context: &Context) -> Option<Option<Self>> {
        let member = member(packed, context)?;
        Some(member.map(|Member { fact, noticed }| Self::noticed_before(fact, noticed)))
    }
}

/// A member; `None`: those are no words of one.
pub(super) fn member(packed: &Packed<3>, context: &Context) -> Option<Option<Member>> {
    let Packed { small, words: [roles, restrictions, noticed] } = *packed;
    if small & ABSENT != 0 {
        return Some(None);
    }
    let state = match small & (SUSPENDED | PENDING) {
        0 => MemberState::Active,
        SUSPENDED => MemberState::Suspended,
        PENDING => MemberState::Pending,
        _ => return None,
    };
    let fact = MemberFact {
        state,
        roles: Mask(roles),
        grants: context.grants.get(u16::try_from(small & 0xffff).ok()?)?,
        restrictions: Mask(restrictions),
        fits_policy: small & FITS != 0,
    };
    Some(Some(Member { fact, noticed: Noticed::from_word(noticed) }))
}

/// Which of a member's words says what was noticed of them.
pub(super) const NOTICED: usize = 2;

fn absent<const V: usize>() -> Packed<V> {
    Packed { small: ABSENT, words: [0; V] }
}

fn halves(bits: u128) -> [u64; 2] {
    let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or_default();
    [half(bits >> 64), half(bits)]
}

fn whole(high: u64, low: u64) -> u128 {
    u128::from(high) << 64 | u128::from(low)
}

#[cfg(test)]
#[path = "pack_tests.rs"]
mod tests;

//! What every plan respects about groups, whichever command made it (PE-08).

use super::Context;
use super::group::holds;
use crate::account::Account;
use crate::change::Change;
use crate::id::GroupId;
use crate::records::Stop;
use crate::refusal::Refusal;
use crate::user::{GroupSeat, User};

/// PE-08: nobody loses an account role that their role in a group containing the account rests on.
pub(super) fn guard(context: Context<'_>, changes: &[Change]) -> Result<(), Stop> {
    for change in changes {
        let (account, user, after) = match change {
            Change::Membership(after) => (after.account, after.user, Some(after)),
            Change::MembershipEnded { account, user } => (*account, *user, None),
            _ => continue,
        };
        // A membership in an account that this plan creates cannot lose anything.
        let Some(found) = context.records.account(account)?.filter(|found| !found.groups.is_empty()) else {
            continue;
        };
        let Some(before) = context.records.membership(account, user)? else { continue };
        let Some(policy) = context.policies.get(&found.policy) else { continue };
        let Some((user, rule)) = context.records.user(user)?.zip(policy.groups.as_ref()) else { continue };
        let (seats, groups) = (seats_after(changes, user), groups_after(changes, found));
        for seat in seats.iter().filter(|seat| groups.contains(&seat.group)) {
            let needed = rule.role_id(&seat.role).and_then(|id| rule.role(id)?.must_hold);
            let Some(needed) = needed.and_then(|id| policy.role(id)) else { continue };
            if holds(before, &needed.name) && !after.is_some_and(|after| holds(after, &needed.name)) {
                let message = format!(
                    "user {} is {} of the account group {}, which contains this account and needs the role {}; \
                     take the account or the user out of that group first",
                    user.id, seat.role, seat.group, needed.name
                );
                return Err(Refusal::WrongState(message).into());
            }
        }
    }
    Ok(())
}

fn seats_after<'c>(changes: &'c [Change], user: &'c User) -> &'c [GroupSeat] {
    let changed = changes.iter().find_map(|change| match change {
        Change::User(after) if after.id == user.id => Some(after),
        _ => None,
    });
    &changed.unwrap_or(user).seats
}

fn groups_after<'c>(changes: &'c [Change], account: &'c Account) -> &'c [GroupId] {
    let changed = changes.iter().find_map(|change| match change {
        Change::Account(after) if after.id == account.id => Some(after),
        _ => None,
    });
    &changed.unwrap_or(account).groups
}

//! The plan that moves ownership from one member to another in one step (GW-09). It is the one way to a
//! role that no delegation rule gives, so the policy's `transfer` is its rule.

use super::Context;
use super::names::{stored, stored_permissions};
use super::scene::Scene;
use crate::authorize::require;
use crate::change::Change;
use crate::facts::MemberFact;
use crate::id::{AccountId, UserId};
use crate::membership::{MemberState, Membership};
use crate::operation::Operation;
use crate::policy::model::{Policy, Role};
use crate::policy::set::{Mask, PermissionSet, RoleId};
use crate::records::Stop;
use crate::refusal::Refusal;

/// Moves the policy's transferable role from `from` to `to`.
pub(super) fn transfer(
    context: Context<'_>,
    account: AccountId,
    from: UserId,
    to: UserId,
) -> Result<Vec<Change>, Stop> {
    let scene = Scene::of(context, Operation::AccountTransfer.name(), account)?;
    scene.authorize(Operation::AccountTransfer)?;
    let (policy, wrong) = (scene.policy, |message: String| Stop::from(Refusal::WrongState(message)));
    let Some((rule, role)) = policy.transfer.and_then(|rule| Some((rule, policy.role(rule.role)?))) else {
        return Err(wrong(
            "ownership does not move under this account's policy; ask the provider's support".to_owned(),
        ));
    };
    if context.actor.user().is_some_and(|actor| actor != from) {
        return Err(Refusal::DelegationDenied(vec![format!(
            "hand over the role {} of somebody else",
            role.name
        )])
        .into());
    }
    let (giver, taker) = (scene.member(from)?, scene.member(to)?);
    let (gives, takes) = (MemberFact::new(policy, giver), MemberFact::new(policy, taker));
    if !gives.roles.contains(rule.role.0) {
        return Err(wrong(format!(
            "user {from} does not hold the role {}, so cannot hand it over",
            role.name
        )));
    }
    if taker.state != MemberState::Active {
        return Err(wrong(format!(
            "user {to} is not an active member; ownership moves to an active member only"
        )));
    }
    if takes.roles.contains(rule.role.0) {
        return Err(wrong(format!("user {to} holds the role {} already", role.name)));
    }
    require(policy, &format!("the role {}", role.name), role.requires, scene.fact.unmet)?;
    let left = gives.roles.difference(Mask::of(rule.role.0));
    let left = rule.leaves.map_or(left, |leaves| with(policy, left, leaves));
    if !roles(policy, left).any(|role| role.stands_alone) {
        return Err(wrong(format!("user {from} would be left without a role; give them another one first")));
    }
    let gained = with(policy, takes.roles, rule.role);
    Ok(vec![
        Change::Membership(holding(context, policy, giver, left, &gives.grants)),
        Change::Membership(holding(context, policy, taker, gained, &takes.grants)),
    ])
}

/// The roles with one more, which takes the place of those of its slot.
pub(super) fn with(policy: &Policy, mask: Mask, id: RoleId) -> Mask {
    let slot = policy.role(id).and_then(|role| role.slot);
    let rivals = mask.iter().filter(|index| {
        slot.is_some() && policy.roles.get(usize::from(*index)).is_some_and(|role| role.slot == slot)
    });
    mask.difference(rivals.collect()).union(Mask::of(id.0))
}

/// The membership with other roles, and of its grants those that a holder of these roles may have.
pub(super) fn holding(
    context: Context<'_>,
    policy: &Policy,
    before: &Membership,
    mask: Mask,
    grants: &PermissionSet,
) -> Membership {
    let grantable = roles(policy, mask).fold(PermissionSet::EMPTY, |all, role| all.union(&role.grantable));
    Membership {
        roles: stored(mask, |i| policy.roles.get(i).map(|role| role.name.as_str())),
        grants: stored_permissions(policy, &grants.intersection(&grantable)),
        updated_at: context.now,
        ..before.clone()
    }
}

fn roles(policy: &Policy, mask: Mask) -> impl Iterator<Item = &Role> {
    mask.iter().filter_map(|index| policy.roles.get(usize::from(index)))
}

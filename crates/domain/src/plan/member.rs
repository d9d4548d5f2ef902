//! Plans that add, change and remove members. Who may do so stands in the policy: the operation's permission
//! (`operations: member.remove`) and the delegation rules of the actor's roles (`remove: true`, `over: […]`).

use super::names::{Fields, stored, stored_permissions};
use super::scene::{Scene, active_user};
use super::{Context, resource};
use crate::authorize::require;
use crate::change::Change;
use crate::command::{Command, NewAssignment};
use crate::decide::Reason;
use crate::delegation::{Towards, Wish};
use crate::facts::MemberFact;
use crate::id::{AccountId, UserId};
use crate::membership::{MemberState, Membership};
use crate::operation::Operation;
use crate::policy::model::{BoardingWay, OperationRule, Policy};
use crate::policy::set::{Mask, PermissionSet};
use crate::records::Stop;
use crate::refusal::Refusal;

pub(super) fn draft(context: Context<'_>, command: &Command) -> Result<Vec<Change>, Stop> {
    match command {
        Command::AddMember { account, user, roles, grants, restrictions, assignments } => {
            let names = Names { roles, grants, restrictions };
            add(context, *account, *user, &names, assignments)
        }
        Command::UpdateMember { account, user, roles, grants, restrictions } => {
            let names = (roles.as_deref(), grants.as_deref(), restrictions.as_deref());
            update(context, *account, *user, names)
        }
        Command::SuspendMember { account, user } => {
            set_state(context, *account, *user, MemberState::Suspended)
        }
        Command::ReinstateMember { account, user } => {
            set_state(context, *account, *user, MemberState::Active)
        }
        Command::RemoveMember { account, user } => remove(context, *account, *user),
        _ => Ok(Vec::new()),
    }
}

/// What a member is to hold, by name.
pub(super) struct Names<'a> {
    pub(super) roles: &'a [String],
    pub(super) grants: &'a [String],
    pub(super) restrictions: &'a [String],
}

/// What a newcomer is to get, judged by the rules: a membership and what is assigned with it.
pub(super) struct Offer {
    pub(super) membership: Membership,
    pub(super) assignments: Vec<Change>,
}

/// What a member is to hold, resolved.
#[derive(Clone, Copy)]
struct Held {
    roles: Mask,
    grants: PermissionSet,
    restrictions: Mask,
}

fn add(
    context: Context<'_>,
    account: AccountId,
    user: UserId,
    names: &Names<'_>,
    assignments: &[NewAssignment],
) -> Result<Vec<Change>, Stop> {
    let scene = Scene::of(context, Operation::MemberAdd.name(), account)?;
    let rule = scene.authorize(Operation::MemberAdd)?;
    cap_assignments(scene.policy, rule, assignments)?;
    at_once(&scene)?;
    active_user(context, user)?;
    if context.records.membership(account, user)?.is_some() {
        return Err(Refusal::AlreadyExists { what: "member", id: user.to_string() }.into());
    }
    let Offer { membership, assignments } = offer(&scene, user, names, assignments)?;
    Ok(std::iter::once(Change::Membership(membership)).chain(assignments).collect())
}

/// Persons bring nobody aboard who has not agreed, unless the policy says that they do.
pub(super) fn at_once(scene: &Scene<'_>) -> Result<(), Refusal> {
    let by_a_person = scene.context.actor.user().is_some();
    if by_a_person && !scene.policy.boarding.ways.contains(&BoardingWay::Direct) {
        let message = "under this account's policy people come aboard by accepting; invite them instead";
        return Err(Refusal::WrongState(message.to_owned()));
    }
    Ok(())
}

/// What the actor may give somebody who is no member yet, added or invited.
pub(super) fn offer(
    scene: &Scene<'_>,
    user: UserId,
    names: &Names<'_>,
    assignments: &[NewAssignment],
) -> Result<Offer, Stop> {
    let held = resolve(scene.policy, names, scene.fact.unmet)?;
    let wish = Wish { give: held.roles, grant: held.grants, restrict: held.restrictions, ..Wish::default() };
    delegate(scene, scene.towards(user, None), &wish)?;
    let mut assigned = Vec::new();
    for (index, assignment) in (0_usize..).zip(assignments) {
        let path = format!("assignments[{index}].");
        assigned.extend(resource::assign(scene, user, None, assignment, &path)?);
    }
    Ok(Offer { membership: membership(scene, user, held, None), assignments: assigned })
}

/// Whether the actor could give a newcomer these roles, as far as the policy still knows them.
pub(super) fn may_give_roles(scene: &Scene<'_>, roles: &[String]) -> Result<(), Refusal> {
    let give = roles.iter().filter_map(|name| scene.policy.role_id(name)).map(|id| id.0).collect();
    delegate(scene, Towards::Member(Mask::EMPTY), &Wish { give, ..Wish::default() })
}

/// RE-06: an operation may cap how many resources of a type one call assigns.
pub(super) fn cap_assignments(
    policy: &Policy,
    rule: Option<&OperationRule>,
    assignments: &[NewAssignment],
) -> Result<(), Refusal> {
    let mut fields = Fields::default();
    for (kind, most) in rule.into_iter().flat_map(|rule| &rule.at_most) {
        let Some(kind) = policy.resource_type(*kind) else { continue };
        let count = assignments.iter().filter(|assignment| assignment.resource.kind == kind.name).count();
        if u32::try_from(count).unwrap_or(u32::MAX) > *most {
            let name = &kind.name;
            fields.reject(
                "assignments",
                format!("at most {most} of type {name} in one call, not {count}; assign the rest afterwards, each on its own"),
            );
        }
    }
    fields.finish()
}

type NewNames<'a> = (Option<&'a [String]>, Option<&'a [String]>, Option<&'a [String]>);

fn update(
    context: Context<'_>,
    account: AccountId,
    user: UserId,
    names: NewNames<'_>,
) -> Result<Vec<Change>, Stop> {
    let scene = Scene::of(context, Operation::MemberUpdate.name(), account)?;
    scene.authorize(Operation::MemberUpdate)?;
    let before = scene.member(user)?;
    let names = Names {
        roles: names.0.unwrap_or(&before.roles),
        grants: names.1.unwrap_or(&before.grants),
        restrictions: names.2.unwrap_or(&before.restrictions),
    };
    rewritten(&scene, before, &names)
}

/// A member who is to hold this from now on, as far as the actor may give and take the difference.
pub(super) fn rewritten(
    scene: &Scene<'_>,
    before: &Membership,
    names: &Names<'_>,
) -> Result<Vec<Change>, Stop> {
    let user = before.user;
    let now = MemberFact::new(scene.policy, before);
    let held = resolve(scene.policy, names, scene.fact.unmet)?;
    let wish = Wish {
        give: held.roles.difference(now.roles),
        take: now.roles.difference(held.roles),
        grant: held.grants.difference(&now.grants),
        withdraw: now.grants.difference(&held.grants),
        restrict: held.restrictions.difference(now.restrictions),
        lift: now.restrictions.difference(held.restrictions),
    };
    delegate(scene, scene.towards(user, Some(before)), &wish)?;
    Ok(changed(scene.context, before, membership(scene, user, held, Some(before))))
}

fn set_state(
    context: Context<'_>,
    account: AccountId,
    user: UserId,
    state: MemberState,
) -> Result<Vec<Change>, Stop> {
    let scene = Scene::of(context, Operation::MemberSuspend.name(), account)?;
    scene.authorize(Operation::MemberSuspend)?;
    let before = scene.member(user)?;
    may_remove(&scene, before, "suspend or reinstate")?;
    if before.state == MemberState::Pending {
        let message = "the membership has not been accepted yet; remove it instead".to_owned();
        return Err(Refusal::WrongState(message).into());
    }
    Ok(changed(context, before, Membership { state, ..before.clone() }))
}

fn remove(context: Context<'_>, account: AccountId, user: UserId) -> Result<Vec<Change>, Stop> {
    let scene = Scene::of(context, leaving(context, user).name(), account)?;
    may_end(&scene, user)?;
    end(context, account, user)
}

fn leaving(context: Context<'_>, user: UserId) -> Operation {
    if context.actor.user() == Some(user) { Operation::MemberLeave } else { Operation::MemberRemove }
}

/// The membership, if the actor may end it.
pub(super) fn may_end<'a>(scene: &Scene<'a>, user: UserId) -> Result<&'a Membership, Stop> {
    let operation = leaving(scene.context, user);
    let oneself = operation == Operation::MemberLeave;
    match scene.authorize(operation) {
        // RE-08: where the policy has no rule for leaving, nobody removes themself.
        Err(Stop::Refused(Refusal::Denied { reason: Reason::NotGranted, permission: None, .. }))
            if oneself =>
        {
            return Err(Refusal::SelfRemoval.into());
        }
        outcome => outcome?,
    };
    let before = scene.member(user)?;
    if !oneself {
        may_remove(scene, before, "remove")?;
    }
    Ok(before)
}

/// Ends a membership and everything assigned to it (RE-09).
pub(super) fn end(context: Context<'_>, account: AccountId, user: UserId) -> Result<Vec<Change>, Stop> {
    let assigned = context.records.assignments_of(account, user)?;
    let mut changes: Vec<Change> = assigned
        .iter()
        .map(|assignment| Change::AssignmentEnded { account, user, resource: assignment.resource.clone() })
        .collect();
    changes.push(Change::MembershipEnded { account, user });
    Ok(changes)
}

/// The delegation rules that cover the member must say `remove: true`.
pub(super) fn may_remove(scene: &Scene<'_>, member: &Membership, verb: &str) -> Result<(), Refusal> {
    let towards = scene.towards(member.user, Some(member));
    match scene.powers(towards, None) {
        Some(powers) if !powers.may_remove() => {
            let whom = match towards {
                Towards::Oneself => "yourself".to_owned(),
                Towards::Member(_) => format!("a member who is {}", member.roles.join(" and ")),
            };
            Err(Refusal::DelegationDenied(vec![format!("{verb} {whom}")]))
        }
        _ => Ok(()),
    }
}

fn delegate(scene: &Scene<'_>, towards: Towards, wish: &Wish) -> Result<(), Refusal> {
    let refused =
        scene.powers(towards, None).map(|powers| powers.refused(scene.policy, wish)).unwrap_or_default();
    if refused.is_empty() { Ok(()) } else { Err(Refusal::DelegationDenied(refused)) }
}

/// Resolves names and checks that they go together, whoever asks.
fn resolve(policy: &Policy, names: &Names<'_>, unmet: Mask) -> Result<Held, Refusal> {
    let mut fields = Fields::default();
    let held = Held {
        roles: fields.roles(policy, "roles", names.roles),
        grants: fields.permissions(policy, "grants", names.grants),
        restrictions: fields.restrictions(policy, "restrictions", names.restrictions),
    };
    fields.finish()?;
    let mut fields = Fields::default();
    fit_roles(&mut fields, policy, held.roles);
    let roles = || held.roles.iter().filter_map(|index| policy.roles.get(usize::from(index)));
    let grantable = roles().fold(PermissionSet::EMPTY, |all, role| all.union(&role.grantable));
    for name in policy.permission_names(&held.grants.difference(&grantable)) {
        fields.reject("grants", format!("{name} cannot be granted one by one to a member with these roles"));
    }
    let restrictable = roles().fold(Mask::EMPTY, |all, role| all.union(role.restrictable));
    for index in held.restrictions.difference(restrictable).iter() {
        let name = policy.restrictions.get(usize::from(index)).map_or("", |restriction| &restriction.name);
        fields.reject("restrictions", format!("{name} cannot be put on a member with these roles"));
    }
    fields.finish()?;
    for role in roles() {
        require(policy, &format!("the role {}", role.name), role.requires, unmet)?;
    }
    Ok(held)
}

/// At least one role that stands alone, at most one of each slot.
fn fit_roles(fields: &mut Fields, policy: &Policy, mask: Mask) {
    let roles: Vec<_> = mask.iter().filter_map(|index| policy.roles.get(usize::from(index))).collect();
    if !roles.iter().any(|role| role.stands_alone) {
        let able = policy.roles.iter().filter(|role| role.stands_alone).map(|role| role.name.as_str());
        let able: Vec<&str> = able.collect();
        fields.reject("roles", format!("a member holds at least one of {}", able.join(", ")));
    }
    resource::one_per_slot(fields, "roles", &roles);
}

fn membership(scene: &Scene<'_>, user: UserId, held: Held, before: Option<&Membership>) -> Membership {
    let policy = scene.policy;
    Membership {
        account: scene.account.id,
        user,
        state: before.map_or(MemberState::Active, |m| m.state),
        roles: stored(held.roles, |i| policy.roles.get(i).map(|role| role.name.as_str())),
        grants: stored_permissions(policy, &held.grants),
        restrictions: stored(held.restrictions, |i| policy.restrictions.get(i).map(|r| r.name.as_str())),
        created_at: before.map_or(scene.context.now, |m| m.created_at),
        updated_at: before.map_or(scene.context.now, |m| m.updated_at),
    }
}

fn changed(context: Context<'_>, before: &Membership, after: Membership) -> Vec<Change> {
    if after == *before {
        return Vec::new();
    }
    vec![Change::Membership(Membership { updated_at: context.now, ..after })]
}

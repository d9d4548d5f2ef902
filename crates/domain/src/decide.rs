//! The decision: may this subject do this, here, now, and why.
//!
//! [`decide`] is one pure function over facts that were compiled against the account's policy. It allocates
//! nothing, knows no clock, and is total: whatever cannot be decided is a deny with a reason.

use crate::account::AccountState;
use crate::facts::{AccountFact, AssignmentFact, MemberFact, UserFact};
use crate::membership::MemberState;
use crate::policy::model::{Permission, Policy, ResourceIds};
use crate::policy::set::{Mask, PermissionId, ResourceTypeId};
use crate::user::UserState;

/// Everything one question is decided on, all of one moment.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The account's policy; `None`: it is not loaded, and nothing is allowed.
    pub policy: Option<&'a Policy>,
    /// The account; `None`: there is none of that id.
    pub account: Option<&'a AccountFact>,
    /// The subject; `None`: there is none of that id.
    pub subject: Option<&'a UserFact>,
    /// The subject's membership in the account, if there is one.
    pub member: Option<&'a MemberFact>,
    /// The permission; `None`: the policy has none of that name.
    pub permission: Option<PermissionId>,
    /// What it is to be done to, if to something in particular.
    pub resource: Option<Target<'a>>,
}

/// The resource of a question.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Its type; `None`: the policy has none of that name.
    pub resource_type: Option<ResourceTypeId>,
    /// Whether it was registered.
    pub registered: bool,
    /// Whether the subject created it.
    pub created_by_subject: bool,
    /// The subject's assignments to it and to what it lives in, nearest first.
    pub assignments: &'a [AssignmentFact],
}

/// The answer to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Why it was allowed or denied.
    pub reason: Reason,
    /// Every way by which the subject holds the permission; empty unless allowed.
    pub via: Via,
}

impl Decision {
    /// Whether the subject may.
    #[must_use]
    pub fn allowed(&self) -> bool {
        self.reason.allows()
    }

    fn deny(reason: Reason) -> Self {
        Self { reason, via: Via::default() }
    }
}

/// The ways by which a subject holds a permission, as positions in what the question carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Via {
    /// Account roles that hold it account-wide.
    pub roles: Mask,
    /// It was granted to the member one by one.
    pub grant: bool,
    /// Positions in [`UserFact::seats`]; those from 64 on count but are not named.
    pub seats: Mask,
    /// Positions in [`Target::assignments`]; those from 64 on count but are not named.
    pub assignments: Mask,
    /// The member created the resource.
    pub own: bool,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $allows:literal,)+) => {
        /// Why a question was answered as it was.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $($(#[$doc])* $variant,)+ }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Whether an answer with this reason allows.
            #[must_use]
            pub fn allows(self) -> bool {
                match self { $(Self::$variant => $allows,)+ }
            }
        }
    };
}

reasons! {
    /// An account role holds the permission account-wide.
    Role = true,
    /// The permission was granted to the member.
    Grant = true,
    /// A role in a group that contains the account holds it.
    Group = true,
    /// The resource, or one that contains it, is assigned to the member.
    Assignment = true,
    /// The member created the resource.
    Own = true,
    /// There is no such account.
    UnknownAccount = false,
    /// The account is suspended.
    AccountSuspended = false,
    /// The account was deleted.
    AccountDeleted = false,
    /// The account's policy is not loaded, or the fact does not fit it.
    PolicyUnavailable = false,
    /// There is no such subject.
    UnknownSubject = false,
    /// The user is suspended everywhere.
    SubjectSuspended = false,
    /// The subject has nothing to do with the account.
    NotAMember = false,
    /// The membership has not been accepted yet.
    MembershipPending = false,
    /// The membership is suspended.
    MembershipSuspended = false,
    /// The policy has no such permission.
    UnknownPermission = false,
    /// The policy has no such resource type.
    UnknownResourceType = false,
    /// The permission is not about resources of this type.
    PermissionNotOnResource = false,
    /// No resource of that id was registered.
    UnknownResource = false,
    /// The permission is held on certain resources only, and the question names none.
    ResourceRequired = false,
    /// The permission is held on assigned resources only, and this one is not.
    NotAssigned = false,
    /// The permission is held on one's own resources only, and this one is not.
    NotOwn = false,
    /// The account does not meet what the permission requires.
    RequirementUnmet = false,
    /// A restriction takes the permission from the member.
    Restricted = false,
    /// Nothing gives the subject the permission.
    NotGranted = false,
}

/// Answers one question. Source: X-03, DESIGN.md "Compiled, a decision is a handful of bit operations".
#[must_use]
pub fn decide(question: &Question<'_>) -> Decision {
    let Standing { policy, account, subject, member } = match standing(question) {
        Ok(standing) => standing,
        Err(reason) => return Decision::deny(reason),
    };
    let Some(permission) = question.permission.and_then(|id| policy.permission(id).map(|p| (id, p))) else {
        return Decision::deny(Reason::UnknownPermission);
    };
    if let Err(reason) = fits(policy, permission.1, question.resource) {
        return Decision::deny(reason);
    }
    let decision = held(policy, account, subject, member, permission, question.resource);
    if !decision.allowed() {
        return decision;
    }
    if !permission.1.requires.intersection(account.unmet).is_empty() {
        return Decision::deny(Reason::RequirementUnmet);
    }
    // INVARIANT: a restriction takes the permission away whichever way it is held, through a group too.
    if member.is_some_and(|m| !m.restrictions.intersection(permission.1.by_restriction).is_empty()) {
        return Decision::deny(Reason::Restricted);
    }
    decision
}

/// Whether the subject is an active member of an active account, directly or through a group.
///
/// # Errors
/// The reason for which every question would be denied.
pub fn belongs(question: &Question<'_>) -> Result<(), Reason> {
    standing(question).map(|_| ())
}

/// What a question stands on, once the account, the subject and their tie are known to be in order.
struct Standing<'a> {
    policy: &'a Policy,
    account: &'a AccountFact,
    subject: &'a UserFact,
    member: Option<&'a MemberFact>,
}

fn standing<'a>(question: &Question<'a>) -> Result<Standing<'a>, Reason> {
    let account = question.account.ok_or(Reason::UnknownAccount)?;
    match account.state {
        AccountState::Active => {}
        AccountState::Suspended => return Err(Reason::AccountSuspended),
        AccountState::Deleted => return Err(Reason::AccountDeleted),
    }
    let policy = question.policy.ok_or(Reason::PolicyUnavailable)?;
    let subject = question.subject.ok_or(Reason::UnknownSubject)?;
    if subject.state != UserState::Active {
        return Err(Reason::SubjectSuspended);
    }
    let member = belonging(account, subject, question.member)?;
    Ok(Standing { policy, account, subject, member })
}

/// The membership that counts; `None`: a group alone ties the subject to the account.
fn belonging<'a>(
    account: &AccountFact,
    subject: &UserFact,
    member: Option<&'a MemberFact>,
) -> Result<Option<&'a MemberFact>, Reason> {
    let in_group = || subject.seats.iter().any(|seat| account.groups.binary_search(&seat.group).is_ok());
    match member {
        Some(member) if !member.fits_policy => Err(Reason::PolicyUnavailable),
        Some(member) => match member.state {
            MemberState::Active => Ok(Some(member)),
            // A suspended membership shuts the account for its holder, whatever a group gives.
            MemberState::Suspended => Err(Reason::MembershipSuspended),
            MemberState::Pending if in_group() => Ok(None),
            MemberState::Pending => Err(Reason::MembershipPending),
        },
        None if in_group() => Ok(None),
        None => Err(Reason::NotAMember),
    }
}

/// Whether the permission can be asked about this resource, or about none.
fn fits(policy: &Policy, permission: &Permission, resource: Option<Target<'_>>) -> Result<(), Reason> {
    let Some(target) = resource else { return Ok(()) };
    let id = target.resource_type.ok_or(Reason::UnknownResourceType)?;
    let kind = policy.resource_type(id).ok_or(Reason::UnknownResourceType)?;
    if !permission.on.contains(id.0) {
        return Err(Reason::PermissionNotOnResource);
    }
    match kind.ids {
        ResourceIds::Registered if !target.registered => Err(Reason::UnknownResource),
        ResourceIds::Registered | ResourceIds::Free => Ok(()),
    }
}

/// By which ways the subject holds the permission, before requirements and restrictions.
fn held(
    policy: &Policy,
    account: &AccountFact,
    subject: &UserFact,
    member: Option<&MemberFact>,
    (id, permission): (PermissionId, &Permission),
    resource: Option<Target<'_>>,
) -> Decision {
    let roles = member.map_or(Mask::EMPTY, |m| m.roles.difference(account.idle_roles));
    let mut via = Via {
        roles: roles.intersection(permission.by_role),
        grant: member.is_some_and(|m| m.grants.contains(id)),
        seats: seats(policy, account, subject, permission),
        ..Via::default()
    };
    let on_assigned = roles.intersection(permission.by_role_assigned);
    let on_own = roles.intersection(permission.by_role_own);
    if let (Some(target), Some(_)) = (resource, member) {
        via.assignments = assignments(account, permission, id, !on_assigned.is_empty(), target.assignments);
        via.own = target.created_by_subject && !on_own.is_empty();
    }
    let reason = match via {
        Via { roles, .. } if !roles.is_empty() => Reason::Role,
        Via { grant: true, .. } => Reason::Grant,
        Via { seats, .. } if !seats.is_empty() => Reason::Group,
        Via { assignments, .. } if !assignments.is_empty() => Reason::Assignment,
        Via { own: true, .. } => Reason::Own,
        _ if on_assigned.is_empty() && on_own.is_empty() => missing_on_resource(policy, id, permission, resource),
        _ if resource.is_none() => Reason::ResourceRequired,
        _ if !on_assigned.is_empty() => Reason::NotAssigned,
        _ => Reason::NotOwn,
    };
    if reason.allows() { Decision { reason, via } } else { Decision::deny(reason) }
}

/// Positions of the subject's group seats that reach this account and hold the permission there.
fn seats(policy: &Policy, account: &AccountFact, subject: &UserFact, permission: &Permission) -> Mask {
    let Some(groups) = &policy.groups else { return Mask::EMPTY };
    let holders = permission.by_group_role.difference(account.idle_group_roles);
    // A position past 63 shares the last bit, so that it counts though it cannot be named.
    (0_u8..=63)
        .chain(std::iter::repeat(63))
        .zip(&subject.seats)
        .filter(|(_, seat)| account.groups.binary_search(&seat.group).is_ok())
        .filter(|(_, seat)| groups.role_id(&seat.role).is_some_and(|role| holders.contains(role.0)))
        .map(|(position, _)| position)
        .collect()
}

/// Positions of the assignments that carry the permission.
fn assignments(
    account: &AccountFact,
    permission: &Permission,
    id: PermissionId,
    by_account_role: bool,
    chain: &[AssignmentFact],
) -> Mask {
    (0_u8..=63)
        .chain(std::iter::repeat(63))
        .zip(chain)
        .filter(|(_, assignment)| {
            let kind = usize::from(assignment.resource_type.0);
            let idle = account.idle_resource_roles.get(kind).copied().unwrap_or_default();
            let by_role = permission.by_resource_role.get(kind).copied().unwrap_or_default();
            by_account_role
                || assignment.permissions.contains(id)
                || !by_role.intersection(assignment.roles.difference(idle)).is_empty()
        })
        .map(|(position, _)| position)
        .collect()
}

/// What to say when no account role holds the permission in any way: an assignment might have carried it.
fn missing_on_resource(
    policy: &Policy,
    id: PermissionId,
    permission: &Permission,
    resource: Option<Target<'_>>,
) -> Reason {
    let by_assignment = permission.by_resource_role.iter().any(|mask| !mask.is_empty())
        || policy.resource_types.iter().any(|kind| kind.assignable.contains(id));
    match resource {
        None if by_assignment => Reason::ResourceRequired,
        Some(_) if by_assignment => Reason::NotAssigned,
        _ => Reason::NotGranted,
    }
}

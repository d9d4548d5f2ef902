//! Whom and what a look-up has to ask about, so that it need not ask about everybody: where the permission can come from.
//!
//! Nothing here allows anything: each candidate is asked about by [`decide`], and only its answer counts.
//! INVARIANT: whatever [`decide`] allows is among the candidates.

use std::collections::BTreeSet;

use crate::decide::{Question, Reason, decide};
use crate::facts::{MemberFact, UserFact};
use crate::membership::MemberState;
use crate::policy::model::{Policy, Role};
use crate::policy::set::{Mask, PermissionSet};

/// Names of what holds a permission account-wide. Beside them it may have been granted, by its own name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sources<'p> {
    /// Account roles.
    pub roles: BTreeSet<&'p str>,
    /// Group roles.
    pub group_roles: BTreeSet<&'p str>,
}

impl<'p> Sources<'p> {
    /// Those of one policy; none, if it has no such permission.
    #[must_use]
    pub fn of(policy: &'p Policy, permission: &str) -> Self {
        let mut sources = Self::default();
        sources.add(policy, permission);
        sources
    }

    /// Adds those of another policy.
    pub fn add(&mut self, policy: &'p Policy, permission: &str) {
        let Some(permission) = policy.permission_id(permission).and_then(|id| policy.permission(id)) else {
            return;
        };
        let held = |mask: Mask, index: u8, role: &'p Role| mask.contains(index).then_some(role.name.as_str());
        let roles = (0_u8..).zip(&policy.roles);
        self.roles.extend(roles.filter_map(|(index, role)| held(permission.by_role, index, role)));
        let seats = (0_u8..).zip(policy.groups.iter().flat_map(|groups| &groups.roles));
        let seats = seats.filter_map(|(index, seat)| held(permission.by_group_role, index, &seat.role));
        self.group_roles.extend(seats);
    }
}

/// On what a subject may hold a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// On nothing, and why.
    Nothing(Reason),
    /// On every resource that the permission is about.
    Everything,
    /// On what is assigned to them, on what lives in it, and on what they created.
    TheirOwn,
}

/// On what the subject may hold the question's permission, whichever resource the question names.
#[must_use]
pub fn reach(question: &Question<'_>) -> Reach {
    let account_wide = Question { resource: None, ..*question };
    let decision = decide(&account_wide);
    if decision.allowed() {
        return Reach::Everything;
    }
    let Some(member) = question.member else { return Reach::Nothing(decision.reason) };
    // If a grant would not help, no assignment does.
    match refused_with_grant(&account_wide, *member) {
        Some(reason) => Reach::Nothing(reason),
        None => Reach::TheirOwn,
    }
}

/// Why the question is denied whoever the subject is; `None`: somebody may be allowed.
#[must_use]
pub fn nobody_may(question: &Question<'_>) -> Option<Reason> {
    let member = MemberFact {
        state: MemberState::Active,
        roles: Mask::EMPTY,
        grants: PermissionSet::EMPTY,
        restrictions: Mask::EMPTY,
        fits_policy: true,
    };
    refused_with_grant(&Question { subject: Some(&UserFact::CONTACT), ..*question }, member)
}

/// Why the question is denied even to a member like this whom the permission was granted.
fn refused_with_grant(question: &Question<'_>, mut member: MemberFact) -> Option<Reason> {
    if let Some(id) = question.permission {
        member.grants.insert(id);
    }
    let decision = decide(&Question { member: Some(&member), ..*question });
    (!decision.allowed()).then_some(decision.reason)
}

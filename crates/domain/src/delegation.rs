//! Who may give and take what, and to and from whom. The rules stand in the policy, under each
//! role's `delegation`; the union of the rules of all roles that the actor holds is what the actor may do.

use crate::policy::model::{AssignRule, Delegation, Policy};
use crate::policy::set::{Mask, PermissionSet, ResourceTypeId};

/// What the actor's rules together allow towards one member.
#[derive(Debug, Clone, Default)]
pub struct Powers {
    give: Mask,
    take: Mask,
    grant: PermissionSet,
    withdraw: PermissionSet,
    restrict: Mask,
    lift: Mask,
    remove: bool,
    assign: Vec<AssignRule>,
    unassign: Vec<AssignRule>,
}

/// What a command would hand out and take back, compared with what the member holds now.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish {
    /// Account roles given.
    pub give: Mask,
    /// Account roles taken.
    pub take: Mask,
    /// Single permissions granted.
    pub grant: PermissionSet,
    /// Single permissions withdrawn.
    pub withdraw: PermissionSet,
    /// Restrictions put on the member.
    pub restrict: Mask,
    /// Restrictions lifted.
    pub lift: Mask,
}

/// What an assignment would carry more, or less, than it does now.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// The type of the resource.
    pub resource_type: ResourceTypeId,
    /// Roles of that type.
    pub roles: Mask,
    /// Single permissions.
    pub permissions: PermissionSet,
}

/// Whom a command is about, as rules see them.
#[derive(Debug, Clone, Copy)]
pub enum Towards {
    /// The actor.
    Oneself,
    /// Somebody else with these account roles; a newcomer has none yet.
    Member(Mask),
}

impl Powers {
    /// What the rules allow towards that member.
    #[must_use]
    pub fn of<'a>(rules: impl IntoIterator<Item = &'a Delegation>, towards: Towards) -> Self {
        let mut powers = Self::default();
        for rule in rules {
            let covered = match towards {
                Towards::Oneself => rule.over.oneself,
                // A rule over oneself alone has an empty mask, which must not cover newcomers.
                Towards::Member(roles) => !rule.over.roles.is_empty() && roles.is_subset(rule.over.roles),
            };
            if covered {
                powers.add(rule);
            }
        }
        powers
    }

    fn add(&mut self, rule: &Delegation) {
        self.give = self.give.union(rule.give);
        self.take = self.take.union(rule.take);
        self.grant = self.grant.union(&rule.grant);
        self.withdraw = self.withdraw.union(&rule.withdraw);
        self.restrict = self.restrict.union(rule.restrict);
        self.lift = self.lift.union(rule.lift);
        self.remove |= rule.remove;
        self.assign.extend_from_slice(&rule.assign);
        self.unassign.extend_from_slice(&rule.unassign);
    }

    /// Whether the member may be removed, suspended or reinstated.
    #[must_use]
    pub fn may_remove(&self) -> bool {
        self.remove
    }

    /// What of the wish no rule covers, as phrases that follow "does not let you".
    #[must_use]
    pub fn refused(&self, policy: &Policy, wish: &Wish) -> Vec<String> {
        let role = |index| policy.roles.get(usize::from(index)).map_or("", |role| &role.name);
        let restriction = |index| policy.restrictions.get(usize::from(index)).map_or("", |found| &found.name);
        let mut refused = Vec::new();
        let mut masks = |verb: &str, beyond: Mask, name: &dyn Fn(u8) -> String| {
            refused.extend(beyond.iter().map(|index| format!("{verb} {}", name(index))));
        };
        masks("give the role", wish.give.difference(self.give), &|i| role(i).to_owned());
        masks("take the role", wish.take.difference(self.take), &|i| role(i).to_owned());
        masks("put the restriction", wish.restrict.difference(self.restrict), &|i| restriction(i).to_owned());
        masks("lift the restriction", wish.lift.difference(self.lift), &|i| restriction(i).to_owned());
        let mut sets = |verb: &str, beyond: PermissionSet| {
            refused.extend(policy.permission_names(&beyond).map(|name| format!("{verb} {name}")));
        };
        sets("grant", wish.grant.difference(&self.grant));
        sets("withdraw", wish.withdraw.difference(&self.withdraw));
        refused
    }

    /// What of an assignment no rule covers, as phrases that follow "does not let you".
    #[must_use]
    pub fn refused_assignment(&self, policy: &Policy, load: &Load) -> Vec<String> {
        beyond(policy, "assign", &self.assign, load)
    }

    /// What of ending an assignment (or a part of it) no rule covers.
    #[must_use]
    pub fn refused_unassignment(&self, policy: &Policy, load: &Load) -> Vec<String> {
        beyond(policy, "unassign", &self.unassign, load)
    }
}

fn beyond(policy: &Policy, verb: &str, rules: &[AssignRule], load: &Load) -> Vec<String> {
    let Some(kind) = policy.resource_type(load.resource_type) else { return vec![format!("{verb} this")] };
    let mut covering = rules.iter().filter(|rule| rule.resource_type == load.resource_type).peekable();
    if covering.peek().is_none() {
        return vec![format!("{verb} a {}", kind.name)];
    }
    let (mut roles, mut permissions) = (load.roles, load.permissions);
    for rule in covering {
        roles = roles.difference(rule.roles);
        permissions = permissions.difference(&rule.permissions);
    }
    let role = |index| kind.roles.get(usize::from(index)).map_or("", |role| &role.name);
    let roles = roles.iter().map(|index| format!("{verb} a {} as {}", kind.name, role(index)));
    let permissions = policy.permission_names(&permissions).map(|name| format!("{verb} a {} with {name}", kind.name));
    roles.chain(permissions).collect()
}

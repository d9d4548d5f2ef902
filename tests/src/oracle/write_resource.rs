//! What is wrong with writes to resources and assignments.

use super::judge::{Actor, Class, Faults, carries, fault, without};
use super::may::has;
use super::policy::ResourceType;
use super::roles::{Carried, Role};
use super::world::{Account, Assignment, Ref, World};
use super::write_member::one_of_each;

impl World {
    pub(super) fn create_resource(
        &self,
        actor: &Actor,
        id: &str,
        name: &Ref,
        parent: Option<&Ref>,
        creator: Option<&str>,
    ) -> Faults {
        let standing = self.denied(actor, id, None, None);
        let Some(account) =
            self.account(id).filter(|_| standing.is_empty() || standing == fault(Class::Permission))
        else {
            return standing;
        };
        let policy = self.policy(account);
        let Some(kind) = policy.types.get(&name.0) else { return fault(Class::Invalid) };
        let operation = kind.operations.get("create");
        let about = operation.and_then(|operation| policy.about.get(&operation.needs));
        let asked_on = parent.filter(|parent| about.is_some_and(|about| about.contains(&parent.0)));
        let mut faults = self.denied(actor, id, operation, asked_on);
        let there =
            asked_on.is_none_or(|parent| policy.types[&parent.0].free || account.resource(parent).is_some());
        if !faults.is_empty() && there {
            return faults;
        }
        let fits = match (&kind.parent, parent) {
            (None, None) => true,
            (Some(wanted), Some(parent)) => {
                parent.0 == *wanted && (policy.types[wanted].free || account.resource(parent).is_some())
            }
            _ => false,
        };
        let forged = actor.user().is_some_and(|actor| creator.is_some_and(|creator| creator != actor));
        if kind.free || !fits || forged {
            faults.insert(Class::Invalid);
        }
        if account.resource(name).is_some() {
            faults.insert(Class::Exists);
        }
        let born = kind.roles.values().any(|role| role.at_birth);
        if born && actor.user().is_none() && creator.is_some_and(|creator| account.member(creator).is_none())
        {
            faults.insert(Class::NotFound);
        }
        faults
    }

    /// What is wrong with what an assignment is to carry.
    pub(super) fn assign(&self, actor: &Actor, account: &Account, wanted: &Assignment) -> Faults {
        let policy = self.policy(account);
        let kind: &ResourceType = &policy.types[&wanted.resource.0];
        let roles: Vec<&Role> = wanted.roles.iter().filter_map(|name| kind.roles.get(name)).collect();
        let needs_one = kind.roles.values().any(|role| role.stands_alone);
        let fits = wanted.roles.iter().all(|name| kind.roles.contains_key(name))
            && wanted.permissions.iter().all(|name| has(&kind.assignable, name))
            && one_of_each(&roles)
            && !(roles.is_empty() && needs_one);
        let met = roles.iter().all(|role| policy.met(&role.requires, &account.attributes));
        let target = self.target(actor, account, &wanted.user);
        let delegated = self.rules(actor, account, &target, Some(&wanted.resource)).is_none_or(|rules| {
            let none = Assignment { roles: Vec::new(), permissions: Vec::new(), ..wanted.clone() };
            let before = account.assignment(&wanted.user, &wanted.resource).unwrap_or(&none);
            let less = difference(before, wanted);
            carries(&difference(wanted, before), &rules, |rule| &rule.assign)
                && (less.roles.is_empty() && less.permissions.is_empty()
                    || carries(&less, &rules, |rule| &rule.unassign))
        });
        let faults = [(fits, Class::Invalid), (met, Class::Requirement), (delegated, Class::Delegation)];
        faults.into_iter().filter(|(fine, _)| !fine).map(|(_, class)| class).collect()
    }

    pub(super) fn unassign(&self, actor: &Actor, id: &str, user: &str, resource: &Ref) -> Faults {
        let denied = self.denied_on(actor, id, resource, "unassign");
        let Some(account) = self.account(id).filter(|_| denied.is_empty()) else { return denied };
        let Some(before) = account.assignment(user, resource) else { return fault(Class::NotFound) };
        let load = Carried {
            kind: resource.0.clone(),
            roles: before.roles.clone(),
            permissions: before.permissions.clone(),
        };
        match self.rules(actor, account, &self.target(actor, account, user), Some(resource)) {
            Some(rules) if !carries(&load, &rules, |rule| &rule.unassign) => fault(Class::Delegation),
            _ => Faults::new(),
        }
    }
}

fn difference(more: &Assignment, less: &Assignment) -> Carried {
    Carried {
        kind: more.resource.0.clone(),
        roles: without(&more.roles, &less.roles),
        permissions: without(&more.permissions, &less.permissions),
    }
}

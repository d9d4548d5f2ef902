//! What is wrong with writes to members.

use super::judge::{Actor, Class, Faults, covered, fault, without};
use super::may::has;
use super::roles::Role;
use super::world::{Account, Assignment, Member, World};

impl World {
    pub(super) fn add_member(
        &self,
        actor: &Actor,
        id: &str,
        member: &Member,
        assignments: &[Assignment],
    ) -> Faults {
        let operation = self.operation(id, "member.add");
        let mut faults = self.denied(actor, id, operation, None);
        let Some(account) = self.account(id).filter(|_| faults.is_empty()) else { return faults };
        let count = |kind: &str| assignments.iter().filter(|wanted| wanted.resource.0 == kind).count();
        if operation.is_some_and(|operation| operation.at_most.iter().any(|(kind, most)| count(kind) > *most))
        {
            faults.insert(Class::Invalid);
        }
        if account.member(&member.user).is_some() {
            faults.insert(Class::Exists);
        }
        faults.extend(self.fit(account, member));
        let target = self.target(actor, account, &member.user);
        if let Some(rules) = self.rules(actor, account, &target, None)
            && !(covered(&member.roles, &rules, |rule| &rule.give)
                && covered(&member.grants, &rules, |rule| &rule.grant)
                && covered(&member.restrictions, &rules, |rule| &rule.restrict))
        {
            faults.insert(Class::Delegation);
        }
        for wanted in assignments {
            let denied = self.denied_on(actor, id, &wanted.resource, "assign");
            faults.extend(if denied.is_empty() { self.assign(actor, account, wanted) } else { denied });
        }
        faults
    }

    pub(super) fn update_member(
        &self,
        actor: &Actor,
        id: &str,
        user: &str,
        new: [&Option<Vec<String>>; 3],
    ) -> Faults {
        let mut faults = self.denied(actor, id, self.operation(id, "member.update"), None);
        let Some(account) = self.account(id).filter(|_| faults.is_empty()) else { return faults };
        let Some(before) = account.member(user) else { return fault(Class::NotFound) };
        let after = updated(before, new);
        faults.extend(self.fit(account, &after));
        let Some(rules) = self.rules(actor, account, &self.target(actor, account, user), None) else {
            return faults;
        };
        let may = covered(&without(&after.roles, &before.roles), &rules, |rule| &rule.give)
            && covered(&without(&before.roles, &after.roles), &rules, |rule| &rule.take)
            && covered(&without(&after.grants, &before.grants), &rules, |rule| &rule.grant)
            && covered(&without(&before.grants, &after.grants), &rules, |rule| &rule.withdraw)
            && covered(&without(&after.restrictions, &before.restrictions), &rules, |rule| &rule.restrict)
            && covered(&without(&before.restrictions, &after.restrictions), &rules, |rule| &rule.lift);
        if !may {
            faults.insert(Class::Delegation);
        }
        faults
    }

    /// Whether roles, grants and restrictions go together in this account.
    pub(super) fn fit(&self, account: &Account, member: &Member) -> Faults {
        let policy = self.policy(account);
        let roles: Vec<&Role> = member.roles.iter().filter_map(|name| policy.roles.get(name)).collect();
        let fits = member.roles.iter().all(|name| policy.roles.contains_key(name))
            && roles.iter().any(|role| role.stands_alone)
            && one_of_each(&roles)
            && member.grants.iter().all(|name| roles.iter().any(|role| has(&role.grantable, name)))
            && member.restrictions.iter().all(|name| roles.iter().any(|role| has(&role.restrictable, name)));
        let met = roles.iter().all(|role| policy.met(&role.requires, &account.attributes));
        let faults = [(fits, Class::Invalid), (met, Class::Requirement)];
        faults.into_iter().filter(|(fine, _)| !fine).map(|(_, class)| class).collect()
    }

    pub(super) fn end_or_pause(&self, actor: &Actor, id: &str, user: &str, operation: &str) -> Faults {
        let denied = self.denied(actor, id, self.operation(id, operation), None);
        let Some(account) = self.account(id).filter(|_| denied.is_empty()) else { return denied };
        if account.member(user).is_none() {
            return fault(Class::NotFound);
        }
        match self.rules(actor, account, &self.target(actor, account, user), None) {
            Some(rules) if !rules.iter().any(|rule| rule.remove) => fault(Class::Delegation),
            _ => Faults::new(),
        }
    }

    /// Everybody who may leave may; others need a rule.
    pub(super) fn remove_member(&self, actor: &Actor, id: &str, user: &str) -> Faults {
        if actor.user() != Some(user) {
            return self.end_or_pause(actor, id, user, "member.remove");
        }
        let operation = self.operation(id, "member.leave");
        let denied = self.denied(actor, id, operation, None);
        if operation.is_none() && denied == fault(Class::Permission) {
            return fault(Class::SelfRemoval);
        }
        match self.account(id).filter(|_| denied.is_empty()) {
            Some(account) if account.member(user).is_none() => fault(Class::NotFound),
            _ => denied,
        }
    }
}

/// The member as an update leaves them.
pub(super) fn updated(before: &Member, [roles, grants, restrictions]: [&Option<Vec<String>>; 3]) -> Member {
    let new = |list: &Option<Vec<String>>, old: &Vec<String>| list.clone().unwrap_or_else(|| old.clone());
    Member {
        roles: new(roles, &before.roles),
        grants: new(grants, &before.grants),
        restrictions: new(restrictions, &before.restrictions),
        ..before.clone()
    }
}

pub(super) fn one_of_each(roles: &[&Role]) -> bool {
    let words: Vec<&String> = roles.iter().filter_map(|role| role.exclusive.as_ref()).collect();
    words.iter().all(|word| words.iter().filter(|other| other == &word).count() == 1)
}

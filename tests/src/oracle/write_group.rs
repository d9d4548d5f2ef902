//! What is wrong with writes to account groups.

use std::collections::BTreeMap;

use super::judge::{Actor, Class, Faults, fault};
use super::may::has;
use super::roles::Role;
use super::world::{AccountState, World};

impl World {
    pub(super) fn create_group(&self, actor: &Actor, accounts: &[String], founder: &str) -> Faults {
        let policy = accounts.first().and_then(|id| self.account(id)).map(|account| account.policy.clone());
        let eligible = |id: &String| {
            let account = self.account(id)?;
            let groups = self.policy(account).groups.as_ref()?;
            let member =
                account.member(founder).filter(|member| member.active() && member.has(&groups.founder))?;
            (Some(&account.policy) == policy.as_ref() && account.state == AccountState::Active)
                .then_some(member)
        };
        let fine = !accounts.is_empty()
            && accounts.iter().all(|id| eligible(id).is_some())
            && actor.user().is_none_or(|actor| actor == founder);
        if fine { Faults::new() } else { fault(Class::Invalid) }
    }

    /// The group's roles and the actor's own among them; or why the actor may not even ask.
    pub(super) fn in_group(
        &self,
        actor: &Actor,
        group: &str,
    ) -> Result<(&BTreeMap<String, Role>, Option<&Role>), Class> {
        let found = self.groups.iter().find(|(id, _)| id == group);
        let roles =
            found.and_then(|(_, policy)| self.policies[policy].groups.as_ref()).map(|groups| &groups.roles);
        match (actor, roles) {
            (Actor::Operator, None) => Err(Class::NotFound),
            (Actor::Operator, Some(roles)) => Ok((roles, None)),
            (Actor::Person(user), roles) => {
                let role =
                    roles.and_then(|roles| roles.get(self.seat(user, group)?)).ok_or(Class::Stranger)?;
                Ok((roles.ok_or(Class::Stranger)?, Some(role)))
            }
        }
    }

    pub(super) fn seat(&self, user: &str, group: &str) -> Option<&String> {
        self.user(user)?.seats.iter().find(|(id, _)| id == group).map(|(_, role)| role)
    }

    pub(super) fn add_group_user(&self, actor: &Actor, group: &str, user: &str, role: &str) -> Faults {
        let (roles, own) = match self.in_group(actor, group) {
            Ok(found) => found,
            Err(class) => return fault(class),
        };
        let Some(wanted) = roles.get(role) else { return fault(Class::Invalid) };
        let mut faults = Faults::new();
        if let Some(own) = own {
            let gives = has(&own.gives, role) && !wanted.made_by_operator;
            let takes = self.seat(user, group).is_none_or(|now| now == role || has(&own.takes, now));
            if !gives || !takes {
                faults.insert(Class::Delegation);
            }
        }
        let rests = |needed: &String| {
            let inside = self.accounts.iter().filter(|account| account.groups.iter().any(|id| id == group));
            inside.into_iter().all(|account| {
                account.member(user).is_some_and(|member| member.active() && member.has(needed))
            })
        };
        if !wanted.must_hold.as_ref().is_none_or(rests) {
            faults.insert(Class::State);
        }
        faults
    }

    pub(super) fn remove_group_user(&self, actor: &Actor, group: &str, user: &str) -> Faults {
        let own = match self.in_group(actor, group) {
            Ok((_, own)) => own,
            Err(class) => return fault(class),
        };
        match self.seat(user, group) {
            None => fault(Class::NotFound),
            Some(now) if actor.user() != Some(user) && own.is_some_and(|own| !has(&own.takes, now)) => {
                fault(Class::Delegation)
            }
            Some(_) => Faults::new(),
        }
    }
}

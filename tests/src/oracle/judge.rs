//! Who may do what to whom: operations and delegation.

use std::collections::BTreeSet;

use super::may::{allows, has};
use super::policy::Operation;
use super::roles::{Carried, Rule};
use super::world::{Account, AccountState, Ref, World};

/// Who asks for a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A platform operator.
    Operator,
    /// The user of this id.
    Person(String),
}

impl Actor {
    /// The user, if one asks.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Operator => None,
            Self::Person(user) => Some(user),
        }
    }
}

/// The classes of refusal: `ErrorReason` where it matters which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// NOT_A_MEMBER.
    Stranger,
    /// PERMISSION_MISSING, OPERATOR_ONLY or SCOPE_MISSING.
    Permission,
    /// SELF_REMOVAL.
    SelfRemoval,
    /// DELEGATION_DENIED.
    Delegation,
    /// INVALID_FIELDS.
    Invalid,
    /// NOT_FOUND.
    NotFound,
    /// ALREADY_EXISTS.
    Exists,
    /// REQUIREMENT_UNMET.
    Requirement,
    /// LIMIT_LEAST or LIMIT_MOST.
    Limit,
    /// WRONG_STATE.
    State,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 10] = [
        Self::Stranger,
        Self::Permission,
        Self::SelfRemoval,
        Self::Delegation,
        Self::Invalid,
        Self::NotFound,
        Self::Exists,
        Self::Requirement,
        Self::Limit,
        Self::State,
    ];

    /// The class of a refusal's reason; `None`: no history should lead to it.
    pub fn of(reason: &str) -> Option<Self> {
        Some(match reason {
            "NOT_A_MEMBER" => Self::Stranger,
            "PERMISSION_MISSING" | "OPERATOR_ONLY" | "SCOPE_MISSING" => Self::Permission,
            "SELF_REMOVAL" => Self::SelfRemoval,
            "DELEGATION_DENIED" => Self::Delegation,
            "INVALID_FIELDS" => Self::Invalid,
            "NOT_FOUND" => Self::NotFound,
            "ALREADY_EXISTS" => Self::Exists,
            "REQUIREMENT_UNMET" => Self::Requirement,
            "LIMIT_LEAST" | "LIMIT_MOST" => Self::Limit,
            "WRONG_STATE" => Self::State,
            _ => return None,
        })
    }
}

/// Everything that is wrong with a write; empty: it succeeds.
pub type Faults = BTreeSet<Class>;

pub(super) fn fault(class: Class) -> Faults {
    Faults::from([class])
}

/// Whom a write is about, as delegation sees them.
#[derive(Debug, Clone)]
pub(super) enum Target {
    Oneself,
    Newcomer,
    Member(Vec<String>),
}

impl World {
    /// What keeps the actor from an operation in an account, optionally on a resource.
    pub(super) fn denied(
        &self,
        actor: &Actor,
        account: &str,
        operation: Option<&Operation>,
        on: Option<&Ref>,
    ) -> Faults {
        let required = |found: &Account| match operation {
            Some(operation) if !self.policy(found).met(&operation.requires, &found.attributes) => {
                fault(Class::Requirement)
            }
            _ => Faults::new(),
        };
        match (actor, self.account(account)) {
            (Actor::Operator, None) => fault(Class::NotFound),
            (Actor::Operator, Some(found)) if found.state == AccountState::Deleted => fault(Class::State),
            (Actor::Operator, Some(found)) => required(found),
            (Actor::Person(user), _) if self.shut(account, user).is_some() => fault(Class::Stranger),
            (Actor::Person(_), None) => fault(Class::Stranger),
            (Actor::Person(user), Some(found)) => match operation {
                None => fault(Class::Permission),
                Some(operation) if operation.needs == "anyone" => required(found),
                Some(operation) => match self.lacks(account, user, &operation.needs, on) {
                    Some(class) => fault(class),
                    None => required(found),
                },
            },
        }
    }

    /// What keeps a member from what needs this permission.
    pub(super) fn lacks(
        &self,
        account: &str,
        user: &str,
        permission: &str,
        on: Option<&Ref>,
    ) -> Option<Class> {
        match self.may(account, user, permission, on) {
            reason if allows(reason) => None,
            "REQUIREMENT_UNMET" => Some(Class::Requirement),
            _ => Some(Class::Permission),
        }
    }

    /// The rules of delegation that the actor holds and that cover the target; `None`: operators need none.
    pub(super) fn rules(
        &self,
        actor: &Actor,
        account: &Account,
        target: &Target,
        on: Option<&Ref>,
    ) -> Option<Vec<Rule>> {
        let user = actor.user()?;
        let mut rules: Vec<Rule> = Vec::new();
        for role in
            self.counting_roles(account, user).into_iter().chain(self.counting_group_roles(account, user))
        {
            rules.extend(role.delegation.clone());
        }
        for assignment in on.into_iter().flat_map(|name| account.assigned(user, name)) {
            let table = &self.policy(account).types[&assignment.resource.0].roles;
            let roles = self.counting(account, table, &assignment.roles);
            rules.extend(roles.into_iter().flat_map(|role| role.delegation.clone()));
        }
        rules.retain(|rule| covers(rule, target));
        Some(rules)
    }

    pub(super) fn target(&self, actor: &Actor, account: &Account, user: &str) -> Target {
        match account.member(user) {
            _ if actor.user() == Some(user) => Target::Oneself,
            Some(member) => Target::Member(member.roles.clone()),
            None => Target::Newcomer,
        }
    }
}

/// A newcomer has no roles, so that any rule over others covers them.
fn covers(rule: &Rule, target: &Target) -> bool {
    let others: Vec<&String> = rule.over.iter().filter(|word| *word != "self").collect();
    match target {
        Target::Oneself => has(&rule.over, "self"),
        Target::Newcomer => !others.is_empty(),
        Target::Member(roles) => {
            has(&rule.over, "anyone")
                || (!others.is_empty() && roles.iter().all(|role| others.contains(&role)))
        }
    }
}

/// Whether every name is in the list that one of the rules gives.
pub(super) fn covered(names: &[String], rules: &[Rule], list: impl Fn(&Rule) -> &Vec<String>) -> bool {
    names.iter().all(|name| rules.iter().any(|rule| has(list(rule), name)))
}

/// Whether the rules let an assignment of the type carry this, or this be taken from one.
pub(super) fn carries(load: &Carried, rules: &[Rule], list: impl Fn(&Rule) -> &Vec<Carried>) -> bool {
    let lists: Vec<&Carried> =
        rules.iter().flat_map(list).filter(|carried| carried.kind == load.kind).collect();
    !lists.is_empty()
        && load.roles.iter().all(|role| lists.iter().any(|carried| has(&carried.roles, role)))
        && load.permissions.iter().all(|name| lists.iter().any(|carried| has(&carried.permissions, name)))
}

/// The names of the first list that are not in the second.
pub(super) fn without(names: &[String], others: &[String]) -> Vec<String> {
    names.iter().filter(|name| !has(others, name)).cloned().collect()
}

//! What is wrong with writes to accounts.

use std::collections::BTreeMap;

use super::judge::{Actor, Class, Faults, fault};
use super::may::has;
use super::policy::Value;
use super::world::World;

impl World {
    pub(super) fn create_account(
        &self,
        actor: &Actor,
        policy: &str,
        first: &str,
        attributes: &BTreeMap<String, Value>,
    ) -> Faults {
        let Some(policy) = self.policies.get(policy) else { return fault(Class::Invalid) };
        let born = |name: &str| policy.roles.values().any(|role| role.at_birth && has(&role.may, name));
        let mut faults = Faults::new();
        for (name, value) in attributes {
            let found = policy.attributes.get(name);
            let settable = match actor {
                Actor::Operator => true,
                Actor::Person(_) => found.is_some_and(|found| found.changed_by.as_deref().is_some_and(born)),
            };
            if !settable || !found.is_some_and(|found| fits(&found.kind, &found.choices, value)) {
                faults.insert(Class::Invalid);
            }
        }
        if actor.user().is_some_and(|actor| actor != first) {
            faults.insert(Class::Invalid);
        }
        faults
    }

    pub(super) fn update_account(
        &self,
        actor: &Actor,
        id: &str,
        attributes: &BTreeMap<String, Option<Value>>,
    ) -> Faults {
        let mut faults = self.denied(actor, id, self.operation(id, "account.update"), None);
        let Some(account) = self.account(id).filter(|_| faults.is_empty()) else { return faults };
        let policy = self.policy(account);
        for (name, value) in attributes {
            let Some(attribute) = policy.attributes.get(name) else {
                faults.insert(Class::Invalid);
                continue;
            };
            if value.as_ref().is_some_and(|value| !fits(&attribute.kind, &attribute.choices, value)) {
                faults.insert(Class::Invalid);
                continue;
            }
            let Some(user) = actor.user().filter(|_| account.attributes.get(name) != value.as_ref()) else {
                continue;
            };
            match &attribute.changed_by {
                None => faults.extend([Class::Permission]),
                Some(permission) => faults.extend(self.lacks(id, user, permission, None)),
            }
            let rank = |value: Option<&Value>| match value.or(attribute.default.as_ref()) {
                Some(Value::Text(word)) => attribute.choices.iter().position(|choice| choice == word),
                _ => None,
            };
            if attribute.only_upwards && rank(value.as_ref()) < rank(account.attributes.get(name)) {
                faults.insert(Class::State);
            }
        }
        faults
    }
}

/// Whether an attribute of the kind takes the value.
fn fits(kind: &str, choices: &[String], value: &Value) -> bool {
    match (kind, value) {
        ("choice", Value::Text(word)) => has(choices, word),
        ("flag", Value::Flag(_)) | ("number", Value::Number(_)) => true,
        ("text", Value::Text(text)) => !text.is_empty(),
        ("domain", Value::Text(text)) => text.split('.').count() > 1 && !text.contains(' '),
        _ => false,
    }
}

//! A policy comes into force while the service runs: what it says is what is decided from the answer on, what it would do
//! is told before, and what was in force can be put in force again.

mod applying;
mod command;
mod effects;
mod on_resources;
mod starting;

use std::collections::BTreeSet;

use mandate_proto::v1::{Account, User};
use mandate_tests::World;

/// A workshop whose worker may do these things (`tools.view`); others, `PERMISSIONS` of them, are the owner's alone.
pub(crate) fn workshop(worker: &[&str]) -> String {
    with_roles(&[("worker", worker)])
}

/// What there is to do in a workshop.
pub(crate) const PERMISSIONS: [&str; 6] =
    ["tools.view", "tools.lend", "tools.buy", "plans.view", "plans.edit", "plans.sell"];

/// A workshop with these roles beside the owner's, each with its permissions.
pub(crate) fn with_roles(roles: &[(&str, &[&str])]) -> String {
    let mut text = "
policy: workshop
title: Workshop
modules:
  tools: { title: Tools, actions: { view: See, lend: Lend, buy: Buy } }
  plans: { title: Plans, actions: { view: See, edit: Change, sell: Sell } }
restrictions:
  frozen: { title: Frozen, removes: '*' }
roles:
  owner:
    title: Owner
    description: Runs the workshop.
    at_birth: true
    may: '*'
    given_by_operator: true
    delegation: { over: anyone, give: '*', grant: '*', withdraw: '*', restrict: frozen, lift: frozen, remove: true }
"
    .to_owned();
    for (name, may) in roles {
        text.push_str(&format!(
            "  {name}:\n    title: {name}\n    description: Works.\n    grantable: '*'\n    restrictable: frozen\n    \
             may: [{}]\n",
            may.join(", ")
        ));
    }
    text
}

/// What somebody may do, as Check answers.
pub(crate) async fn permitted(world: &World, who: &User, account: &Account) -> BTreeSet<String> {
    let mut permitted = BTreeSet::new();
    for permission in PERMISSIONS {
        if world.may(who, account, permission).await.allowed() {
            permitted.insert(permission.to_owned());
        }
    }
    permitted
}

/// The names as a set.
pub(crate) fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

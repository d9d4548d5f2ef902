//! A policy as a table of roles and permissions, to be laid beside the document that it encodes.

mod delegation;
mod difference;
mod phrases;
mod sentences;
mod text;

pub use self::difference::{Difference, HolderChange, RuleChange, difference};

use super::model::{Permission, Policy, Role};
use super::set::{Mask, PermissionId, PermissionSet};

/// A policy laid out for people. Its [`Display`](std::fmt::Display) is plain text, the same every time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    /// The policy's name.
    pub policy: String,
    /// What a person calls it.
    pub title: String,
    /// The document it encodes.
    pub source: Option<String>,
    /// The columns: account roles, then group roles, then `type:role` and `type:assignment`, then `grant`
    /// and `contact` where there are such things.
    pub columns: Vec<String>,
    /// One row per permission, in the order of the file.
    pub rows: Vec<MatrixRow>,
    /// One row per module: how much of it each account and group role holds.
    pub access: Vec<AccessRow>,
    /// What tables cannot say, by heading: roles and their limits, who gives what to whom, operations.
    pub sections: Vec<Section>,
}

/// What is held of one permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatrixRow {
    /// The permission's name.
    pub permission: String,
    /// What a person calls it.
    pub title: String,
    /// The title of its module.
    pub module: String,
    /// The resource types it can be asked about.
    pub on: Vec<String>,
    /// One cell per column.
    pub cells: Vec<Cell>,
}

/// How a permission is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// It is not.
    No,
    /// On everything: the account, the one resource, every account of the group.
    Yes,
    /// On assigned resources only.
    Assigned,
    /// On resources the member created only.
    Own,
    /// On assigned resources and those the member created.
    AssignedAndOwn,
    /// If it was granted to the member, or put on the assignment, one by one.
    OneByOne,
}

/// How much of one module each role holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRow {
    /// The module's name.
    pub module: String,
    /// What a person calls it.
    pub title: String,
    /// One level per account role and then per group role.
    pub levels: Vec<AccessLevel>,
}

/// How much of a module is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccessLevel {
    /// Nothing.
    None,
    /// Something.
    Limited,
    /// Every permission, on everything.
    Full,
}

/// What is said under one heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The heading.
    pub heading: &'static str,
    /// Its lines.
    pub lines: Vec<String>,
}

/// How much of a module a set of permissions is. A module that does not exist is held by nobody.
#[must_use]
pub fn access_level(policy: &Policy, module: usize, held: &PermissionSet) -> AccessLevel {
    match policy.modules.get(module) {
        Some(module) if module.permissions.intersection(held).is_empty() => AccessLevel::None,
        Some(module) if module.permissions.is_subset(held) => AccessLevel::Full,
        Some(_) => AccessLevel::Limited,
        None => AccessLevel::None,
    }
}

/// Lays a policy out.
#[must_use]
pub fn matrix(policy: &Policy) -> Matrix {
    Matrix {
        policy: policy.name.clone(),
        title: policy.title.clone(),
        source: policy.source.clone(),
        columns: columns(policy),
        rows: rows(policy),
        access: access(policy),
        sections: sentences::sections(policy),
    }
}

/// The roles that hold permissions in whole accounts: of members, then of groups' users.
fn wide_roles(policy: &Policy) -> impl Iterator<Item = &Role> {
    policy.roles.iter().chain(policy.groups.iter().flat_map(|groups| &groups.roles).map(|role| &role.role))
}

fn columns(policy: &Policy) -> Vec<String> {
    let mut columns: Vec<String> = wide_roles(policy).map(|role| role.name.clone()).collect();
    for kind in &policy.resource_types {
        columns.extend(kind.roles.iter().map(|role| format!("{}:{}", kind.name, role.name)));
        if !kind.assignable.is_empty() {
            columns.push(format!("{}:assignment", kind.name));
        }
    }
    if !grantable(policy).is_empty() {
        columns.push("grant".to_owned());
    }
    if policy.contacts.is_some() {
        columns.push("contact".to_owned());
    }
    columns
}

fn grantable(policy: &Policy) -> PermissionSet {
    policy.roles.iter().fold(PermissionSet::EMPTY, |set, role| set.union(&role.grantable))
}

fn rows(policy: &Policy) -> Vec<MatrixRow> {
    let permissions = (0_u16..).map(PermissionId).zip(&policy.permissions);
    permissions.map(|(id, permission)| row(policy, id, permission)).collect()
}

fn row(policy: &Policy, id: PermissionId, permission: &Permission) -> MatrixRow {
    let mut cells: Vec<Cell> = wide_roles(policy).map(|role| held(role, id)).collect();
    for kind in &policy.resource_types {
        cells.extend(kind.roles.iter().map(|role| held(role, id)));
        if !kind.assignable.is_empty() {
            cells.push(one_by_one(&kind.assignable, id));
        }
    }
    let grantable = grantable(policy);
    if !grantable.is_empty() {
        cells.push(one_by_one(&grantable, id));
    }
    if let Some(contacts) = &policy.contacts {
        let at_birth = contacts.at_birth.contains(id);
        cells.push(if at_birth { Cell::Yes } else { one_by_one(&contacts.grantable, id) });
    }
    MatrixRow {
        permission: permission.name.clone(),
        title: permission.title.clone(),
        module: policy.modules.get(permission.module).map(|module| module.title.clone()).unwrap_or_default(),
        on: type_names(policy, permission.on),
        cells,
    }
}

fn held(role: &Role, id: PermissionId) -> Cell {
    match (role.may.contains(id), role.may_on_assigned.contains(id), role.may_on_own.contains(id)) {
        (true, _, _) => Cell::Yes,
        (false, true, true) => Cell::AssignedAndOwn,
        (false, true, false) => Cell::Assigned,
        (false, false, true) => Cell::Own,
        (false, false, false) => Cell::No,
    }
}

fn one_by_one(set: &PermissionSet, id: PermissionId) -> Cell {
    if set.contains(id) { Cell::OneByOne } else { Cell::No }
}

fn type_names(policy: &Policy, types: Mask) -> Vec<String> {
    let kinds = (0_u8..).zip(&policy.resource_types);
    kinds.filter(|(index, _)| types.contains(*index)).map(|(_, kind)| kind.name.clone()).collect()
}

fn access(policy: &Policy) -> Vec<AccessRow> {
    let level = |module: usize, role: &Role| {
        let somewhere = role.may.union(&role.may_on_assigned).union(&role.may_on_own);
        // What is held on some resources only is never full, however much of the module it is.
        access_level(policy, module, &role.may)
            .max(access_level(policy, module, &somewhere).min(AccessLevel::Limited))
    };
    let modules = policy.modules.iter().enumerate();
    modules
        .map(|(index, module)| AccessRow {
            module: module.name.clone(),
            title: module.title.clone(),
            levels: wide_roles(policy).map(|role| level(index, role)).collect(),
        })
        .collect()
}

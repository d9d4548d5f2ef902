//! Kinds of things inside an account.

use std::collections::HashMap;

use super::model::OperationRule;
use super::role::{Role, role_id, roles_at_birth};
use super::set::{Mask, PermissionSet, ResourceTypeId, RoleId};
use crate::operation::ResourceOperation;

/// A kind of thing inside an account: a workspace, a cloud, a shipment.
#[derive(Debug, Clone)]
pub struct ResourceType {
    /// Its name (`workspace`).
    pub name: String,
    /// What a person calls it.
    pub title: String,
    /// The type its instances live in; `None`: directly in the account.
    pub parent: Option<ResourceTypeId>,
    /// Whether ids must have been registered before they mean anything.
    pub ids: ResourceIds,
    /// The roles an assignment to such a resource may carry.
    pub roles: Vec<Role>,
    /// Single permissions an assignment may carry.
    pub assignable: PermissionSet,
    /// Whether a contact may be recorded as its holder (GW-07).
    pub holder_contacts: bool,
    /// Which permission each operation on such resources needs.
    pub operations: HashMap<ResourceOperation, OperationRule>,
}

/// Where the ids of a resource type come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceIds {
    /// Created through the service: an unknown id is denied to everyone.
    Registered,
    /// The caller's own: any id exists.
    Free,
}

impl ResourceType {
    /// The resource role of that name.
    #[must_use]
    pub fn role_id(&self, name: &str) -> Option<RoleId> {
        role_id(&self.roles, name)
    }

    /// The roles a resource's creator gets.
    #[must_use]
    pub fn roles_at_birth(&self) -> Mask {
        roles_at_birth(&self.roles)
    }
}

//! Resources and their assignment.

use mandate_domain::command::{Command, NewAssignment};
use mandate_domain::etag::Etag as _;
use mandate_domain::id::{AccountId, ContactId, UserId};
use mandate_domain::resource::{Assignment, Resource, ResourceRef};
use mandate_proto::v1;

use super::page::{Paging, Query};
use super::{Fields, Path, timestamp};
use crate::error::Error;

/// Longest id of a resource, in bytes.
const MAX_ID: usize = 255;

/// A reference to a resource.
pub fn reference(fields: &mut Fields, path: Path<'_>, message: v1::ResourceRef) -> Option<ResourceRef> {
    let v1::ResourceRef { r#type, id } = message;
    let kind = fields.name(path.field("type"), r#type);
    let id = fields.opaque(path.field("id"), id, MAX_ID);
    Some(ResourceRef { kind: kind?, id: id? })
}

/// A reference to a resource that must be there.
pub fn required(
    fields: &mut Fields,
    path: Path<'_>,
    message: Option<v1::ResourceRef>,
) -> Option<ResourceRef> {
    let message = fields.required(path, message)?;
    reference(fields, path, message)
}

/// A reference to a resource, or `Some(None)` when it was left out.
pub fn optional(
    fields: &mut Fields,
    path: Path<'_>,
    message: Option<v1::ResourceRef>,
) -> Option<Option<ResourceRef>> {
    match message {
        None => Some(None),
        Some(message) => reference(fields, path, message).map(Some),
    }
}

/// A resource to assign.
pub fn new_assignment(
    fields: &mut Fields,
    path: Path<'_>,
    message: v1::NewAssignment,
) -> Option<NewAssignment> {
    let v1::NewAssignment { resource, roles, permissions } = message;
    let resource = required(fields, path.field("resource"), resource);
    let roles = fields.names(path.field("roles"), roles, 64);
    let permissions = fields.names(path.field("permissions"), permissions, 512);
    Some(NewAssignment { resource: resource?, roles: roles?, permissions: permissions? })
}

/// Several resources to assign: at most 1,000.
pub fn new_assignments(
    fields: &mut Fields,
    path: Path<'_>,
    messages: Vec<v1::NewAssignment>,
) -> Option<Vec<NewAssignment>> {
    fields.at_most(path, messages.len(), 1_000)?;
    let read: Vec<_> = messages
        .into_iter()
        .enumerate()
        .map(|(index, message)| new_assignment(fields, path.index(index), message))
        .collect();
    read.into_iter().collect()
}

/// An account and a resource in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceIn {
    /// The account.
    pub account: AccountId,
    /// The resource.
    pub resource: ResourceRef,
}

/// The command to register a resource; `caller` is the calling person, who is its creator unless another one
/// is named.
///
/// Reads a `CreateResourceRequest`.
///
/// # Errors
/// Every bad field.
pub fn create(message: v1::CreateResourceRequest, caller: Option<UserId>) -> Result<Command, Error> {
    let v1::CreateResourceRequest {
        account,
        resource,
        display_name,
        parent,
        creator,
        holder,
        request_id: _,
        validate_only: _,
        override_reason: _,
    } = message;
    let mut fields = Fields::default();
    let account = fields.id(Path::of("account"), &account);
    let resource = required(&mut fields, Path::of("resource"), resource);
    let display_name = fields.optional_title(Path::of("display_name"), display_name);
    let parent = optional(&mut fields, Path::of("parent"), parent);
    let creator = fields.optional_id(Path::of("creator"), &creator);
    let holder = fields.optional_id(Path::of("holder"), &holder);
    let command = (|| {
        Some(Command::CreateResource {
            account: account?,
            resource: resource?,
            display_name: display_name?,
            parent: parent?,
            creator: creator?.or(caller),
            holder: holder?,
        })
    })();
    fields.finish(command)
}

/// Reads an `UpdateResourceRequest`: which resource, and the command that changes it.
///
/// # Errors
/// Every bad field.
pub fn update(message: v1::UpdateResourceRequest) -> Result<(ResourceIn, Command), Error> {
    let v1::UpdateResourceRequest {
        account,
        resource,
        display_name,
        holder,
        update_mask,
        request_id: _,
        validate_only: _,
        etag: _,
    } = message;
    let mut fields = Fields::default();
    let account = fields.id(Path::of("account"), &account);
    let resource = required(&mut fields, Path::of("resource"), resource);
    let mut name = None;
    let mut new_holder: Option<Option<ContactId>> = None;
    for (index, path) in super::membership::mask(&mut fields, update_mask).into_iter().enumerate() {
        match path.as_str() {
            "display_name" => name = fields.optional_title(Path::of("display_name"), display_name.clone()),
            "holder" => new_holder = fields.optional_id(Path::of("holder"), &holder),
            _ => {
                let at = Path::of("update_mask");
                let message = format!("\"{path}\" cannot be changed; name display_name or holder");
                fields.reject(at.field("paths").index(index), message);
            }
        }
    }
    let update = account.zip(resource).map(|(account, resource)| {
        let of = ResourceIn { account, resource: resource.clone() };
        (of, Command::UpdateResource { account, resource, display_name: name, holder: new_holder })
    });
    fields.finish(update)
}

fn within(account: &str, resource: Option<v1::ResourceRef>) -> Result<ResourceIn, Error> {
    let mut fields = Fields::default();
    let account = fields.id(Path::of("account"), account);
    let resource = required(&mut fields, Path::of("resource"), resource);
    fields.finish(account.zip(resource).map(|(account, resource)| ResourceIn { account, resource }))
}

/// Reads a `GetResourceRequest`.
///
/// # Errors
/// Every bad field.
pub fn get(message: v1::GetResourceRequest) -> Result<ResourceIn, Error> {
    let v1::GetResourceRequest { account, resource } = message;
    within(&account, resource)
}

/// Reads a `DeleteResourceRequest`.
///
/// # Errors
/// Every bad field.
pub fn delete(message: v1::DeleteResourceRequest) -> Result<Command, Error> {
    let v1::DeleteResourceRequest {
        account,
        resource,
        request_id: _,
        validate_only: _,
        etag: _,
        override_reason: _,
    } = message;
    let ResourceIn { account, resource } = within(&account, resource)?;
    Ok(Command::DeleteResource { account, resource })
}

/// A page of the resources of one type.
#[derive(Debug, Clone)]
pub struct ListResources {
    /// The account.
    pub account: AccountId,
    /// The type.
    pub kind: String,
    /// Which page; its key is the id of the last resource of the page before.
    pub paging: Paging<String>,
}

/// Reads a `ListResourcesRequest`.
///
/// # Errors
/// Every bad field.
pub fn list(message: v1::ListResourcesRequest) -> Result<ListResources, Error> {
    let v1::ListResourcesRequest { account, r#type, page_size, page_token } = message;
    let mut fields = Fields::default();
    let query = Query::new("ListResources", &[&account, &r#type]);
    let paging = query.paging(&mut fields, page_size, &page_token);
    let account = fields.id(Path::of("account"), &account);
    let kind = fields.name(Path::of("type"), r#type);
    let list = (|| Some(ListResources { account: account?, kind: kind?, paging: paging? }))();
    fields.finish(list)
}

/// Reads a `AssignResourceRequest`.
///
/// # Errors
/// Every bad field.
pub fn assign(message: v1::AssignResourceRequest) -> Result<Command, Error> {
    let v1::AssignResourceRequest {
        account,
        user,
        assignment,
        request_id: _,
        validate_only: _,
        etag: _,
        override_reason: _,
    } = message;
    let mut fields = Fields::default();
    let path = Path::of("assignment");
    let account = fields.id(Path::of("account"), &account);
    let user = fields.id(Path::of("user"), &user);
    let assignment = fields.required(path, assignment);
    let assignment = assignment.and_then(|message| new_assignment(&mut fields, path, message));
    let command = (|| Some(Command::Assign { account: account?, user: user?, assignment: assignment? }))();
    fields.finish(command)
}

/// Reads a `UnassignResourceRequest`.
///
/// # Errors
/// Every bad field.
pub fn unassign(message: v1::UnassignResourceRequest) -> Result<Command, Error> {
    let v1::UnassignResourceRequest {
        account,
        user,
        resource,
        request_id: _,
        validate_only: _,
        etag: _,
        override_reason: _,
    } = message;
    let mut fields = Fields::default();
    let account = fields.id(Path::of("account"), &account);
    let user = fields.id(Path::of("user"), &user);
    let resource = required(&mut fields, Path::of("resource"), resource);
    let command = (|| Some(Command::Unassign { account: account?, user: user?, resource: resource? }))();
    fields.finish(command)
}

/// Of whom or of what to list assignments, with the page, whose key is the last row's resource or user.
#[derive(Debug, Clone)]
pub enum ListAssignments {
    /// What is assigned to a user.
    Of {
        /// The user.
        user: UserId,
        /// Which page.
        paging: Paging<ResourceRef>,
    },
    /// To whom a resource is assigned.
    On {
        /// The resource.
        resource: ResourceRef,
        /// Which page.
        paging: Paging<UserId>,
    },
}

/// Reads a `ListAssignmentsRequest`.
///
/// # Errors
/// Every bad field.
pub fn list_assignments(message: v1::ListAssignmentsRequest) -> Result<(AccountId, ListAssignments), Error> {
    let v1::ListAssignmentsRequest { account, of, page_size, page_token } = message;
    let mut fields = Fields::default();
    let id = fields.id(Path::of("account"), &account);
    let list = match of {
        None => fields.none(Path::of("of"), "is required: set user or resource"),
        Some(v1::list_assignments_request::Of::User(text)) => {
            let query = Query::new("ListAssignments/user", &[&account, &text]);
            let paging = query.paging(&mut fields, page_size, &page_token);
            let user = fields.id(Path::of("user"), &text);
            user.zip(paging).map(|(user, paging)| ListAssignments::Of { user, paging })
        }
        Some(v1::list_assignments_request::Of::Resource(message)) => {
            let query = Query::new("ListAssignments/resource", &[&account, &message.r#type, &message.id]);
            let paging = query.paging(&mut fields, page_size, &page_token);
            let resource = reference(&mut fields, Path::of("resource"), message);
            resource.zip(paging).map(|(resource, paging)| ListAssignments::On { resource, paging })
        }
    };
    fields.finish(id.zip(list))
}

/// A reference as messages have it.
#[must_use]
pub fn to_reference(resource: ResourceRef) -> v1::ResourceRef {
    let ResourceRef { kind, id } = resource;
    v1::ResourceRef { r#type: kind, id }
}

/// A resource as messages have it.
#[must_use]
pub fn to_message(resource: Resource) -> v1::Resource {
    let etag = resource.etag();
    let Resource { account, resource, display_name, ancestors, created_by, holder, created_at } = resource;
    v1::Resource {
        account: account.to_string(),
        resource: Some(to_reference(resource)),
        display_name,
        ancestors: ancestors.into_iter().map(to_reference).collect(),
        created_by: created_by.map(|user| user.to_string()).unwrap_or_default(),
        create_time: Some(timestamp(created_at)),
        holder: holder.map(|contact| contact.to_string()).unwrap_or_default(),
        etag,
    }
}

/// An assignment as messages have it.
#[must_use]
pub fn to_assignment(assignment: Assignment) -> v1::Assignment {
    let etag = assignment.etag();
    let Assignment { account, user, resource, roles, permissions, created_at } = assignment;
    v1::Assignment {
        account: account.to_string(),
        user: user.to_string(),
        resource: Some(to_reference(resource)),
        roles,
        permissions,
        create_time: Some(timestamp(created_at)),
        etag,
    }
}

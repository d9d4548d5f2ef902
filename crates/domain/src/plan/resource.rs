//! Plans that register resources and assign them to members.

use super::Context;
use super::holder::{check_holder, update};
use super::names::{Fields, stored, stored_permissions};
use super::scene::{Place, Scene, denied};
use crate::authorize::require;
use crate::change::Change;
use crate::command::{Command, NewAssignment};
use crate::decide::Reason;
use crate::delegation::Load;
use crate::facts::AssignmentFact;
use crate::id::{AccountId, ContactId, UserId};
use crate::membership::Membership;
use crate::operation::ResourceOperation;
use crate::policy::model::{ResourceIds, ResourceType, Role};
use crate::policy::set::{Mask, PermissionSet};
use crate::records::Stop;
use crate::refusal::Refusal;
use crate::resource::{Assignment, Resource, ResourceRef};

pub(super) fn draft(context: Context<'_>, command: &Command) -> Result<Vec<Change>, Stop> {
    match command {
        Command::CreateResource { account, resource, display_name, parent, creator, holder } => {
            let scene = Scene::of(context, command.name(), *account)?;
            let birth =
                Birth { resource, display_name, parent: parent.as_ref(), creator: *creator, holder: *holder };
            create(&scene, &birth)
        }
        Command::UpdateResource { account, resource, display_name, holder } => {
            let scene = Scene::of(context, command.name(), *account)?;
            update(&scene, resource, display_name.as_ref(), *holder)
        }
        Command::DeleteResource { account, resource } => {
            delete(&Scene::of(context, command.name(), *account)?, resource)
        }
        Command::Assign { account, user, assignment } => {
            let scene = Scene::of(context, command.name(), *account)?;
            // Whoever may not assign here does not learn who is a member.
            may(&scene, ResourceOperation::Assign, &assignment.resource, "assignment.")?;
            let member = scene.member(*user)?;
            assign(&scene, *user, Some(member), assignment, "assignment.")
        }
        Command::Unassign { account, user, resource } => {
            unassign(&Scene::of(context, command.name(), *account)?, *account, *user, resource)
        }
        _ => Ok(Vec::new()),
    }
}

struct Birth<'a> {
    resource: &'a ResourceRef,
    display_name: &'a str,
    parent: Option<&'a ResourceRef>,
    creator: Option<UserId>,
    holder: Option<ContactId>,
}

fn create(scene: &Scene<'_>, birth: &Birth<'_>) -> Result<Vec<Change>, Stop> {
    let Birth { resource, display_name, parent, creator, holder } = *birth;
    let kind = known_type(scene, resource, "resource.")?;
    let parent_place = match parent {
        Some(parent) => scene.place(parent)?.map(|place| (parent, place)),
        None => None,
    };
    let asked_on =
        parent_place.as_ref().map(|(_, place)| place).filter(|place| is_asked_on(scene, kind, place));
    scene.authorize_on(ResourceOperation::Create, kind, asked_on)?;
    let mut fields = Fields::default();
    if kind.ids == ResourceIds::Free {
        fields
            .reject("resource.type", format!("{} is not registered: any id exists, just use it", kind.name));
    }
    if scene.context.actor.user().is_some_and(|actor| creator.is_some_and(|creator| creator != actor)) {
        fields.reject("creator", "you can create a resource for yourself only; leave this field out");
    }
    check_parent(&mut fields, scene, kind, parent)?;
    check_holder(&mut fields, scene, kind, holder)?;
    fields.finish()?;
    let (context, account) = (scene.context, scene.account.id);
    let ancestors = match parent {
        None => Vec::new(),
        Some(parent) => {
            let above = context.records.resource(account, parent)?.map(|found| found.ancestors.clone());
            std::iter::once(parent.clone()).chain(above.unwrap_or_default()).collect()
        }
    };
    if context.records.resource(account, resource)?.is_some() {
        return Err(Refusal::AlreadyExists { what: "resource", id: resource.to_string() }.into());
    }
    let created = Resource {
        account,
        resource: resource.clone(),
        display_name: display_name.to_owned(),
        ancestors,
        created_by: creator,
        holder,
        created_at: context.now,
    };
    let mut changes = vec![Change::Resource(created)];
    changes.extend(creators_assignment(scene, kind, resource, creator)?);
    Ok(changes)
}

/// The creator's roles (IX-14), if the type has some and the creator is a member.
fn creators_assignment(
    scene: &Scene<'_>,
    kind: &ResourceType,
    resource: &ResourceRef,
    creator: Option<UserId>,
) -> Result<Option<Change>, Stop> {
    let (context, account) = (scene.context, scene.account.id);
    let Some(user) = creator else { return Ok(None) };
    let member = context.records.membership(account, user)?;
    if kind.roles_at_birth().is_empty() || (member.is_none() && context.actor.user() == Some(user)) {
        return Ok(None);
    }
    scene.member(user)?;
    let roles = stored(kind.roles_at_birth(), |i| kind.roles.get(i).map(|role| role.name.as_str()));
    let resource = resource.clone();
    let created_at = context.now;
    Ok(Some(Change::Assignment(Assignment {
        account,
        user,
        resource,
        roles,
        permissions: Vec::new(),
        created_at,
    })))
}

/// Whether the permission for creating is asked about the parent (else about the account).
fn is_asked_on(scene: &Scene<'_>, kind: &ResourceType, parent: &Place<'_>) -> bool {
    use crate::policy::model::Needs;
    match kind.operations.get(&ResourceOperation::Create).map(|rule| rule.needs) {
        Some(Needs::Permission(id)) => {
            scene.policy.permission(id).is_some_and(|p| p.on.contains(parent.id.0))
        }
        Some(Needs::AnyMember) | None => false,
    }
}

fn check_parent(
    fields: &mut Fields,
    scene: &Scene<'_>,
    kind: &ResourceType,
    parent: Option<&ResourceRef>,
) -> Result<(), Stop> {
    let wanted = kind.parent.and_then(|id| scene.policy.resource_type(id));
    match (wanted, parent) {
        (None, None) => {}
        (None, Some(_)) => {
            fields.reject("parent", format!("a {} lives directly in the account; leave this out", kind.name))
        }
        (Some(wanted), None) => {
            fields.reject("parent", format!("required: name the {} it lives in", wanted.name))
        }
        (Some(wanted), Some(parent)) if parent.kind != wanted.name => {
            fields.reject("parent.type", format!("a {} lives in a {}", kind.name, wanted.name));
        }
        (Some(wanted), Some(parent)) => {
            let found = scene.context.records.resource(scene.account.id, parent)?;
            if wanted.ids == ResourceIds::Registered && found.is_none() {
                fields.reject("parent.id", format!("no {} of that id was registered", wanted.name));
            }
        }
    }
    Ok(())
}

fn delete(scene: &Scene<'_>, resource: &ResourceRef) -> Result<Vec<Change>, Stop> {
    may(scene, ResourceOperation::Delete, resource, "resource.")?;
    let (records, account) = (scene.context.records, scene.account.id);
    if records.resource(account, resource)?.is_none() {
        return Err(Refusal::NotFound { what: "resource", id: resource.to_string() }.into());
    }
    if let Some(child) = records.child_of(account, resource)? {
        let message = format!("{} lives in {resource}; delete what is in it first", child.resource);
        return Err(Refusal::WrongState(message).into());
    }
    let assigned = records.assignments_on(account, resource)?.iter();
    let mut changes: Vec<Change> = assigned
        .map(|a| Change::AssignmentEnded { account, user: a.user, resource: resource.clone() })
        .collect();
    changes.push(Change::ResourceDeleted { account, resource: resource.clone() });
    Ok(changes)
}

/// Plans one assignment; `member` is absent for somebody who is being added in the same step.
pub(super) fn assign(
    scene: &Scene<'_>,
    user: UserId,
    member: Option<&Membership>,
    wanted: &NewAssignment,
    path: &str,
) -> Result<Vec<Change>, Stop> {
    let place = may(scene, ResourceOperation::Assign, &wanted.resource, &format!("{path}resource."))?;
    let (context, account) = (scene.context, scene.account.id);
    let carried = carried(scene, &place, wanted, path)?;
    let before = match member {
        Some(_) => context.records.assignment(account, user, &wanted.resource)?,
        None => None,
    };
    let fact = before.and_then(|found| AssignmentFact::new(scene.policy, found));
    let now = fact.map_or((Mask::EMPTY, PermissionSet::EMPTY), |fact| (fact.roles, fact.permissions));
    let load = |roles, permissions| Load { resource_type: place.id, roles, permissions };
    if let Some(powers) = scene.powers(scene.towards(user, member), Some(&place)) {
        let more = load(carried.0.difference(now.0), carried.1.difference(&now.1));
        let less = load(now.0.difference(carried.0), now.1.difference(&carried.1));
        let mut refused = powers.refused_assignment(scene.policy, &more);
        if !less.roles.is_empty() || !less.permissions.is_empty() {
            refused.extend(powers.refused_unassignment(scene.policy, &less));
        }
        if !refused.is_empty() {
            return Err(Refusal::DelegationDenied(refused).into());
        }
    }
    let after = Assignment {
        account,
        user,
        resource: wanted.resource.clone(),
        roles: stored(carried.0, |i| place.kind.roles.get(i).map(|role| role.name.as_str())),
        permissions: stored_permissions(scene.policy, &carried.1),
        created_at: before.map_or(context.now, |found| found.created_at),
    };
    Ok(if before == Some(&after) { Vec::new() } else { vec![Change::Assignment(after)] })
}

/// What an assignment is to carry, resolved and checked to go together, whoever asks.
fn carried(
    scene: &Scene<'_>,
    place: &Place<'_>,
    wanted: &NewAssignment,
    path: &str,
) -> Result<(Mask, PermissionSet), Refusal> {
    let (policy, kind) = (scene.policy, place.kind);
    let mut fields = Fields::default();
    let roles = fields.resource_roles(kind, &format!("{path}roles"), &wanted.roles);
    let permissions = fields.permissions(policy, &format!("{path}permissions"), &wanted.permissions);
    for name in policy.permission_names(&permissions.difference(&kind.assignable)) {
        fields.reject(
            format!("{path}permissions"),
            format!("an assignment of a {} cannot carry {name}", kind.name),
        );
    }
    let held: Vec<&Role> = roles.iter().filter_map(|index| kind.roles.get(usize::from(index))).collect();
    one_per_slot(&mut fields, &format!("{path}roles"), &held);
    if roles.is_empty() && !kind.roles.is_empty() && !kind.roles.iter().all(|role| !role.stands_alone) {
        let names: Vec<&str> = kind.roles.iter().map(|role| role.name.as_str()).collect();
        fields.reject(format!("{path}roles"), format!("give one of {}", names.join(", ")));
    }
    fields.finish()?;
    for role in held {
        require(policy, &format!("the role {}", role.name), role.requires, scene.fact.unmet)?;
    }
    Ok((roles, permissions))
}

fn unassign(
    scene: &Scene<'_>,
    account: AccountId,
    user: UserId,
    resource: &ResourceRef,
) -> Result<Vec<Change>, Stop> {
    let place = may(scene, ResourceOperation::Unassign, resource, "resource.")?;
    let member = scene.member(user)?;
    let before = scene.context.records.assignment(account, user, resource)?;
    let before = before.ok_or_else(|| Refusal::NotFound { what: "assignment", id: resource.to_string() })?;
    if let (Some(powers), Some(fact)) = (
        scene.powers(scene.towards(user, Some(member)), Some(&place)),
        AssignmentFact::new(scene.policy, before),
    ) {
        let load = Load { resource_type: place.id, roles: fact.roles, permissions: fact.permissions };
        let refused = powers.refused_unassignment(scene.policy, &load);
        if !refused.is_empty() {
            return Err(Refusal::DelegationDenied(refused).into());
        }
    }
    Ok(vec![Change::AssignmentEnded { account, user, resource: resource.clone() }])
}

/// The resource, if the actor may carry out the operation on it.
pub(super) fn may<'a>(
    scene: &Scene<'a>,
    operation: ResourceOperation,
    resource: &ResourceRef,
    path: &str,
) -> Result<Place<'a>, Stop> {
    let kind = known_type(scene, resource, path)?;
    let place =
        scene.place(resource)?.ok_or_else(|| denied(operation.name(), Reason::UnknownResourceType))?;
    let missing = kind.ids == ResourceIds::Registered
        && scene.context.records.resource(scene.account.id, resource)?.is_none();
    match scene.authorize_on(operation, kind, Some(&place)) {
        // Those who may do it on every resource learn that this one is not there; the others learn nothing.
        Err(Stop::Refused(Refusal::Denied { reason: Reason::UnknownResource, .. })) | Ok(()) if missing => {
            scene.authorize_on(operation, kind, None)?;
            Err(Refusal::NotFound { what: "resource", id: resource.to_string() }.into())
        }
        outcome => outcome.map(|()| place),
    }
}

fn known_type<'a>(scene: &Scene<'a>, resource: &ResourceRef, path: &str) -> Result<&'a ResourceType, Stop> {
    let mut fields = Fields::default();
    let found = fields.resource_type(scene.policy, &format!("{path}type"), &resource.kind);
    match found {
        Some((_, kind)) => Ok(kind),
        None => {
            // A stranger must not learn the policy's types from the error.
            scene.belongs()?;
            fields.finish()?;
            Err(denied("resource", Reason::UnknownResourceType).into())
        }
    }
}

/// At most one role of each slot.
pub(super) fn one_per_slot(fields: &mut Fields, path: &str, roles: &[&Role]) {
    for role in roles.iter().filter(|role| role.slot.is_some()) {
        let rivals = roles.iter().filter(|other| other.slot == role.slot).map(|other| other.name.as_str());
        let rivals: Vec<&str> = rivals.collect();
        // Said once, at the first of them.
        if rivals.len() > 1 && rivals.first() == Some(&role.name.as_str()) {
            fields.reject(path, format!("only one of {} can be held at a time", rivals.join(", ")));
        }
    }
}

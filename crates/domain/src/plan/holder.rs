//! Who a resource is recorded to be held by, and what else of it can change (GW-07).

use super::names::Fields;
use super::resource::may;
use super::scene::Scene;
use crate::change::Change;
use crate::id::ContactId;
use crate::operation::ResourceOperation;
use crate::policy::model::ResourceType;
use crate::records::Stop;
use crate::refusal::Refusal;
use crate::resource::{Resource, ResourceRef};

/// GW-07: a contact of the account, where the type records such holders.
pub(super) fn check_holder(
    fields: &mut Fields,
    scene: &Scene<'_>,
    kind: &ResourceType,
    holder: Option<ContactId>,
) -> Result<(), Stop> {
    let Some(contact) = holder else { return Ok(()) };
    if !kind.holder_contacts {
        fields.reject(
            "holder",
            format!("a {} has no holder under this account's policy; leave this out", kind.name),
        );
    } else if scene.context.records.contact(scene.account.id, contact)?.is_none() {
        fields.reject("holder", "no contact of that id in this account");
    }
    Ok(())
}

/// Changes the name or the holder, which grants nothing to the contact (GW-07).
pub(super) fn update(
    scene: &Scene<'_>,
    resource: &ResourceRef,
    display_name: Option<&String>,
    holder: Option<Option<ContactId>>,
) -> Result<Vec<Change>, Stop> {
    let place = may(scene, ResourceOperation::Update, resource, "resource.")?;
    let before = scene.context.records.resource(scene.account.id, resource)?;
    let before = before.ok_or_else(|| Refusal::NotFound { what: "resource", id: resource.to_string() })?;
    let mut fields = Fields::default();
    check_holder(&mut fields, scene, place.kind, holder.flatten())?;
    fields.finish()?;
    let after = Resource {
        display_name: display_name.unwrap_or(&before.display_name).clone(),
        holder: holder.unwrap_or(before.holder),
        ..before.clone()
    };
    Ok(if after == *before { Vec::new() } else { vec![Change::Resource(after)] })
}

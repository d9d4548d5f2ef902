//! The RPCs of `AccountService` about the resources inside an account.

use std::sync::Arc;

use mandate_domain::change::Change;
use mandate_domain::records::{Key, Record};
use mandate_domain::resource::{Resource, ResourceRef};
use mandate_proto::v1;

use crate::access;
use crate::account::exists;
use crate::caller::Call;
use crate::convert;
use crate::convert::resource::ResourceIn;
use crate::error::Error;
use crate::facts::Facts;
use crate::reads::{About, may_read};
use crate::writer::write;

pub(crate) async fn create(
    facts: &Arc<Facts>,
    call: &Call,
    message: v1::CreateResourceRequest,
) -> Result<Resource, Error> {
    let command = convert::resource::create(message, call.party.person())?;
    let committed = write(facts, &call.write, command).await?;
    let created = committed.plan.changes.into_iter().find_map(|change| match change {
        Change::Resource(resource) => Some(resource),
        _ => None,
    });
    created.ok_or_else(|| Error::Defect("a resource was created without a change that says so".to_owned()))
}

pub(crate) async fn update(
    facts: &Arc<Facts>,
    call: &Call,
    message: v1::UpdateResourceRequest,
) -> Result<Resource, Error> {
    let (resource, command) = convert::resource::update(message)?;
    let committed = write(facts, &call.write, command).await?;
    let changed = committed.plan.changes.into_iter().find_map(|change| match change {
        Change::Resource(resource) => Some(resource),
        _ => None,
    });
    match changed {
        Some(resource) => Ok(resource),
        // Nothing changed: it was like that before.
        None => stored(facts, resource).await,
    }
}

pub(crate) async fn get(
    facts: &Facts,
    call: &Call,
    message: v1::GetResourceRequest,
) -> Result<Resource, Error> {
    let of = convert::resource::get(message)?;
    let rule = access::GET_RESOURCE.person;
    may_read(facts, call.party, rule, of.account, About::Resource(&of.resource)).await?;
    stored(facts, of).await
}

async fn stored(facts: &Facts, of: ResourceIn) -> Result<Resource, Error> {
    let ResourceIn { account, resource } = of;
    let keys = [Key::Account(account), Key::Resource(account, resource.clone())];
    let mut found = None;
    for (_, record) in facts.store().read(&keys).await? {
        match record {
            Record::Account(None) => return Err(Error::not_found("account", account)),
            Record::Resource(stored) => found = stored,
            _ => {}
        }
    }
    found.ok_or_else(|| Error::not_found("resource", &resource))
}

pub(crate) async fn list(
    facts: &Facts,
    call: &Call,
    message: v1::ListResourcesRequest,
) -> Result<v1::ListResourcesResponse, Error> {
    let convert::resource::ListResources { account, kind, paging } = convert::resource::list(message)?;
    may_read(facts, call.party, access::LIST_RESOURCES.person, account, About::Type(&kind)).await?;
    exists(facts, call.party, account).await?;
    let after = paging.after.clone().map(|id| ResourceRef { kind: kind.clone(), id });
    let page = facts.store().list_resources(account, Some(&kind), after.as_ref(), paging.limit).await?;
    let last = page.items.last().map(|resource| resource.resource.id.clone());
    let next_page_token = paging.next(last, page.more.into())?;
    let resources = page.items.into_iter().map(convert::resource::to_message).collect();
    Ok(v1::ListResourcesResponse { resources, next_page_token })
}

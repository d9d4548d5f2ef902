//! The RPCs of `MembershipService` about contacts.

use std::sync::Arc;

use mandate_domain::change::Change;
use mandate_domain::command::Command;
use mandate_domain::contact::Contact;
use mandate_domain::id::{AccountId, ContactId};
use mandate_domain::records::{Key, Record};
use mandate_proto::v1;

use crate::access;
use crate::account::exists;
use crate::caller::Call;
use crate::clock::new_id_bits;
use crate::convert;
use crate::convert::contact::{ContactOf, CreateContact, ListContacts};
use crate::error::Error;
use crate::facts::Facts;
use crate::reads::{About, may_read};
use crate::writer::write;

pub(crate) async fn create(
    facts: &Arc<Facts>,
    call: &Call,
    message: v1::CreateContactRequest,
) -> Result<Contact, Error> {
    let CreateContact { account, email, display_name, details } = convert::contact::create(message)?;
    let id = ContactId::from_bits(new_id_bits()?);
    let command = Command::CreateContact { account, id, email, display_name, details };
    let committed = write(facts, &call.write, command).await?;
    let created = changed(committed.plan.changes);
    created.ok_or_else(|| Error::Defect("a contact was created without a change that says so".to_owned()))
}

fn changed(changes: Vec<Change>) -> Option<Contact> {
    changes.into_iter().find_map(|change| match change {
        Change::Contact(contact) => Some(contact),
        _ => None,
    })
}

pub(crate) async fn get(
    facts: &Facts,
    call: &Call,
    message: v1::GetContactRequest,
) -> Result<Contact, Error> {
    let ContactOf { account, contact } = convert::contact::get(message)?;
    may_read(facts, call.party, access::GET_CONTACT.person, account, About::Account).await?;
    exists(facts, call.party, account).await?;
    stored(facts, account, contact).await
}

async fn stored(facts: &Facts, account: AccountId, contact: ContactId) -> Result<Contact, Error> {
    let found = facts.store().read(&[Key::Contact(account, contact)]).await?;
    let found = found.into_iter().find_map(|(_, record)| match record {
        Record::Contact(contact) => contact,
        _ => None,
    });
    found.ok_or_else(|| Error::not_found("contact", contact))
}

pub(crate) async fn list(
    facts: &Facts,
    call: &Call,
    message: v1::ListContactsRequest,
) -> Result<v1::ListContactsResponse, Error> {
    let ListContacts { account, search, paging } = convert::contact::list(message)?;
    may_read(facts, call.party, access::LIST_CONTACTS.person, account, About::Account).await?;
    exists(facts, call.party, account).await?;
    let page = facts.store().list_contacts(account, search.as_ref(), paging.after, paging.limit).await?;
    let last = page.items.last().map(|contact| contact.id);
    let next_page_token = paging.next(last, page.more.into())?;
    let contacts = page.items.into_iter().map(convert::contact::to_message).collect();
    Ok(v1::ListContactsResponse { contacts, next_page_token })
}

pub(crate) async fn update(
    facts: &Arc<Facts>,
    call: &Call,
    message: v1::UpdateContactRequest,
) -> Result<Contact, Error> {
    let (ContactOf { account, contact }, command) = convert::contact::update(message)?;
    let committed = write(facts, &call.write, command).await?;
    match changed(committed.plan.changes) {
        Some(contact) => Ok(contact),
        // Nothing changed: it was like that before.
        None => stored(facts, account, contact).await,
    }
}

pub(crate) async fn delete(
    facts: &Arc<Facts>,
    call: &Call,
    message: v1::DeleteContactRequest,
) -> Result<v1::DeleteContactResponse, Error> {
    write(facts, &call.write, convert::contact::delete(message)?).await?;
    Ok(v1::DeleteContactResponse { ..Default::default() })
}

//! Contacts.

use mandate_domain::command::Command;
use mandate_domain::contact::{Contact, Login};
use mandate_domain::etag::Etag as _;
use mandate_domain::id::{AccountId, ContactId};
use mandate_domain::search::Infix;
use mandate_proto::v1;

use super::page::{Paging, Query};
use super::{Fields, Path, identity, membership, timestamp};
use crate::error::Error;

/// Longest details of a contact, in bytes.
const MAX_DETAILS: usize = 2_000;
/// Most single permissions of one contact.
const MAX_PERMISSIONS: usize = 512;

/// What a new contact is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateContact {
    /// The account.
    pub account: AccountId,
    /// The e-mail address, lower-case.
    pub email: String,
    /// What people call them.
    pub display_name: String,
    /// Whatever else is to be remembered.
    pub details: String,
}

/// Reads a `CreateContactRequest`.
///
/// # Errors
/// Every bad field.
pub fn create(message: v1::CreateContactRequest) -> Result<CreateContact, Error> {
    let v1::CreateContactRequest { account, email, display_name, details, request_id: _, validate_only: _ } =
        message;
    let mut fields = Fields::default();
    let account = fields.id(Path::of("account"), &account);
    let email = identity::email(&mut fields, Path::of("email"), &email);
    let display_name = fields.title(Path::of("display_name"), display_name);
    let details = self::details(&mut fields, details);
    let create = (|| {
        Some(CreateContact {
            account: account?,
            email: email?,
            display_name: display_name?,
            details: details?,
        })
    })();
    fields.finish(create)
}

/// Lines are part of an address, so that other control characters alone are refused.
pub(super) fn details(fields: &mut Fields, text: String) -> Option<String> {
    let path = Path::of("details");
    if text.len() > MAX_DETAILS {
        return fields.none(path, format!("has {} bytes; at most {MAX_DETAILS} are kept", text.len()));
    }
    if text.chars().any(|character| character.is_control() && character != '\n') {
        return fields.none(path, "has a control character other than a line feed; remove it");
    }
    Some(text)
}

/// An account and a contact of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContactOf {
    /// The account.
    pub account: AccountId,
    /// The contact.
    pub contact: ContactId,
}

fn contact(account: &str, contact: &str) -> Result<ContactOf, Error> {
    let mut fields = Fields::default();
    let account = fields.id(Path::of("account"), account);
    let contact = fields.id(Path::of("contact"), contact);
    fields.finish(account.zip(contact).map(|(account, contact)| ContactOf { account, contact }))
}

/// Reads a `GetContactRequest`.
///
/// # Errors
/// Every bad field.
pub fn get(message: v1::GetContactRequest) -> Result<ContactOf, Error> {
    let v1::GetContactRequest { account, contact } = message;
    self::contact(&account, &contact)
}

/// Reads a `DeleteContactRequest`.
///
/// # Errors
/// Every bad field.
pub fn delete(message: v1::DeleteContactRequest) -> Result<Command, Error> {
    let v1::DeleteContactRequest { account, contact, request_id: _, validate_only: _, etag: _ } = message;
    let ContactOf { account, contact } = self::contact(&account, &contact)?;
    Ok(Command::DeleteContact { account, contact })
}

/// A page of an account's contacts.
#[derive(Debug, Clone)]
pub struct ListContacts {
    /// The account.
    pub account: AccountId,
    /// Only those whose name or address holds this.
    pub search: Option<Infix>,
    /// Which page; its key is the last contact of the page before.
    pub paging: Paging<ContactId>,
}

/// Reads a `ListContactsRequest`.
///
/// # Errors
/// Every bad field.
pub fn list(message: v1::ListContactsRequest) -> Result<ListContacts, Error> {
    let v1::ListContactsRequest { account, page_size, page_token, search } = message;
    let mut fields = Fields::default();
    let query = Query::new("ListContacts", &[&account, &search]);
    let paging = query.paging(&mut fields, page_size, &page_token);
    let account = fields.id(Path::of("account"), &account);
    let search = fields.search(Path::of("search"), &search);
    let list = (|| Some(ListContacts { account: account?, search: search?, paging: paging? }))();
    fields.finish(list)
}

/// Reads an `UpdateContactRequest`: which contact, and the command that changes it.
///
/// # Errors
/// Every bad field.
pub fn update(message: v1::UpdateContactRequest) -> Result<(ContactOf, Command), Error> {
    let v1::UpdateContactRequest {
        account,
        contact,
        display_name,
        details,
        permissions,
        update_mask,
        request_id: _,
        validate_only: _,
        etag: _,
    } = message;
    let mut fields = Fields::default();
    let account = fields.id(Path::of("account"), &account);
    let contact = fields.id(Path::of("contact"), &contact);
    let (mut name, mut text, mut held) = (None, None, None);
    for (index, path) in membership::mask(&mut fields, update_mask).into_iter().enumerate() {
        match path.as_str() {
            "display_name" => name = fields.title(Path::of("display_name"), display_name.clone()),
            "details" => text = self::details(&mut fields, details.clone()),
            "permissions" => {
                held = fields.names(Path::of("permissions"), permissions.clone(), MAX_PERMISSIONS);
            }
            _ => {
                let at = Path::of("update_mask");
                let message =
                    format!("\"{path}\" cannot be changed; name display_name, details or permissions");
                fields.reject(at.field("paths").index(index), message);
            }
        }
    }
    let update = account.zip(contact).map(|(account, contact)| {
        let command =
            Command::UpdateContact { account, contact, display_name: name, details: text, permissions: held };
        (ContactOf { account, contact }, command)
    });
    fields.finish(update)
}

/// A contact as messages have it.
#[must_use]
pub fn to_message(contact: Contact) -> v1::Contact {
    let (etag, login) = (contact.etag(), to_login(contact.login()));
    let Contact {
        account,
        id,
        email,
        display_name,
        details,
        permissions,
        user,
        activation,
        created_at,
        updated_at,
    } = contact;
    v1::Contact {
        id: id.to_string(),
        account: account.to_string(),
        email,
        display_name,
        details,
        permissions,
        create_time: Some(timestamp(created_at)),
        update_time: Some(timestamp(updated_at)),
        user: user.map(|user| user.to_string()).unwrap_or_default(),
        login: login.into(),
        invitation: activation.map(|invitation| invitation.to_string()).unwrap_or_default(),
        etag,
    }
}

fn to_login(login: Login) -> v1::ContactLogin {
    match login {
        Login::None => v1::ContactLogin::None,
        Login::Pending => v1::ContactLogin::Pending,
        Login::Active => v1::ContactLogin::Active,
    }
}

//! Contacts and members in one list.

use mandate_domain::id::{AccountId, ContactId};
use mandate_domain::search::Infix;
use mandate_proto::v1;
use mandate_storage::KnownContact;
use serde::{Deserialize, Serialize};

use super::membership::MemberKey;
use super::page::{Paging, Query};
use super::{Fields, Path, contact, invitation, membership};
use crate::error::Error;

/// A row of the list: the contacts, by id, and then everybody who is none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonKey {
    /// A contact.
    Contact(ContactId),
    /// A member or an invitation.
    Rest {
        /// The last contact that was shown: one who comes later is shown as the member they are. `None`: there was none.
        shown: Option<ContactId>,
        /// The last of the others; `None`: none yet.
        after: Option<MemberKey>,
    },
}

/// A page of everybody whom an account knows.
#[derive(Debug, Clone)]
pub struct ListPeople {
    /// The account.
    pub account: AccountId,
    /// Only those whose name or address holds this.
    pub search: Option<Infix>,
    /// Which page; its key is the last row of the page before.
    pub paging: Paging<PersonKey>,
}

/// Reads a `ListPeopleRequest`.
///
/// # Errors
/// Every bad field.
pub fn list(message: v1::ListPeopleRequest) -> Result<ListPeople, Error> {
    let v1::ListPeopleRequest { account, search, page_size, page_token } = message;
    let mut fields = Fields::default();
    let query = Query::new("ListPeople", &[&account, &search]);
    let paging = query.paging(&mut fields, page_size, &page_token);
    let account = fields.id(Path::of("account"), &account);
    let search = fields.search(Path::of("search"), &search);
    let list = (|| Some(ListPeople { account: account?, search: search?, paging: paging? }))();
    fields.finish(list)
}

/// A contact, and what it is beside, as messages have it.
#[must_use]
pub fn to_person(known: KnownContact) -> v1::Person {
    let KnownContact { contact, member, invitation } = known;
    let member = member.map(membership::to_message).or_else(|| invitation.map(invitation::to_member));
    v1::Person { contact: Some(contact::to_message(contact)), member }
}

/// A member or an invited one who is no contact.
#[must_use]
pub fn to_member_alone(member: v1::Member) -> v1::Person {
    v1::Person { contact: None, member: Some(member) }
}

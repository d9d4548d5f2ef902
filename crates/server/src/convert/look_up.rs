//! Look-ups: who may, to what, in which accounts.

use mandate_domain::decide::Decision;
use mandate_domain::id::{AccountId, UserId};
use mandate_domain::resource::ResourceRef;
use mandate_proto::v1;
use mandate_storage::Way;

use super::authz::{self, Subject};
use super::consistency::{self, Consistency};
use super::page::{Paging, Query};
use super::{Fields, Path, resource};
use crate::error::Error;
use crate::facts::{Ask, Known};

/// A page of those who may do something.
#[derive(Debug, Clone)]
pub struct LookupMembers {
    /// The account.
    pub account: AccountId,
    /// What.
    pub permission: String,
    /// To which resource.
    pub resource: Option<ResourceRef>,
    /// How fresh the facts must be.
    pub consistency: Consistency,
    /// Which page; its key is the last user whom the page before looked at.
    pub paging: Paging<UserId>,
}

/// A page of what somebody may do something to.
#[derive(Debug, Clone)]
pub struct LookupResources {
    /// The account.
    pub account: AccountId,
    /// Who; `None`: the calling person.
    pub subject: Option<Subject>,
    /// What.
    pub permission: String,
    /// The type of the resources; `None`: all.
    pub kind: Option<String>,
    /// How fresh the facts must be.
    pub consistency: Consistency,
    /// Which page; its key is the last step of the page before.
    pub paging: Paging<Way>,
}

/// A page of the accounts in which somebody may do something.
#[derive(Debug, Clone)]
pub struct LookupAccounts {
    /// Who; `None`: the calling person.
    pub subject: Option<Subject>,
    /// What.
    pub permission: String,
    /// How fresh the facts must be.
    pub consistency: Consistency,
    /// Which page; its key is the last account that the page before looked at.
    pub paging: Paging<AccountId>,
}

/// Reads a `LookupMembersRequest`.
///
/// # Errors
/// Every bad field.
pub fn members(message: v1::LookupMembersRequest) -> Result<LookupMembers, Error> {
    let v1::LookupMembersRequest { account, permission, resource, consistency, page_size, page_token } =
        message;
    let mut fields = Fields::default();
    let (kind, id) = resource.as_ref().map(|named| (&*named.r#type, &*named.id)).unwrap_or_default();
    let query = Query::new("LookupMembers", &[&account, &permission, kind, id]);
    let account = fields.id(Path::of("account"), &account);
    let permission = authz::permission(&mut fields, Path::of("permission"), permission);
    let resource = resource::optional(&mut fields, Path::of("resource"), resource);
    let consistency = consistency::consistency(&mut fields, Path::of("consistency"), consistency);
    let paging = query.paging(&mut fields, page_size, &page_token);
    let lookup = (|| {
        let (account, permission, resource) = (account?, permission?, resource?);
        Some(LookupMembers { account, permission, resource, consistency: consistency?, paging: paging? })
    })();
    fields.finish(lookup)
}

/// Reads a `LookupResourcesRequest`.
///
/// # Errors
/// Every bad field.
pub fn resources(message: v1::LookupResourcesRequest) -> Result<LookupResources, Error> {
    let v1::LookupResourcesRequest {
        account,
        subject,
        permission,
        r#type,
        consistency,
        page_size,
        page_token,
    } = message;
    let mut fields = Fields::default();
    let query = query("LookupResources", subject.as_ref(), &[&account, &permission, &r#type]);
    let account = fields.id(Path::of("account"), &account);
    let subject = optional(&mut fields, subject);
    let permission = authz::permission(&mut fields, Path::of("permission"), permission);
    let kind = match r#type.is_empty() {
        true => Some(None),
        false => fields.name(Path::of("type"), r#type).map(Some),
    };
    let consistency = consistency::consistency(&mut fields, Path::of("consistency"), consistency);
    let paging = query.paging(&mut fields, page_size, &page_token);
    let lookup = (|| {
        let (account, subject, permission, kind) = (account?, subject?, permission?, kind?);
        Some(LookupResources {
            account,
            subject,
            permission,
            kind,
            consistency: consistency?,
            paging: paging?,
        })
    })();
    fields.finish(lookup)
}

/// Reads a `LookupAccountsRequest`.
///
/// # Errors
/// Every bad field.
pub fn accounts(message: v1::LookupAccountsRequest) -> Result<LookupAccounts, Error> {
    let v1::LookupAccountsRequest { subject, permission, consistency, page_size, page_token } = message;
    let mut fields = Fields::default();
    let query = query("LookupAccounts", subject.as_ref(), &[&permission]);
    let subject = optional(&mut fields, subject);
    if let Some(Some(Subject::Contact(_))) = subject {
        fields.reject(
            Path::of("subject").field("contact"),
            "is of one account; ask Check about it there, or name a user or an identity",
        );
    }
    let permission = authz::permission(&mut fields, Path::of("permission"), permission);
    let consistency = consistency::consistency(&mut fields, Path::of("consistency"), consistency);
    let paging = query.paging(&mut fields, page_size, &page_token);
    let lookup = (|| {
        let (subject, permission, consistency) = (subject?, permission?, consistency?);
        Some(LookupAccounts { subject, permission, consistency, paging: paging? })
    })();
    fields.finish(lookup)
}

/// The query of this name about this subject, with these parameters.
fn query(name: &str, subject: Option<&v1::Subject>, parameters: &[&str]) -> Query {
    use v1::subject::Subject as Named;
    let who = match subject.and_then(|message| message.subject.as_ref()) {
        None => ["", "", ""],
        Some(Named::User(user)) => ["user", user, ""],
        Some(Named::Identity(v1::Identity { issuer, subject })) => ["identity", issuer, subject],
        Some(Named::Contact(contact)) => ["contact", contact, ""],
    };
    Query::new(name, &[&who, parameters].concat())
}

fn optional(fields: &mut Fields, message: Option<v1::Subject>) -> Option<Option<Subject>> {
    match message {
        None => Some(None),
        Some(message) => authz::subject(fields, Path::of("subject"), message).map(Some),
    }
}

/// A user who may, and by which ways.
#[must_use]
pub fn to_user(decision: Decision, known: &Known, ask: Ask<'_>, permission: &str) -> v1::PermittedUser {
    let Decision { reason, via } = decision;
    v1::PermittedUser {
        user: ask.user.to_string(),
        reason: authz::to_reason(reason).into(),
        via: authz::to_via(via, known, ask, permission),
    }
}

/// A resource to which somebody may, and by which ways.
#[must_use]
pub fn to_resource(
    decision: Decision,
    known: &Known,
    ask: Ask<'_>,
    permission: &str,
) -> v1::PermittedResource {
    let Decision { reason, via } = decision;
    v1::PermittedResource {
        resource: ask.resource.cloned().map(resource::to_reference),
        reason: authz::to_reason(reason).into(),
        via: authz::to_via(via, known, ask, permission),
    }
}

/// An account in which somebody may, and by which ways.
#[must_use]
pub fn to_account(decision: Decision, known: &Known, ask: Ask<'_>, permission: &str) -> v1::PermittedAccount {
    let Decision { reason, via } = decision;
    v1::PermittedAccount {
        account: ask.account.to_string(),
        reason: authz::to_reason(reason).into(),
        via: authz::to_via(via, known, ask, permission),
    }
}

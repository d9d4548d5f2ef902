//! Questions and answers.

use std::sync::Arc;

use mandate_domain::decide::{Decision, Reason, Via};
use mandate_domain::facts::UserFact;
use mandate_domain::id::{AccountId, ContactId, UserId};
use mandate_domain::policy::{AccessLevel, Policy};
use mandate_domain::resource::ResourceRef;
use mandate_domain::user::Identity;
use mandate_proto::v1;

use super::consistency::Consistency;
use super::{Fields, Path, consistency, identity, resource};
use crate::error::Error;
use crate::facts::{Ask, Known};

/// Longest name of a permission, in bytes.
pub(crate) const MAX_PERMISSION: usize = 128;
/// Most questions of one batch.
pub(crate) const MAX_BATCH: usize = 1_000;

/// Whom a question is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A user.
    User(UserId),
    /// The person with this login.
    Login(Identity),
    /// A contact of the account.
    Contact(ContactId),
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The account.
    pub account: AccountId,
    /// Who.
    pub subject: Subject,
    /// What.
    pub permission: String,
    /// To which resource.
    pub resource: Option<ResourceRef>,
    /// How fresh the facts must be; `None`: it does not say.
    pub consistency: Option<Consistency>,
}

/// Reads a `CheckRequest`.
///
/// # Errors
/// Every bad field.
pub fn check(message: v1::CheckRequest) -> Result<Check, Error> {
    let v1::CheckRequest { account, subject, permission, resource, consistency } = message;
    let mut fields = Fields::default();
    let account = fields.id(Path::of("account"), &account);
    let subject = fields.required(Path::of("subject"), subject);
    let subject = subject.and_then(|message| self::subject(&mut fields, Path::of("subject"), message));
    let permission = self::permission(&mut fields, Path::of("permission"), permission);
    let resource = resource::optional(&mut fields, Path::of("resource"), resource);
    let consistency = match consistency {
        None => Some(None),
        set => consistency::consistency(&mut fields, Path::of("consistency"), set).map(Some),
    };
    let check = (|| {
        Some(Check {
            account: account?,
            subject: subject?,
            permission: permission?,
            resource: resource?,
            consistency: consistency?,
        })
    })();
    fields.finish(check)
}

/// Reads a `CheckRequest` of a batch.
///
/// # Errors
/// Every bad field.
pub fn check_of_batch(message: v1::CheckRequest) -> Result<Check, Error> {
    let check = check(message)?;
    match check.consistency {
        None => Ok(check),
        Some(_) => Err(Error::field("consistency", "must be unset in a batch; the batch says it for all")),
    }
}

/// Reads a question of a stream: its number, and what is asked.
pub fn question(message: v1::CheckStreamRequest) -> (u64, Result<Check, Error>) {
    let v1::CheckStreamRequest { correlation_id, check } = message;
    let check = check.ok_or_else(|| Error::field("check", "is required"));
    (correlation_id, check.and_then(self::check))
}

/// Any text may be asked about: one that is no permission of the policy is denied.
pub(super) fn permission(fields: &mut Fields, path: Path<'_>, text: String) -> Option<String> {
    match text.len() {
        0 => fields.none(path, "is required: module.action"),
        1..=MAX_PERMISSION => Some(text),
        length => {
            fields.none(path, format!("has {length} bytes; no permission has more than {MAX_PERMISSION}"))
        }
    }
}

pub(super) fn subject(fields: &mut Fields, path: Path<'_>, message: v1::Subject) -> Option<Subject> {
    let v1::Subject { subject } = message;
    match subject {
        None => fields.none(path, "is required: set user, identity or contact"),
        Some(v1::subject::Subject::User(user)) => fields.id(path.field("user"), &user).map(Subject::User),
        Some(v1::subject::Subject::Identity(message)) => {
            identity::identity(fields, path.field("identity"), message).map(Subject::Login)
        }
        Some(v1::subject::Subject::Contact(contact)) => {
            fields.id(path.field("contact"), &contact).map(Subject::Contact)
        }
    }
}

/// The questions of a batch, each to be read by itself, and how fresh the facts of all must be.
///
/// # Errors
/// Every bad field of the batch itself.
pub fn batch(message: v1::BatchCheckRequest) -> Result<(Vec<v1::CheckRequest>, Consistency), Error> {
    let v1::BatchCheckRequest { checks, consistency } = message;
    let mut fields = Fields::default();
    let path = Path::of("checks");
    match checks.len() {
        0 => fields.reject(path, format!("is required: 1 to {MAX_BATCH} questions")),
        1..=MAX_BATCH => {}
        length => {
            fields.reject(path, format!("has {length} questions; send at most {MAX_BATCH} in one call"))
        }
    }
    let consistency = consistency::consistency(&mut fields, Path::of("consistency"), consistency);
    fields.finish(consistency.map(|consistency| (checks, consistency)))
}

/// A look-up of permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The account.
    pub account: AccountId,
    /// Who; `None`: the calling person.
    pub subject: Option<Subject>,
    /// On which resource.
    pub resource: Option<ResourceRef>,
    /// How fresh the facts must be.
    pub consistency: Consistency,
}

/// Reads a `LookupPermissionsRequest`.
///
/// # Errors
/// Every bad field.
pub fn lookup(message: v1::LookupPermissionsRequest) -> Result<Lookup, Error> {
    let v1::LookupPermissionsRequest { account, subject, resource, consistency } = message;
    let mut fields = Fields::default();
    let account = fields.id(Path::of("account"), &account);
    let subject = match subject {
        None => Some(None),
        Some(message) => self::subject(&mut fields, Path::of("subject"), message).map(Some),
    };
    let resource = resource::optional(&mut fields, Path::of("resource"), resource);
    let consistency = consistency::consistency(&mut fields, Path::of("consistency"), consistency);
    let lookup = (|| {
        let (account, subject, resource) = (account?, subject?, resource?);
        Some(Lookup { account, subject, resource, consistency: consistency? })
    })();
    fields.finish(lookup)
}

/// An answer as messages have it, with the ways spelled out from what the question was decided on.
#[must_use]
pub fn to_answer(decision: Decision, known: &Known, ask: Ask<'_>, permission: &str) -> v1::CheckResponse {
    let Decision { reason, via } = decision;
    v1::CheckResponse {
        allowed: reason.allows(),
        reason: to_reason(reason).into(),
        via: if reason.allows() { to_via(via, known, ask, permission) } else { Vec::new() },
        consistency_token: known.token().to_owned(),
        stale_for: None,
    }
}

/// A denial that tells nothing of what is known.
#[must_use]
pub fn to_denial(reason: Reason, known: &Known) -> v1::CheckResponse {
    v1::CheckResponse {
        allowed: false,
        reason: to_reason(reason).into(),
        via: Vec::new(),
        consistency_token: known.token().to_owned(),
        stale_for: None,
    }
}

/// The ways by which a permission is held, spelled out from what the question was decided on.
#[must_use]
pub fn to_via(via: Via, known: &Known, ask: Ask<'_>, permission: &str) -> Vec<v1::Via> {
    let assigned = |position| known.assigned(ask.resource?, position).cloned();
    let (policy, subject) = (known.policy().map(Arc::as_ref), known.user.as_deref());
    to_ways(via, policy, subject, assigned, permission)
}

/// The same. The positions of assignments are those of the resources that `assigned` knows.
pub(crate) fn to_ways(
    via: Via,
    policy: Option<&Policy>,
    subject: Option<&UserFact>,
    assigned: impl Fn(u8) -> Option<ResourceRef>,
    permission: &str,
) -> Vec<v1::Via> {
    use v1::via::{Creator, GroupVia, ModuleGrant, Via as Way};
    let Via { roles, grant, seats, assignments, own } = via;
    let role = |index| {
        let role = policy?.roles.get(usize::from(index))?;
        Some(Way::Role(role.name.clone()))
    };
    let seat = |index| {
        let seat = subject?.seats.get(usize::from(index))?;
        Some(Way::Group(GroupVia { group: seat.group.to_string(), role: seat.role.clone() }))
    };
    let assignment = |position| Some(Way::Assignment(resource::to_reference(assigned(position)?)));
    let ways = roles.iter().filter_map(role);
    let ways = ways.chain(grant.then(|| Way::Grant(ModuleGrant { permission: permission.to_owned() })));
    let ways = ways.chain(seats.iter().filter_map(seat));
    let ways = ways.chain(assignments.iter().filter_map(assignment));
    let ways = ways.chain(own.then_some(Way::Creator(Creator {})));
    ways.map(|via| v1::Via { via: Some(via) }).collect()
}

/// A reason as messages have it.
#[must_use]
pub fn to_reason(reason: Reason) -> v1::DecisionReason {
    match reason {
        Reason::Role => v1::DecisionReason::Role,
        Reason::Grant => v1::DecisionReason::Grant,
        Reason::Group => v1::DecisionReason::Group,
        Reason::Assignment => v1::DecisionReason::Assignment,
        Reason::Own => v1::DecisionReason::Own,
        Reason::UnknownAccount => v1::DecisionReason::UnknownAccount,
        Reason::AccountSuspended => v1::DecisionReason::AccountSuspended,
        Reason::AccountDeleted => v1::DecisionReason::AccountDeleted,
        Reason::PolicyUnavailable => v1::DecisionReason::PolicyUnavailable,
        Reason::UnknownSubject => v1::DecisionReason::UnknownSubject,
        Reason::SubjectSuspended => v1::DecisionReason::SubjectSuspended,
        Reason::NotAMember => v1::DecisionReason::NotAMember,
        Reason::MembershipPending => v1::DecisionReason::MembershipPending,
        Reason::MembershipSuspended => v1::DecisionReason::MembershipSuspended,
        Reason::UnknownPermission => v1::DecisionReason::UnknownPermission,
        Reason::UnknownResourceType => v1::DecisionReason::UnknownResourceType,
        Reason::PermissionNotOnResource => v1::DecisionReason::PermissionNotOnResource,
        Reason::UnknownResource => v1::DecisionReason::UnknownResource,
        Reason::ResourceRequired => v1::DecisionReason::ResourceRequired,
        Reason::NotAssigned => v1::DecisionReason::NotAssigned,
        Reason::NotOwn => v1::DecisionReason::NotOwn,
        Reason::RequirementUnmet => v1::DecisionReason::RequirementUnmet,
        Reason::Restricted => v1::DecisionReason::Restricted,
        Reason::NotGranted => v1::DecisionReason::NotGranted,
    }
}

/// An access level as messages have it.
#[must_use]
pub fn to_access(level: AccessLevel) -> v1::AccessLevel {
    match level {
        AccessLevel::None => v1::AccessLevel::None,
        AccessLevel::Limited => v1::AccessLevel::Limited,
        AccessLevel::Full => v1::AccessLevel::Full,
    }
}

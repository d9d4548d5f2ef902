//! Answers to commands and questions that a rule refused.

use mandate_domain::decide::Reason;
use mandate_domain::refusal::{FieldError, LimitScope, Refusal};
use mandate_proto::v1::ErrorReason;
use tonic::Code;

use super::Answer;
use super::answer::{MAX_TEXT, cut};
use crate::policies::PolicyRefusal;

pub(super) fn refused(refusal: &Refusal) -> Answer {
    let message = refusal.to_string();
    match refusal {
        Refusal::Invalid(fields) => invalid(fields),
        Refusal::NotFound { what, id } => {
            Answer::new(Code::NotFound, ErrorReason::NotFound, message).with("what", what).with("id", id)
        }
        Refusal::AlreadyExists { what, id } => {
            Answer::new(Code::AlreadyExists, ErrorReason::AlreadyExists, message)
                .with("what", what)
                .with("id", id)
        }
        Refusal::MemberDiffers { user, holds, lacks } => {
            Answer::new(Code::AlreadyExists, ErrorReason::AlreadyExists, message)
                .with("what", "member")
                .with("id", user)
                .with("holds", holds.join(" "))
                .with("lacks", lacks.join(" "))
        }
        Refusal::Denied { operation, permission, reason } => {
            denied(operation, permission.as_deref(), *reason)
        }
        Refusal::DelegationDenied(denials) => {
            Answer::new(Code::PermissionDenied, ErrorReason::DelegationDenied, message)
                .with("denied", denials.join("; "))
        }
        Refusal::SelfRemoval => Answer::new(Code::PermissionDenied, ErrorReason::SelfRemoval, message),
        Refusal::RequirementUnmet { what, requirements } => {
            let answer = Answer::new(Code::FailedPrecondition, ErrorReason::RequirementUnmet, message)
                .with("what", what);
            requirements
                .iter()
                .fold(answer, |answer, sentence| answer.with_precondition("REQUIREMENT", what, sentence))
        }
        Refusal::LimitLeast { role, scope, least, holders, left } => {
            limited(ErrorReason::LimitLeast, &message, role, scope)
                .with("least", least)
                .with("holders", holders)
                .with("left", left)
        }
        Refusal::LimitMost { role, scope, most, holders } => {
            limited(ErrorReason::LimitMost, &message, role, scope).with("most", most).with("holders", holders)
        }
        Refusal::InvitationInvalid => {
            Answer::new(Code::FailedPrecondition, ErrorReason::InvitationInvalid, message)
        }
        Refusal::InviterMayNot => {
            Answer::new(Code::FailedPrecondition, ErrorReason::InviterNotAllowed, message)
        }
        Refusal::PasswordNotResettable(user) => {
            Answer::new(Code::FailedPrecondition, ErrorReason::PasswordNotResettable, message)
                .with("user", user)
        }
        Refusal::EtagMismatch => Answer::new(Code::Aborted, ErrorReason::EtagMismatch, message),
        Refusal::OverrideDenied => Answer::new(Code::PermissionDenied, ErrorReason::OverrideDenied, message),
        Refusal::WrongState(_) => Answer::new(Code::FailedPrecondition, ErrorReason::WrongState, message),
    }
}

/// Answers a version of a policy that is not put in force.
pub(super) fn no_policy(refusal: &PolicyRefusal) -> Answer {
    let message = refusal.to_string();
    match refusal {
        PolicyRefusal::NamesInUse(sentences) => {
            let answer = Answer::new(
                Code::FailedPrecondition,
                ErrorReason::PolicyNameInUse,
                cut(&message, MAX_TEXT / 3),
            );
            // A few tell what is the matter; headers have no room for hundreds.
            let told = sentences.iter().take(10);
            told.fold(answer, |answer, sentence| answer.with_precondition("POLICY", "source", sentence))
        }
    }
}

/// Answers a `request_id` that was used for another request.
pub(super) fn reused(error: &crate::error::Error) -> Answer {
    let message = error.to_string();
    Answer::new(Code::InvalidArgument, ErrorReason::RequestIdReused, &message)
        .with_field("request_id", &message)
}

/// Answers a consistency token that says nothing about this database.
pub(super) fn no_token(error: &crate::error::Error) -> Answer {
    let message = error.to_string();
    Answer::new(Code::InvalidArgument, ErrorReason::ConsistencyTokenInvalid, &message)
        .with_field("consistency.at_least_as_fresh", &message)
}

/// Names as many fields as an answer has room for, and says how many more there are.
fn invalid(fields: &[FieldError]) -> Answer {
    let summary = fields.iter().take(3).map(|FieldError { path, message }| match path.as_str() {
        "" => message.clone(),
        path => format!("{path}: {message}"),
    });
    let summary = summary.collect::<Vec<_>>().join("; ");
    let more = if fields.len() > 3 { "; …" } else { "" };
    let message = format!("{} field(s) need correction: {}{more}", fields.len(), cut(&summary, MAX_TEXT / 3));
    let mut answer = Answer::new(Code::InvalidArgument, ErrorReason::InvalidFields, message);
    let mut room = MAX_TEXT;
    for (told, FieldError { path, message }) in fields.iter().enumerate() {
        let message = cut(message, MAX_TEXT / 5);
        let path = cut(path, MAX_TEXT / 5);
        match room.checked_sub(path.len() + message.len()) {
            Some(left) => room = left,
            None => {
                return answer
                    .with_field("", &format!("{} more field(s) need correction", fields.len() - told));
            }
        }
        answer = answer.with_field(&path, &message);
    }
    answer
}

/// INVARIANT: whoever is not an active member of an account in use gets one and the same answer, so that
/// nobody learns which accounts exist. It names neither operation nor permission.
fn denied(operation: &str, permission: Option<&str>, reason: Reason) -> Answer {
    match reason {
        Reason::UnknownAccount
        | Reason::AccountSuspended
        | Reason::AccountDeleted
        | Reason::PolicyUnavailable
        | Reason::UnknownSubject
        | Reason::SubjectSuspended
        | Reason::NotAMember
        | Reason::MembershipPending
        | Reason::MembershipSuspended => Answer::new(
            Code::PermissionDenied,
            ErrorReason::NotAMember,
            "there is no such account in use, or you are not an active member of it; \
             check the account's id, or ask one of its administrators to add you",
        ),
        Reason::Role
        | Reason::Grant
        | Reason::Group
        | Reason::Assignment
        | Reason::Own
        | Reason::UnknownPermission
        | Reason::UnknownResourceType
        | Reason::PermissionNotOnResource
        | Reason::UnknownResource
        | Reason::ResourceRequired
        | Reason::NotAssigned
        | Reason::NotOwn
        | Reason::RequirementUnmet
        | Reason::Restricted
        | Reason::NotGranted => lacking(operation, permission, reason),
    }
}

fn lacking(operation: &str, permission: Option<&str>, reason: Reason) -> Answer {
    let answer = match permission {
        Some(permission) => Answer::new(
            Code::PermissionDenied,
            ErrorReason::PermissionMissing,
            format!("{operation} needs the permission {permission} in this account, {}", why(reason)),
        )
        .with("permission", permission),
        None => Answer::new(
            Code::PermissionDenied,
            ErrorReason::OperatorOnly,
            format!(
                "this account's policy leaves {operation} to platform operators; ask the provider's support"
            ),
        ),
    };
    answer.with("operation", operation)
}

fn why(reason: Reason) -> &'static str {
    match reason {
        Reason::Restricted => {
            "which a restriction takes from you; ask an administrator of the account to lift it"
        }
        Reason::ResourceRequired | Reason::NotAssigned => {
            "which you hold on resources assigned to you only; ask for this one to be assigned to you"
        }
        Reason::NotOwn => "which you hold on resources you created only",
        Reason::UnknownResource | Reason::UnknownResourceType | Reason::PermissionNotOnResource => {
            "which does not reach this resource; check its type and id"
        }
        Reason::Role
        | Reason::Grant
        | Reason::Group
        | Reason::Assignment
        | Reason::Own
        | Reason::UnknownAccount
        | Reason::AccountSuspended
        | Reason::AccountDeleted
        | Reason::PolicyUnavailable
        | Reason::UnknownSubject
        | Reason::SubjectSuspended
        | Reason::NotAMember
        | Reason::MembershipPending
        | Reason::MembershipSuspended
        | Reason::UnknownPermission
        | Reason::RequirementUnmet
        | Reason::NotGranted => {
            "which you do not hold; ask an administrator of the account for a role that gives it"
        }
    }
}

fn limited(reason: ErrorReason, message: &str, role: &str, scope: &LimitScope) -> Answer {
    let (kind, within) = match scope {
        LimitScope::Account(account) => ("account", account.to_string()),
        LimitScope::Resource(resource) => ("resource", resource.clone()),
        LimitScope::Group(group) => ("group", group.clone()),
    };
    Answer::new(Code::FailedPrecondition, reason, message)
        .with_precondition("LIMIT", role, message)
        .with("role", role)
        .with(kind, within)
}

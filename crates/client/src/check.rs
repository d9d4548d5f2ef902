//! May they? A question and its answer, which is an allow only if the server says so.

use mandate_proto::v1::{self, CheckRequest, DecisionReason, ResourceRef};
use tonic::{Code, Status};

use crate::call::Client;

/// Who wants to do something.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject(v1::Subject);

impl Subject {
    /// A user, by id (`usr_…`).
    #[must_use]
    pub fn user(id: impl Into<String>) -> Self {
        Self::of(v1::subject::Subject::User(id.into()))
    }

    /// The person with this login at another issuer.
    #[must_use]
    pub fn login(issuer: impl Into<String>, subject: impl Into<String>) -> Self {
        let identity = v1::Identity { issuer: issuer.into(), subject: subject.into() };
        Self::of(v1::subject::Subject::Identity(identity))
    }

    /// A contact of the account (`con_…`).
    #[must_use]
    pub fn contact(id: impl Into<String>) -> Self {
        Self::of(v1::subject::Subject::Contact(id.into()))
    }

    fn of(subject: v1::subject::Subject) -> Self {
        Self(v1::Subject { subject: Some(subject) })
    }
}

impl From<Subject> for v1::Subject {
    fn from(subject: Subject) -> Self {
        subject.0
    }
}

/// Where somebody wants to do something: in an account, or to a resource of it.
#[derive(Debug, Clone, PartialEq)]
pub struct On {
    account: String,
    resource: Option<ResourceRef>,
}

impl On {
    /// In an account (`acc_…`).
    #[must_use]
    pub fn account(id: impl Into<String>) -> Self {
        Self { account: id.into(), resource: None }
    }

    /// To a resource of an account.
    #[must_use]
    pub fn resource(account: impl Into<String>, kind: impl Into<String>, id: impl Into<String>) -> Self {
        let resource = ResourceRef { r#type: kind.into(), id: id.into() };
        Self { account: account.into(), resource: Some(resource) }
    }

    /// The account's id.
    #[must_use]
    pub fn account_id(&self) -> &str {
        &self.account
    }

    /// The type and id of the resource; `None`: it is about the account.
    #[must_use]
    pub fn resource_id(&self) -> Option<(&str, &str)> {
        self.resource.as_ref().map(|resource| (resource.r#type.as_str(), resource.id.as_str()))
    }
}

/// What came of a question.
#[derive(Debug, Clone)]
#[must_use = "a decision that nobody looks at guards nothing"]
pub enum Decision {
    /// They may; the answer says by what.
    Allowed(Box<v1::CheckResponse>),
    /// They may not; the answer says why.
    Denied(Box<v1::CheckResponse>),
    /// Nobody could tell: it is no allow.
    Undecided(Status),
}

impl Decision {
    /// INVARIANT: an answer that does not say `allowed` is none, whatever else it says.
    fn of(answer: Result<v1::CheckResponse, Status>) -> Self {
        match answer {
            Ok(answer) if answer.allowed => Self::Allowed(Box::new(answer)),
            Ok(answer) => Self::Denied(Box::new(answer)),
            Err(status) => Self::Undecided(status),
        }
    }

    /// Whether the server said that they may.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }

    /// Why; `None`: nobody could tell.
    #[must_use]
    pub fn reason(&self) -> Option<DecisionReason> {
        match self {
            Self::Allowed(answer) | Self::Denied(answer) => Some(answer.reason()),
            Self::Undecided(_) => None,
        }
    }

    /// What a gRPC service answers its own caller who may not.
    ///
    /// # Errors
    /// PERMISSION_DENIED for a denial and for a question that cannot be asked (there is no such permission or id),
    /// UNAVAILABLE where nobody could tell.
    pub fn into_result(self) -> Result<(), Status> {
        match self {
            Self::Allowed(_) => Ok(()),
            Self::Denied(answer) => {
                let reason = answer.reason().as_str_name();
                let reason = reason.strip_prefix("DECISION_REASON_").unwrap_or(reason);
                Err(Status::permission_denied(format!("you may not do this here ({reason})")))
            }
            Self::Undecided(status) if status.code() == Code::InvalidArgument => {
                tracing::warn!(%status, "a question about a permission cannot be asked like this");
                Err(Status::permission_denied("whether you may do this here cannot even be asked"))
            }
            Self::Undecided(status) => {
                tracing::warn!(%status, "a permission could not be decided");
                Err(Status::unavailable("whether you may do this could not be decided; try again"))
            }
        }
    }
}

impl Client {
    /// Whether somebody may do something: `mandate.check(Subject::user(id), "shipments.book", On::account(account))`.
    ///
    /// Whatever goes wrong is [`Decision::Undecided`], which is no allow.
    pub async fn check(&self, subject: Subject, permission: &str, on: On) -> Decision {
        let On { account, resource } = on;
        let question = CheckRequest {
            account,
            subject: Some(subject.into()),
            permission: permission.to_owned(),
            resource,
            consistency: None,
        };
        Decision::of(self.send(question).await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_no_allow() {
        for code in
            [Code::Unavailable, Code::Internal, Code::Unknown, Code::DeadlineExceeded, Code::Unauthenticated]
        {
            let decision = Decision::of(Err(Status::new(code, "")));
            assert!(!decision.is_allowed());
            assert_eq!(decision.into_result().unwrap_err().code(), Code::Unavailable);
        }
    }

    #[test]
    fn an_answer_that_does_not_say_allowed_is_no_allow() {
        let answer =
            v1::CheckResponse { reason: DecisionReason::Role.into(), ..v1::CheckResponse::default() };
        let decision = Decision::of(Ok(answer));
        assert!(!decision.is_allowed());
        assert_eq!(decision.into_result().unwrap_err().code(), Code::PermissionDenied);
    }
}

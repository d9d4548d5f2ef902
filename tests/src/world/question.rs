//! May somebody do something? The question and what can be said of its answer.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use mandate_proto::v1::consistency::Requirement;
use mandate_proto::v1::{
    CheckRequest, CheckResponse, Consistency, DecisionReason, FullyConsistent, Subject, subject,
};
use tonic::Status;

use super::{Party, resource, user_subject};

/// A Check in the making; awaiting it asks.
pub struct Question {
    asker: Party,
    request: CheckRequest,
}

impl Question {
    pub(super) fn new(asker: Party, account: &str, user: &str, permission: &str) -> Self {
        let request = CheckRequest {
            account: account.to_owned(),
            subject: Some(user_subject(user)),
            permission: permission.to_owned(),
            resource: None,
            consistency: None,
        };
        Self { asker, request }
    }

    /// The same about a contact, who is no user.
    pub(super) fn about(mut self, contact: &str) -> Self {
        let subject = subject::Subject::Contact(contact.to_owned());
        self.request.subject = Some(Subject { subject: Some(subject) });
        self
    }

    /// Asks another server.
    pub fn of(mut self, asker: Party) -> Self {
        self.asker = asker;
        self
    }

    /// Asks for facts that are not older than a consistency token.
    pub fn not_before(self, token: &str) -> Self {
        self.requiring(Requirement::AtLeastAsFresh(token.to_owned()))
    }

    /// Asks for facts that leave nothing out.
    pub fn fully_consistent(self) -> Self {
        self.requiring(Requirement::FullyConsistent(FullyConsistent {}))
    }

    fn requiring(mut self, requirement: Requirement) -> Self {
        self.request.consistency = Some(Consistency { requirement: Some(requirement) });
        self
    }

    /// Asks where an answer may fail.
    pub async fn ask(self) -> Result<CheckResponse, Status> {
        Ok(self.asker.authz().check(self.request).await?.into_inner())
    }

    /// Asks about one resource.
    pub fn on(mut self, kind: &str, id: &str) -> Self {
        self.request.resource = Some(resource(kind, id));
        self
    }
}

impl IntoFuture for Question {
    type Output = Verdict;
    type IntoFuture = Pin<Box<dyn Future<Output = Verdict>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { asker, request } = self;
            let answer = asker.authz().check(request.clone()).await;
            Verdict { answer: answer.expect("a verdict").into_inner(), request }
        })
    }
}

/// The answer to a [`Question`].
#[derive(Debug)]
pub struct Verdict {
    /// What the service said.
    pub answer: CheckResponse,
    request: CheckRequest,
}

impl Verdict {
    /// Whether it was allowed, for whatever reason.
    #[must_use]
    pub fn allowed(&self) -> bool {
        self.answer.allowed
    }

    /// Asserts that it was allowed, by this.
    #[track_caller]
    pub fn allowed_by(&self, reason: DecisionReason) {
        self.assert_reason(reason, true);
        assert!(!self.answer.via.is_empty(), "an allowed Check says by which way: {self:?}");
    }

    /// Asserts that it was denied, for this.
    #[track_caller]
    pub fn denied_for(&self, reason: DecisionReason) {
        self.assert_reason(reason, false);
        assert!(self.answer.via.is_empty(), "a denied Check has no way: {self:?}");
    }

    #[track_caller]
    fn assert_reason(&self, reason: DecisionReason, allowed: bool) {
        let found = (self.answer.allowed, self.answer.reason());
        assert_eq!(found, (allowed, reason), "{:?}", self.request);
    }
}

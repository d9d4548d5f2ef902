//! Look-ups in the decision log: one record for each call, with what was asked and how much was found.

use mandate_proto::v1;
use mandate_proto::v1::subject::Subject;
use serde::Serialize;

use super::call::Recorded;
use super::record::Record;
use super::settings::Outcomes;
use crate::caller::Party;

/// A look-up that is to be told of.
pub(crate) struct LookedUp {
    recorded: Recorded,
    asked: Asked,
}

/// What was asked.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Asked {
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permission: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<String>,
}

/// What was found.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Found<'a> {
    results: usize,
    /// Whether there are further pages.
    more: bool,
    consistency_token: &'a str,
}

#[derive(Serialize)]
struct Both<'a> {
    #[serde(flatten)]
    asked: &'a Asked,
    #[serde(flatten)]
    found: Found<'a>,
}

/// A request of a look-up.
pub(crate) trait Question {
    /// What it asks.
    fn asked(&self) -> Asked;
}

/// An answer to one.
pub(crate) trait Answer {
    /// What was found.
    fn found(&self) -> Found<'_>;
}

impl LookedUp {
    /// `None`: nobody is to be told of it.
    pub(crate) fn begin(question: &impl Question) -> Option<Self> {
        let recorded = Recorded::current()?;
        // A look-up denies nothing: it lists what is allowed.
        let decisions = recorded.decisions()?;
        if decisions.outcomes() == Outcomes::Denied || !recorded.logs_next() {
            return None;
        }
        Some(Self { recorded, asked: question.asked() })
    }

    /// Tells of it, if somebody is to be told, and gives the answer back.
    pub(crate) fn end<A: Answer>(this: Option<Self>, party: Party, answer: A) -> A {
        if let Some(Self { recorded, asked }) = &this
            && let Some(decisions) = recorded.decisions()
        {
            let both = Both { asked, found: answer.found() };
            decisions.tell(recorded, &Record::new(recorded, "lookup", Some(party), both));
        }
        answer
    }
}

/// An id; of a login, which may be an address, only that it was one.
fn subject(subject: Option<&v1::Subject>) -> Option<String> {
    Some(match subject?.subject.as_ref()? {
        Subject::User(id) | Subject::Contact(id) => id.clone(),
        Subject::Identity(_) => "login".to_owned(),
    })
}

fn resource(resource: Option<&v1::ResourceRef>) -> Option<String> {
    resource.map(|resource| format!("{}/{}", resource.r#type, resource.id))
}

impl Question for v1::LookupPermissionsRequest {
    fn asked(&self) -> Asked {
        Asked {
            account: Some(self.account.clone()),
            subject: subject(self.subject.as_ref()),
            permission: None,
            resource: resource(self.resource.as_ref()),
        }
    }
}

impl Question for v1::LookupMembersRequest {
    fn asked(&self) -> Asked {
        Asked {
            account: Some(self.account.clone()),
            subject: None,
            permission: Some(self.permission.clone()),
            resource: resource(self.resource.as_ref()),
        }
    }
}

impl Question for v1::LookupResourcesRequest {
    fn asked(&self) -> Asked {
        Asked {
            account: Some(self.account.clone()),
            subject: subject(self.subject.as_ref()),
            permission: Some(self.permission.clone()),
            resource: None,
        }
    }
}

impl Question for v1::LookupAccountsRequest {
    fn asked(&self) -> Asked {
        let (subject, permission) = (subject(self.subject.as_ref()), Some(self.permission.clone()));
        Asked { subject, permission, ..Asked::default() }
    }
}

impl Answer for v1::LookupPermissionsResponse {
    fn found(&self) -> Found<'_> {
        Found { results: self.permissions.len(), more: false, consistency_token: &self.consistency_token }
    }
}

macro_rules! paged {
    ($($answer:ident: $items:ident,)+) => {
        $(impl Answer for v1::$answer {
            fn found(&self) -> Found<'_> {
                let more = !self.next_page_token.is_empty();
                Found { results: self.$items.len(), more, consistency_token: &self.consistency_token }
            }
        })+
    };
}

paged! {
    LookupMembersResponse: users,
    LookupResourcesResponse: resources,
    LookupAccountsResponse: accounts,
}

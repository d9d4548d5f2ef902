//! What a record of the decision log says.

use std::time::SystemTime;

use mandate_domain::resource::ResourceRef;
use mandate_proto::v1;
use mandate_proto::v1::via::Via as Way;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::call::Recorded;
use crate::auth::{Caller, CallerKind};
use crate::caller::Party;
use crate::facts::{NOBODY, Who};

/// One record: who called what, and what became of it.
#[derive(Serialize)]
pub(super) struct Record<'a, E> {
    /// RFC 3339, UTC.
    time: String,
    event: &'static str,
    rpc: String,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    caller: Asker,
    #[serde(flatten)]
    what: E,
}

impl<'a, E> Record<'a, E> {
    pub(super) fn new(recorded: &'a Recorded, event: &'static str, party: Option<Party>, what: E) -> Self {
        Self {
            time: prost_types::Timestamp::from(SystemTime::now()).to_string(),
            event,
            rpc: recorded.rpc(),
            request_id: recorded.request_id(),
            trace_id: recorded.trace().map(|trace| trace.to_string()),
            caller: Asker::new(recorded.caller(), party),
            what,
        }
    }
}

/// Who called.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub(super) struct Asker {
    /// `person`, `service` or `operator`; `unknown` before a token was believed.
    kind: &'static str,
    /// Issuer and subject of a service or an operator. Persons are named by their user alone: with other issuers a
    /// subject may be an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The person who called, or for whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
}

impl Asker {
    pub(super) fn new(caller: Option<&Caller>, party: Option<Party>) -> Self {
        let user = party.and_then(Party::person).map(|user| user.to_string());
        let Some(Caller { kind, issuer, subject, .. }) = caller else {
            return Self { kind: "unknown", name: None, user };
        };
        let name = (*kind != CallerKind::Person).then(|| format!("{issuer}#{}", told(subject)));
        Self { kind: kind.name(), name, user }
    }
}

impl std::fmt::Display for Asker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind)?;
        self.name.iter().try_for_each(|name| write!(f, " {name}"))?;
        self.user.iter().try_for_each(|user| write!(f, " {user}"))
    }
}

/// A subject that may be told: some issuers have addresses there.
fn told(subject: &str) -> String {
    if !subject.contains('@') {
        return subject.to_owned();
    }
    let hash: String = Sha256::digest(subject).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hash}")
}

/// Whom it was about: an id, or that the login is nobody's.
pub(super) fn subject(who: Who) -> String {
    match who {
        Who::User(NOBODY) => "login of nobody".to_owned(),
        Who::User(user) => user.to_string(),
        Who::Contact(contact) => contact.to_string(),
    }
}

/// What it was about.
pub(super) fn resource(resource: &ResourceRef) -> String {
    format!("{}/{}", resource.kind, resource.id)
}

/// The ways of an answer, each as one text.
pub(super) fn ways(via: &[v1::Via]) -> Vec<String> {
    let way = |via: &v1::Via| {
        Some(match via.via.as_ref()? {
            Way::Role(role) => format!("role {role}"),
            Way::Grant(grant) => format!("grant {}", grant.permission),
            Way::Group(group) => format!("group {} {}", group.group, group.role),
            Way::Assignment(resource) => format!("assignment {}/{}", resource.r#type, resource.id),
            Way::Creator(_) => "creator".to_owned(),
        })
    };
    via.iter().filter_map(way).collect()
}

/// A name without what all of its kind begin with.
pub(super) fn short(reason: v1::DecisionReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("DECISION_REASON_").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_that_is_an_address_is_not_told() {
        assert_eq!(told("billing-service"), "billing-service");
        let told = told("billing@example.com");
        assert!(told.starts_with("sha256:") && told.len() == 23 && !told.contains("example"), "{told}");
    }
}

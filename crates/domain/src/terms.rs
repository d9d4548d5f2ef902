//! The terms a write is asked for on, beside what it asks for: what its caller believes to change, and whether limits
//! may be passed over.

use crate::command::{Actor, Command};
use crate::etag::Etag;
use crate::records::{Key, Record, Records, Stop};
use crate::refusal::Refusal;

/// The terms of one write. The default asks for nothing special.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    /// The etag of what is to be changed, as the caller read it (AIP-154); `None`: whatever it is by now.
    pub etag: Option<String>,
    /// Why limits on holders may be passed over: 1 to 500 characters. Platform operators alone.
    pub override_reason: Option<String>,
}

impl Terms {
    /// Whether limits count, for this actor.
    ///
    /// # Errors
    /// [`Refusal::OverrideDenied`] for anybody but an operator who gives a reason.
    pub(crate) fn limits(&self, actor: &Actor) -> Result<Limits, Refusal> {
        match (&self.override_reason, actor) {
            (None, _) => Ok(Limits::Hold),
            (Some(_), Actor::Operator { .. }) => Ok(Limits::PassedOver),
            (Some(_), Actor::Person { .. } | Actor::Service { .. } | Actor::Link { .. }) => {
                Err(Refusal::OverrideDenied)
            }
        }
    }

    /// Refuses a command whose caller has read an earlier state of what it changes.
    ///
    /// # Errors
    /// [`Refusal::EtagMismatch`]; [`Stop::Read`] for what must be read first.
    pub(crate) fn judge_etag(&self, records: &Records, command: &Command) -> Result<(), Stop> {
        let Some(expected) = &self.etag else { return Ok(()) };
        let Some(key) = command.edits() else { return Ok(()) };
        let found = etag_of(records, &key)?;
        match found.as_ref() == Some(expected) {
            true => Ok(()),
            false => Err(Refusal::EtagMismatch.into()),
        }
    }
}

/// Whether a plan is held to the limits on holders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limits {
    /// It is.
    Hold,
    /// An operator answers for it.
    PassedOver,
}

fn etag_of(records: &Records, key: &Key) -> Result<Option<String>, Stop> {
    Ok(match records.get(key)? {
        Record::Account(Some(fact)) => Some(fact.etag()),
        Record::User(Some(fact)) => Some(fact.etag()),
        Record::Membership(Some(fact)) => Some(fact.etag()),
        Record::Resource(Some(fact)) => Some(fact.etag()),
        Record::Assignment(Some(fact)) => Some(fact.etag()),
        Record::Contact(Some(fact)) => Some(fact.etag()),
        _ => None,
    })
}

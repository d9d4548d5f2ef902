//! One decision, as traces and the decision log tell of it.

use mandate_domain::id::AccountId;
use mandate_proto::v1;
use serde::Serialize;
use tracing::{Instrument as _, Span};

use super::call::Recorded;
use super::record::{self, Record};
use super::settings::Outcomes;
use crate::caller::Party;
use crate::convert::authz::Check;
use crate::error::Error;
use crate::facts::{Known, Who};

/// An answer, and what it was decided on.
pub(crate) struct Decided {
    pub(crate) response: v1::CheckResponse,
    pub(crate) who: Who,
    pub(crate) known: Known,
}

/// A decision that is to be told of.
pub(crate) struct Observed {
    recorded: Recorded,
    span: Span,
    logs: bool,
    account: AccountId,
    permission: String,
    resource: Option<String>,
}

/// What the decision log says of it.
#[derive(Serialize)]
struct Decision<'a> {
    account: String,
    subject: String,
    permission: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'a str>,
    outcome: &'static str,
    reason: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    via: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a str>,
    consistency_token: &'a str,
    /// For how long the facts had not been confirmed by the database, if it was away.
    #[serde(skip_serializing_if = "Option::is_none")]
    stale_seconds: Option<i64>,
}

impl Observed {
    /// `None`: nobody is to be told of the decision on this question.
    pub(crate) fn begin(check: &Check) -> Option<Self> {
        let recorded = Recorded::current()?;
        let (span, logs) = (recorded.decision_span(), recorded.logs_next());
        if span.is_disabled() && !logs {
            return None;
        }
        let Check { account, permission, resource, subject: _, consistency: _ } = check;
        let resource = resource.as_ref().map(record::resource);
        Some(Self { recorded, span, logs, account: *account, permission: permission.clone(), resource })
    }

    /// Waits for the decision, and tells of it.
    pub(crate) async fn through(
        self,
        party: Party,
        deciding: impl Future<Output = Result<Decided, Error>>,
    ) -> Result<Decided, Error> {
        let decided = deciding.instrument(self.span.clone()).await;
        match &decided {
            Ok(decided) => self.tell(party, decided),
            Err(_) => {
                self.span.record("mandate.outcome", "error");
            }
        }
        decided
    }

    fn tell(&self, party: Party, decided: &Decided) {
        let Decided { response, who, known } = decided;
        let outcome = if response.allowed { "allowed" } else { "denied" };
        let reason = record::short(response.reason());
        let policy = known.policy().map(|policy| policy.name.as_str());
        if !self.span.is_disabled() {
            self.span.record("mandate.policy", policy.unwrap_or("unknown"));
            // Anything may be asked about, and what no policy knows may be anything.
            let permission = known.permission(&self.permission).map(|_| self.permission.as_str());
            self.span.record("mandate.permission", permission.unwrap_or("unknown"));
            self.span.record("mandate.outcome", outcome);
            self.span.record("mandate.reason", reason);
        }
        let Some(decisions) = self.recorded.decisions().filter(|_| self.logs) else { return };
        if response.allowed && decisions.outcomes() == Outcomes::Denied {
            return;
        }
        let decision = Decision {
            account: self.account.to_string(),
            subject: record::subject(*who),
            permission: &self.permission,
            resource: self.resource.as_deref(),
            outcome,
            reason,
            via: record::ways(&response.via),
            policy,
            consistency_token: &response.consistency_token,
            stale_seconds: response.stale_for.as_ref().map(|stale| stale.seconds),
        };
        decisions.tell(&self.recorded, &Record::new(&self.recorded, "decision", Some(party), decision));
    }
}

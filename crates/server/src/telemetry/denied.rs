//! Calls that were denied: each has a log line, whatever the level, and a record where decisions are recorded.

use http::HeaderMap;
use serde::Serialize;
use tonic::Status;
use tonic_types::StatusExt as _;

use super::call::Recorded;
use super::log;
use super::record::{Asker, Record};

/// What there is to tell of it.
#[derive(Serialize)]
struct Denied {
    outcome: &'static str,
    /// One of `mandate.v1.ErrorReason`.
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    /// Of the policy: what was to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    /// What it would have needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    permission: Option<String>,
}

/// Tells that a call was denied by these headers or trailers.
pub(super) fn tell(recorded: &Recorded, told: Option<&HeaderMap>) {
    let details = told.and_then(Status::from_header_map).and_then(|status| status.get_details_error_info());
    let (reason, mut metadata) = details.map(|info| (info.reason, info.metadata)).unwrap_or_default();
    let denied = Denied {
        outcome: "denied",
        reason,
        account: recorded.account().map(|account| account.to_string()),
        operation: metadata.remove("operation"),
        permission: metadata.remove("permission").or_else(|| metadata.remove("scope")),
    };
    let caller = Asker::new(recorded.caller(), recorded.party());
    tracing::info!(
        target: log::DENIED,
        %caller,
        reason = denied.reason,
        account = denied.account,
        operation = denied.operation,
        permission = denied.permission,
        "a call was denied"
    );
    if let Some(decisions) = recorded.decisions() {
        decisions.tell(recorded, &Record::new(recorded, "denied_call", recorded.party(), denied));
    }
}

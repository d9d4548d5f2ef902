//! Versions of policies.

use mandate_domain::policy::{Cell, Diagnostic, Difference, HolderChange, RuleChange, Severity};
use mandate_proto::v1;
use mandate_storage::StoredPolicy;

use super::page::{Paging, Query};
use super::{Fields, Path, timestamp};
use crate::error::Error;
use crate::policies::{EffectsFrom, digest};

/// Longest name of a policy, in bytes.
const MAX_NAME: usize = 63;

/// A version to be put in force.
#[derive(Debug, Clone)]
pub struct Apply {
    /// Its text.
    pub source: String,
    /// Which of its effects to tell, if it is only asked.
    pub paging: Paging<EffectsFrom>,
}

/// Reads an `ApplyPolicyRequest`.
///
/// # Errors
/// Every bad field.
pub fn apply(message: v1::ApplyPolicyRequest) -> Result<Apply, Error> {
    let v1::ApplyPolicyRequest { source, page_size, page_token, request_id: _, validate_only: _, etag: _ } =
        message;
    let mut fields = Fields::default();
    let paging = Query::new("ApplyPolicy", &[&digest(&source)]).paging(&mut fields, page_size, &page_token);
    let source = match source.as_str() {
        "" => fields.none(Path::of("source"), "is required"),
        _ => Some(source),
    };
    fields.finish(source.zip(paging).map(|(source, paging)| Apply { source, paging }))
}

/// A version to be put in force again.
#[derive(Debug, Clone)]
pub struct Rollback {
    /// The policy.
    pub policy: String,
    /// The version.
    pub version: i64,
    /// Which effects to tell, if it is only asked.
    pub paging: Paging<EffectsFrom>,
}

/// Reads a `RollbackPolicyRequest`.
///
/// # Errors
/// Every bad field.
pub fn rollback(message: v1::RollbackPolicyRequest) -> Result<Rollback, Error> {
    let v1::RollbackPolicyRequest {
        policy,
        version,
        page_size,
        page_token,
        request_id: _,
        validate_only: _,
        etag: _,
    } = message;
    let mut fields = Fields::default();
    let query = Query::new("RollbackPolicy", &[&policy, &version.to_string()]);
    let paging = query.paging(&mut fields, page_size, &page_token);
    let policy = name(&mut fields, policy);
    let version = match version {
        1.. => Some(version),
        _ => fields.none(Path::of("version"), "is required: a number from 1 on"),
    };
    let rollback = (|| Some(Rollback { policy: policy?, version: version?, paging: paging? }))();
    fields.finish(rollback)
}

/// Reads a `GetPolicyRequest`: the policy, and the version if one is named.
///
/// # Errors
/// Every bad field.
pub fn get(message: v1::GetPolicyRequest) -> Result<(String, Option<i64>), Error> {
    let v1::GetPolicyRequest { policy, version } = message;
    let mut fields = Fields::default();
    let policy = name(&mut fields, policy);
    let version = match version {
        0 => Some(None),
        1.. => Some(Some(version)),
        _ => fields.none(Path::of("version"), "must be a number from 1 on, or left out"),
    };
    fields.finish(policy.zip(version))
}

/// Reads a `ListPoliciesRequest`; the key of a page is a policy's name.
///
/// # Errors
/// Every bad field.
pub fn list(message: v1::ListPoliciesRequest) -> Result<Paging<String>, Error> {
    let v1::ListPoliciesRequest { page_size, page_token } = message;
    let mut fields = Fields::default();
    let paging = Query::new("ListPolicies", &[]).paging(&mut fields, page_size, &page_token);
    fields.finish(paging)
}

/// Reads a `ListPolicyVersionsRequest`; the key of a page is a version.
///
/// # Errors
/// Every bad field.
pub fn versions(message: v1::ListPolicyVersionsRequest) -> Result<(String, Paging<i64>), Error> {
    let v1::ListPolicyVersionsRequest { policy, page_size, page_token } = message;
    let mut fields = Fields::default();
    let paging = Query::new("ListPolicyVersions", &[&policy]).paging(&mut fields, page_size, &page_token);
    let policy = name(&mut fields, policy);
    fields.finish(policy.zip(paging))
}

fn name(fields: &mut Fields, policy: String) -> Option<String> {
    match policy.len() {
        1..=MAX_NAME => Some(policy),
        _ => fields.none(Path::of("policy"), "is required: the name of a policy, at most 63 bytes"),
    }
}

/// A version as messages have it, without its text. `newest` is the number of the one in force.
#[must_use]
pub fn to_version(stored: &StoredPolicy, newest: i64) -> v1::PolicyVersion {
    let StoredPolicy { name, version, digest, source: _, at, applied_by } = stored;
    v1::PolicyVersion {
        policy: name.clone(),
        version: *version,
        digest: digest.clone(),
        apply_time: Some(timestamp(*at)),
        applied_by: applied_by.clone().unwrap_or_default(),
        in_force: *version == newest,
        etag: version.to_string(),
        source: String::new(),
    }
}

/// A mistake as messages have it.
#[must_use]
pub fn to_diagnostic(diagnostic: &Diagnostic) -> v1::PolicyDiagnostic {
    let Diagnostic { file: _, line, column, path, severity, message, hint } = diagnostic;
    let severity = match severity {
        Severity::Error => v1::PolicySeverity::Error,
        Severity::Warning => v1::PolicySeverity::Warning,
    };
    v1::PolicyDiagnostic {
        severity: severity.into(),
        line: i32::try_from(*line).unwrap_or(i32::MAX),
        column: i32::try_from(*column).unwrap_or(i32::MAX),
        path: path.clone(),
        message: message.clone(),
        hint: hint.clone().unwrap_or_default(),
    }
}

/// A difference as messages have it.
#[must_use]
pub fn to_difference(difference: Difference) -> (Vec<v1::PolicyHolderChange>, Vec<v1::PolicyRuleChange>) {
    let Difference { holders, rules } = difference;
    let how =
        |names: Vec<(String, Cell)>| names.iter().map(|(name, cell)| format!("{name} ({cell})")).collect();
    let holder = |HolderChange { holder, gained, lost, changed }| v1::PolicyHolderChange {
        holder,
        gained: how(gained),
        lost: how(lost),
        changed: changed.iter().map(|(name, was, is)| format!("{name} ({is}, was {was})")).collect(),
    };
    let rule = |RuleChange { heading, removed, added }: RuleChange| v1::PolicyRuleChange {
        heading: heading.to_owned(),
        removed,
        added,
    };
    (holders.into_iter().map(holder).collect(), rules.into_iter().map(rule).collect())
}

//! A platform operator puts a version of a policy in force while servers run.

use std::sync::Arc;

use mandate_domain::policy::{self, Checked, Diagnostic, Policy, Severity};
use mandate_domain::refusal::{FieldError, Refusal};
use mandate_storage::{APPLY, Applied, Committed, Mode, NewVersion, PolicySource, StoreError, StoredPolicy};

use super::dropped::LeftOut;
use super::{compiled, digest};
use crate::clock::now_micros;
use crate::error::Error;
use crate::facts::Facts;
use crate::overload::Turn;
use crate::telemetry::carried;
use crate::writer::{Write, answered, mark_written};

/// How often a version is judged again because another one was written meanwhile.
const ATTEMPTS: u32 = 16;

/// Why a version is not put in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyRefusal {
    /// It leaves out names that are held. One sentence for each.
    #[error("the policy {}", .0.join("; "))]
    NamesInUse(Vec<String>),
}

/// A text that an operator proposes.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// The text.
    pub source: String,
    /// Its digest.
    pub digest: String,
    /// What it says; `None`: it has errors.
    pub policy: Option<Policy>,
    /// Everything that is wrong with it, warnings included.
    pub diagnostics: Vec<Diagnostic>,
}

impl Proposal {
    /// Reads the text.
    #[must_use]
    pub fn new(source: String) -> Self {
        // Whoever proposed it knows which file it is; places are told by line and column.
        let Checked { policy, diagnostics } = policy::check("", &source);
        Self { digest: digest(&source), source, policy, diagnostics }
    }

    /// What it says.
    ///
    /// # Errors
    /// Every mistake in it, each as one of the field `source`.
    pub fn policy(&self) -> Result<&Policy, Error> {
        let errors = self.diagnostics.iter().filter(|one| one.severity == Severity::Error);
        let told = errors.map(|one| FieldError::new("source", one.to_string().trim_start_matches(':')));
        self.policy.as_ref().ok_or_else(|| Refusal::Invalid(told.collect()).into())
    }
}

/// What a proposal came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The version in force from now on, or that would be.
    pub stored: StoredPolicy,
    /// The version in force before it, which may be the same; `None`: it is the first.
    pub before: Option<StoredPolicy>,
}

/// The text of a version of a policy.
///
/// # Errors
/// NOT_FOUND; those of the store.
pub async fn source_of(facts: &Facts, name: &str, version: i64) -> Result<String, Error> {
    let stored = facts.store().policy_version(name, Some(version)).await?;
    let stored = stored.ok_or_else(|| Error::not_found("policy version", format!("{name}/{version}")))?;
    Ok(stored.source)
}

/// Puts a proposal in force, or only judges it. When it returns, every question asked of this process is decided by it.
///
/// It runs as a task of its own, so that a caller who hangs up leaves nothing half done.
///
/// # Errors
/// Mistakes in the text, [`PolicyRefusal`], a mismatch of the etag; what kept the store from writing.
pub async fn apply(facts: &Arc<Facts>, write: &Write, proposal: &Proposal) -> Result<Outcome, Error> {
    let turn = facts.bounds().turn().await?;
    let task = facts.runtime().spawn({
        let (facts, write, proposal) = (Arc::clone(facts), write.clone(), proposal.clone());
        carried(async move { carry_out(&facts, &write, &proposal, turn).await })
    });
    let result = task.await;
    let result = result.map_err(|error| Error::Defect(format!("a change of a policy broke off: {error}")))?;
    if result.is_ok() && !write.is_preview() {
        mark_written();
    }
    result
}

async fn carry_out(facts: &Facts, write: &Write, proposal: &Proposal, turn: Turn) -> Result<Outcome, Error> {
    let policy = proposal.policy()?;
    if let Some(done) = answered(facts, write, APPLY).await? {
        return told_before(facts, write, &policy.name, done).await;
    }
    for _ in 0..ATTEMPTS {
        let newest = facts.store().policy_version(&policy.name, None).await?;
        if let Some(etag) = &write.terms().etag
            && newest.as_ref().map(|newest| newest.version.to_string()).as_ref() != Some(etag)
        {
            return Err(Refusal::EtagMismatch.into());
        }
        let old = newest.as_ref().and_then(compiled);
        let leaves_out = LeftOut::between(old.as_ref(), policy);
        let new = NewVersion {
            policy: PolicySource { name: &policy.name, source: &proposal.source, digest: &proposal.digest },
            judged: newest.as_ref().map_or(0, |newest| newest.version),
            leaves_out: &leaves_out.names,
            actor: Some(write.actor()),
        };
        let prepared = match facts.store().apply_policy(new, write.mode(), now_micros()).await? {
            Applied::Overtaken => continue,
            Applied::InUse(held) => {
                return Err(PolicyRefusal::NamesInUse(leaves_out.sentences(&held)).into());
            }
            Applied::Replayed(done) => return told_before(facts, write, &policy.name, done).await,
            Applied::Previewed(stored) => {
                write.stands(&facts.moment());
                return Ok(Outcome { stored, before: newest });
            }
            Applied::Prepared(prepared) => prepared,
        };
        let (stored, position, transaction) =
            (prepared.stored.clone(), prepared.position, prepared.transaction);
        if position.is_none() {
            turn.until(prepared.commit()).await?;
            // It may be in force since a moment, by another server.
            facts.fresh().await?;
            write.stands(&facts.moment());
            return Ok(Outcome { stored, before: newest });
        }
        facts.exchange(policy.clone(), position, turn.until(prepared.commit())).await?;
        write.stands(&facts.stands(transaction, position));
        tracing::info!(
            policy = stored.name,
            version = stored.version,
            by = stored.applied_by,
            "an operator put a new version of a policy in force"
        );
        return Ok(Outcome { stored, before: newest });
    }
    Err(StoreError::Contention { attempts: ATTEMPTS, source: None }.into())
}

/// A retry is told of the version that the first request made or found, whatever is in force by now.
async fn told_before(facts: &Facts, write: &Write, name: &str, done: Committed) -> Result<Outcome, Error> {
    let subject = done.plan.subject.unwrap_or_default();
    let version = subject.rsplit_once('/').and_then(|(_, version)| version.parse().ok()).unwrap_or_default();
    let was_there = done.versions.is_empty();
    facts.fresh().await?;
    if was_there {
        write.stands(&facts.moment());
    } else {
        write.stands(&facts.stood(done.transaction, Some(done.position)));
    }
    write.replayed();
    let stored = facts.store().policy_version(name, Some(version)).await?;
    let stored = stored.ok_or_else(|| Error::not_found("policy version", subject))?;
    let before = match was_there {
        true => Some(stored.clone()),
        false => facts.store().policy_version(name, Some(version - 1)).await?,
    };
    Ok(Outcome { stored, before })
}

impl Write {
    /// Whether it is only asked what would happen.
    #[must_use]
    pub fn is_preview(&self) -> bool {
        matches!(self.mode(), Mode::Preview)
    }
}

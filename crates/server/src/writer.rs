//! The one way a call writes: plan, commit, change the facts in memory, and only then answer.

use std::cell::Cell;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use mandate_domain::change::Change;
use mandate_domain::command::{Actor, Command};
use mandate_domain::decide::belongs;
use mandate_domain::id::{AccountId, UserId};
use mandate_domain::plan::Policies;
use mandate_domain::refusal::Refusal;
use mandate_domain::terms::Terms;
use mandate_proto::write::{WriteRequest, WriteResponse};
use mandate_storage::{Committed, Effects, Mode, Order, RequestKey, StoreError, Written};
use tonic::Response;

use crate::clock::now_micros;
use crate::convert;
use crate::error::Error;
use crate::facts::{Ask, Facts, Moment, RENEWALS, Told};
use crate::overload::Turn;
use crate::telemetry::{Recorded, carried};

tokio::task_local! {
    /// Whether the call that is being answered has written what it was asked to.
    static WRITTEN: Cell<bool>;
}

/// Answers a call, and remembers meanwhile whether it has written what it was asked to: whatever fails afterwards must
/// not be told as if nothing had happened.
pub(crate) async fn remembering<T>(call: impl Future<Output = T>) -> T {
    WRITTEN.scope(Cell::new(false), call).await
}

/// Remembers that it has. Outside of a call there is nobody to tell.
pub(crate) fn mark_written() {
    let _ = WRITTEN.try_with(|written| written.set(true));
}

/// Whether the call that is being answered has written what it was asked to.
pub(crate) fn has_written() -> bool {
    WRITTEN.try_with(Cell::get).unwrap_or(false)
}

/// One write: who asks for it, on what terms, and what it came to.
#[derive(Debug, Clone)]
pub struct Write {
    actor: Actor,
    terms: Terms,
    asked: Asked,
    outcome: Arc<OnceLock<Outcome>>,
    /// Tells later questions what to include.
    token: Arc<ArcSwapOption<String>>,
}

/// Whether it is meant.
#[derive(Debug, Clone)]
enum Asked {
    Once,
    Retriable(RequestKey),
    Preview,
}

/// What a write came to that was not simply carried out.
#[derive(Debug, Clone)]
enum Outcome {
    Previewed(Effects),
    Replayed,
}

impl Write {
    /// A write of this service's own making: no retry, on no terms.
    #[must_use]
    pub fn by(actor: Actor) -> Self {
        Self {
            actor,
            terms: Terms::default(),
            asked: Asked::Once,
            outcome: Arc::default(),
            token: Arc::default(),
        }
    }

    /// The write that a message asks for.
    ///
    /// # Errors
    /// Every term that cannot be as it is.
    pub fn asked<M: WriteRequest>(actor: Actor, message: &M) -> Result<Self, Error> {
        let convert::terms::Asked { terms, request_id, validate_only } = convert::terms::read(message)?;
        let asked = match (validate_only, request_id) {
            (true, _) => Asked::Preview,
            (false, None) => Asked::Once,
            (false, Some(id)) => Asked::Retriable(RequestKey {
                caller: caller(&actor),
                rpc: M::RPC,
                id,
                fingerprint: convert::terms::fingerprint(message),
            }),
        };
        Ok(Self { actor, terms, asked, outcome: Arc::default(), token: Arc::default() })
    }

    /// Whether it is meant, and whether it may be a retry, as the store is told.
    #[must_use]
    pub fn mode(&self) -> Mode<'_> {
        match &self.asked {
            Asked::Once => Mode::Once,
            Asked::Retriable(key) => Mode::Retriable(key),
            Asked::Preview => Mode::Preview,
        }
    }

    /// Whether something happened just now: neither before, in answer to the same request, nor not at all.
    #[must_use]
    pub fn happened(&self) -> bool {
        self.outcome.get().is_none()
    }

    /// The answer, with what the write would do if that is what was asked.
    #[must_use]
    pub fn answer<M: WriteResponse>(&self, mut message: M) -> Response<M> {
        if let Some(Outcome::Previewed(effects)) = self.outcome.get() {
            let told = effects.effects.iter().cloned().map(convert::terms::to_effect).collect();
            message.tell(told, effects.more);
        }
        message.mark(self.token.load().as_ref().map_or_else(String::new, ToString::to_string));
        Response::new(message)
    }

    /// Who asks for it.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// On what terms.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// It was only asked about, and this is what it would do.
    pub(crate) fn previewed(&self, effects: Effects) {
        self.outcome.set(Outcome::Previewed(effects)).ok();
    }

    /// It was carried out before.
    pub(crate) fn replayed(&self) {
        self.outcome.set(Outcome::Replayed).ok();
    }

    /// Where it stands in the database's history, or would have stood.
    pub fn stands(&self, moment: &Moment) {
        self.token.store(Some(Arc::new(moment.token.to_string())));
    }
}

/// Whose requests share their ids: a person's are the person's whatever token they come with.
fn caller(actor: &Actor) -> String {
    match actor {
        Actor::Person { user, through: None } => format!("person {user}"),
        Actor::Person { user, through: Some(service) } => format!("person {user} through {service}"),
        Actor::Service { name } => format!("service {name}"),
        Actor::Operator { name } => format!("operator {name}"),
        Actor::Link { invitation } => format!("link {invitation}"),
    }
}

/// Carries out a command. When it returns, every question asked of this process sees what it did.
///
/// A retry is answered with what the first one did, and a preview with what it would do; neither changes anything.
///
/// It runs as a task of its own: a caller who hangs up in the middle must not leave a commit behind that the
/// facts in memory do not know of.
///
/// # Errors
/// The refusal of the rules, or what kept the store from writing.
pub async fn write(facts: &Arc<Facts>, write: &Write, command: Command) -> Result<Committed, Error> {
    let account = match &command {
        Command::CreateAccount { id, .. } => Some(*id),
        command => command.account(),
    };
    if let Some((recorded, account)) = Recorded::current().zip(account) {
        recorded.is_about(account);
    }
    // Whoever hangs up while waiting has written nothing.
    let turn = facts.bounds().turn().await?;
    let task = facts.runtime().spawn({
        let (facts, write) = (Arc::clone(facts), write.clone());
        carried(async move { carry_out(&facts, &write, &command, turn).await })
    });
    let result = task.await.map_err(|error| Error::Defect(format!("a write broke off: {error}")))?;
    if result.is_ok() && !matches!(write.outcome.get(), Some(Outcome::Previewed(_))) {
        mark_written();
    }
    if let Some((account, user)) = account.zip(write.actor.user()) {
        facts.note_change(account, user);
    }
    result
}

/// What the same request did before, if it did: for calls that judge something themselves, before the rules do.
///
/// # Errors
/// [`Error::RequestIdReused`], [`Refusal::Denied`] for whoever may not be told any more; those of the store.
pub async fn answered(
    facts: &Facts,
    write: &Write,
    operation: &'static str,
) -> Result<Option<Committed>, Error> {
    let Asked::Retriable(key) = &write.asked else { return Ok(None) };
    match facts.store().answered(key, operation, now_micros()).await? {
        Some(committed) => {
            let account = committed.plan.account;
            Ok(Some(replayed(facts, write, account, committed).await?))
        }
        None => Ok(None),
    }
}

async fn carry_out(facts: &Facts, write: &Write, command: &Command, turn: Turn) -> Result<Committed, Error> {
    let order = Order { actor: &write.actor, command, terms: &write.terms, mode: write.mode() };
    let written = under_policies(facts, |policies| async move {
        facts.store().carry_out(&policies, order, now_micros()).await
    });
    let mut prepared = match written.await? {
        Written::Prepared(prepared) => prepared,
        Written::Replayed(committed) => return replayed(facts, write, command.account(), committed).await,
        Written::Previewed(previewed) => {
            write.outcome.set(Outcome::Previewed(previewed.effects)).ok();
            // It was judged on what others may have written a moment ago.
            facts.fresh().await?;
            write.stands(&facts.moment());
            let (versions, position, transaction) = (Vec::new(), 0, None);
            return Ok(Committed { plan: previewed.plan, versions, position, transaction });
        }
    };
    let changes = std::mem::take(&mut prepared.plan.changes);
    let told = Told { changes: &changes, position: Some(prepared.position()) };
    let mut committed = facts.commit(told, turn.until(prepared.commit())).await?;
    committed.plan.changes = changes;
    write.stands(&facts.stands(committed.transaction, Some(committed.position)));
    Ok(committed)
}

/// Judges something by the policies in force: again, if others come into force before it is done.
///
/// # Errors
/// Those of the store and of the rules.
pub(crate) async fn under_policies<T, E, F>(
    facts: &Facts,
    judge: impl Fn(Arc<Policies>) -> F,
) -> Result<T, Error>
where
    Error: From<E>,
    F: Future<Output = Result<T, E>>,
{
    for _ in 0..RENEWALS {
        match judge(facts.policies()).await.map_err(Error::from) {
            Err(Error::Store(StoreError::PoliciesChanged)) => facts.renew().await?,
            result => return result,
        }
    }
    Err(StoreError::PoliciesChanged.into())
}

/// Tells what was done before, unless its caller lost their place in the account otherwise than by doing it.
async fn replayed(
    facts: &Facts,
    write: &Write,
    account: Option<AccountId>,
    committed: Committed,
) -> Result<Committed, Error> {
    // What it did may have been done by another server a moment ago.
    facts.fresh().await.map_err(|error| match error {
        Error::Store(StoreError::Unavailable { source }) => StoreError::CommitUnknown { source }.into(),
        error => error,
    })?;
    write.stands(&facts.stood(committed.transaction, Some(committed.position)));
    if let (Actor::Person { user, .. }, Some(account)) = (&write.actor, account)
        && !committed.plan.changes.iter().any(|change| moves(change, account, *user))
    {
        let ask = Ask { account, user: *user, resource: None };
        let known = facts.of(ask).await?;
        belongs(&known.question(ask, None)).map_err(|reason| Refusal::Denied {
            operation: committed.plan.operation.to_owned(),
            permission: None,
            reason,
        })?;
    }
    write.outcome.set(Outcome::Replayed).ok();
    Ok(committed)
}

/// Whether the change is of the account itself, or of the user's place in it.
fn moves(change: &Change, in_account: AccountId, of: UserId) -> bool {
    match change {
        Change::Account(account) => account.id == in_account,
        Change::Membership(membership) => membership.account == in_account && membership.user == of,
        Change::MembershipEnded { account, user } => *account == in_account && *user == of,
        _ => false,
    }
}

//! The one way anything is written: lock, read, plan, apply, commit.

use std::sync::Arc;
use std::time::Duration;

use mandate_domain::change::Change;
use mandate_domain::command::{Actor, Command};
use mandate_domain::plan::{Plan, Policies, plan};
use mandate_domain::records::{Key, Records, Stop};
use mandate_domain::terms::Terms;
use tokio::sync::Notify;

use crate::error::{StoreError, WriteError};
use crate::locks::{Lock, Needs, held_for, held_for_record};
use crate::open::Store;
use crate::places::Places;
use crate::position::Transaction;
use crate::preview::{self, Effects};
use crate::request::{self, RequestKey};
use crate::sabotage::{Fault, dawdle, is_planted};
use crate::tx::Tx;
use crate::writes::{Refusals, Writes};
use crate::{activity, apply, feed, keys, outbox};

/// How often a write starts again before it gives up. Each start but the first knows more of what to lock, or
/// follows a deadlock that the database resolved.
pub(crate) const ATTEMPTS: u32 = 16;

/// How often a plan may ask for something more: far beyond what any command has use for.
pub(crate) const READS: u32 = 100_000;

/// Said of a write that is neither a retry nor a question and is answered like one.
const NEITHER: &str = "a retry or a preview where neither was asked for";

/// A write that is done but for its commit. Dropping it leaves nothing behind.
#[must_use = "what is prepared and not committed never happened"]
pub struct Prepared {
    /// What the write does.
    pub plan: Plan,
    versions: Vec<i64>,
    position: i64,
    transaction: Option<Transaction>,
    tx: Tx,
    /// Rung by the commit if there is mail.
    bell: Arc<Notify>,
}

/// A write that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// What it did.
    pub plan: Plan,
    /// The version of each of the plan's changes: its place in the feed.
    pub versions: Vec<i64>,
    /// The feed's last place that this write knows of: its own last change, if it made any.
    pub position: i64,
    /// PostgreSQL: the transaction that made the changes, or that kept the request.
    pub transaction: Option<Transaction>,
}

/// A command, who gives it, and on what terms.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// Who.
    pub actor: &'a Actor,
    /// What.
    pub command: &'a Command,
    /// On what terms.
    pub terms: &'a Terms,
    /// Whether it is meant.
    pub mode: Mode<'a>,
}

/// Whether a write is meant, and whether it may be a retry.
#[derive(Debug, Clone, Copy)]
pub enum Mode<'a> {
    /// It is meant, and no retry of anything.
    Once,
    /// It is meant, and may have been carried out before.
    Retriable(&'a RequestKey),
    /// It is only to be told what it would do.
    Preview,
}

/// What an order came to.
pub enum Written {
    /// It is done but for its commit.
    Prepared(Prepared),
    /// It was carried out before, and is not again.
    Replayed(Committed),
    /// Nothing was written.
    Previewed(Previewed),
}

/// What a write would have done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Previewed {
    /// The plan.
    pub plan: Plan,
    /// What it would do to people.
    pub effects: Effects,
}

/// What one attempt came to.
enum Attempt {
    Planned(Box<(Tx, Plan, Records, Places)>),
    /// It was carried out before.
    Replayed(Committed),
    /// More has to be locked, in an order that only a new transaction can keep.
    Again,
}

impl Store {
    /// Plans a command on facts that stay as they are until the transaction ends, and writes what it changes,
    /// the change feed and the activity log. Nothing is visible to others before [`Prepared::commit`].
    ///
    /// `now`: microseconds since the Unix epoch.
    ///
    /// # Errors
    /// [`WriteError::Refused`] when the rules refuse the command, [`WriteError::Store`] when the database
    /// cannot do it. Nothing was written in either case.
    pub async fn prepare(
        &self,
        policies: &Policies,
        actor: &Actor,
        command: &Command,
        now: i64,
    ) -> Result<Prepared, WriteError> {
        let order = Order { actor, command, terms: &Terms::default(), mode: Mode::Once };
        match self.carry_out(policies, order, now).await? {
            Written::Prepared(prepared) => Ok(prepared),
            Written::Replayed(_) | Written::Previewed(_) => Err(StoreError::Plan(NEITHER.to_owned()).into()),
        }
    }

    /// The same on terms, for a request that may be a retry, or only to be told what it would do.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare), and [`WriteError::RequestIdReused`].
    pub async fn carry_out(
        &self,
        policies: &Policies,
        order: Order<'_>,
        now: i64,
    ) -> Result<Written, WriteError> {
        let Order { actor, command, terms, mode } = order;
        let needs = Needs::of(command.reads(actor), command);
        let make = |records: &Records| plan(policies, records, actor, command, terms, now);
        self.until_settled(actor, needs, now, make, (mode, policies, command.name())).await
    }

    /// The same for any function that plans: it is called again with more records until it stops asking.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare).
    pub async fn prepare_with<F>(
        &self,
        actor: &Actor,
        keys: Vec<Key>,
        now: i64,
        make: F,
    ) -> Result<Prepared, WriteError>
    where
        F: FnMut(&Records) -> Result<Plan, Stop> + Send,
    {
        let mut needs = Needs::default();
        keys.into_iter().for_each(|key| needs.read(key));
        let nothing = Policies::default();
        match self.until_settled(actor, needs, now, make, (Mode::Once, &nothing, "")).await? {
            Written::Prepared(prepared) => Ok(prepared),
            Written::Replayed(_) | Written::Previewed(_) => Err(StoreError::Plan(NEITHER.to_owned()).into()),
        }
    }

    /// Starts again for as long as others are in the way, within reason.
    async fn until_settled<F>(
        &self,
        actor: &Actor,
        mut needs: Needs,
        now: i64,
        mut make: F,
        (mode, policies, operation): (Mode<'_>, &Policies, &'static str),
    ) -> Result<Written, WriteError>
    where
        F: FnMut(&Records) -> Result<Plan, Stop> + Send,
    {
        let retry = match mode {
            Mode::Retriable(key) => Some(Retry { key, operation, now }),
            Mode::Once | Mode::Preview => None,
        };
        let mut last = None;
        for _ in 0..ATTEMPTS {
            let result = match self.attempt(&mut needs, &mut make, policies, retry).await {
                Ok(Attempt::Planned(planned)) => {
                    let (tx, plan, records, places) = *planned;
                    let draft = Draft { actor, plan, records: &records, places, now, retry };
                    match mode {
                        Mode::Preview => draft.preview(tx, policies).await.map(Written::Previewed),
                        Mode::Once | Mode::Retriable(_) => {
                            draft.prepare(tx, self.mail_bell()).await.map(Written::Prepared)
                        }
                    }
                }
                Ok(Attempt::Replayed(committed)) => return Ok(Written::Replayed(committed)),
                Ok(Attempt::Again) => continue,
                Err(error) => Err(error),
            };
            match result {
                Err(WriteError::Store(error)) if error.wants_restart() => last = Some(error),
                result => return result,
            }
        }
        let source = match last {
            Some(StoreError::Contention { source, .. }) => source,
            _ => None,
        };
        Err(StoreError::Contention { attempts: ATTEMPTS, source }.into())
    }

    async fn attempt<F>(
        &self,
        needs: &mut Needs,
        make: &mut F,
        policies: &Policies,
        retry: Option<Retry<'_>>,
    ) -> Result<Attempt, WriteError>
    where
        F: FnMut(&Records) -> Result<Plan, Stop> + Send,
    {
        let pools = self.pools()?;
        let mut tx = pools.begin_judged().await?;
        if let Some(committed) = answered(&mut tx, retry).await? {
            return Ok(Attempt::Replayed(committed));
        }
        let (mut records, mut places) = (Records::default(), Places::new(tx.engine()));
        let mut unread: Vec<Key> = needs.keys.iter().cloned().collect();
        for _ in 0..READS {
            let besides = read(&mut tx, &unread, needs, &mut records, &mut places).await?;
            places.are_under(policies)?;
            if !needs.covers(&besides) {
                unread = besides.keys.difference(&needs.keys).cloned().collect();
                needs.extend(besides);
                if pools.writes_alone() {
                    continue;
                }
                return Ok(Attempt::Again);
            }
            let mut more = Needs::default();
            let planned = match make(&records) {
                Ok(plan) => {
                    more = held_for(&plan.changes, &records);
                    Some(plan)
                }
                // What stands in the way may be what this very request did, beside this attempt.
                Err(Stop::Refused(refusal)) => {
                    return match answered(&mut tx, retry).await? {
                        Some(committed) => Ok(Attempt::Replayed(committed)),
                        None => Err(refusal.into()),
                    };
                }
                Err(Stop::Read(key)) if records.has(&key) => {
                    return Err(StoreError::Plan(format!("{key:?}, which it had been given")).into());
                }
                Err(Stop::Read(key)) => {
                    more.read(key);
                    None
                }
            };
            // INVARIANT: locks are taken in the order of the keys, and nothing is planned on what was read
            // before its lock was held. Where there is one writer at a time, all of it is held from the start.
            let goes_on = pools.writes_alone() || needs.may_add(&more, planned.is_some());
            unread = more.keys.difference(&needs.keys).cloned().collect();
            needs.extend(more);
            match planned {
                _ if !goes_on => return Ok(Attempt::Again),
                Some(plan) => return Ok(Attempt::Planned(Box::new((tx, plan, records, places)))),
                None => {}
            }
        }
        Err(StoreError::Plan(format!("something new {READS} times")).into())
    }
}

/// Reads the keys, and says what has to be held besides, for what was read to stay true. Places are drawn in passing.
async fn read(
    tx: &mut Tx,
    unread: &[Key],
    needs: &Needs,
    records: &mut Records,
    places: &mut Places,
) -> Result<Needs, StoreError> {
    let unread: Vec<&Key> = unread.iter().collect();
    let mut must = Needs::default();
    let lock = |key: &Key| if is_planted(Fault::NoLock) { Lock::None } else { needs.lock(key) };
    for (key, record) in keys::load_and_draw(tx, &unread, &lock, Some(places)).await? {
        must.extend(held_for_record(&key, &record));
        records.put(key, record);
    }
    Ok(must)
}

/// A request that may have been carried out before.
#[derive(Clone, Copy)]
struct Retry<'a> {
    key: &'a RequestKey,
    operation: &'static str,
    now: i64,
}

async fn answered(tx: &mut Tx, retry: Option<Retry<'_>>) -> Result<Option<Committed>, WriteError> {
    match retry {
        Some(Retry { key, operation, now }) => request::find(tx, key, operation, now).await,
        None => Ok(None),
    }
}

/// A plan that is to be written.
struct Draft<'a> {
    actor: &'a Actor,
    plan: Plan,
    records: &'a Records,
    places: Places,
    now: i64,
    retry: Option<Retry<'a>>,
}

impl Draft<'_> {
    async fn prepare(mut self, mut tx: Tx, bell: Arc<Notify>) -> Result<Prepared, WriteError> {
        let mut place = self.write(&mut tx).await?;
        if let Some(Retry { key, .. }) = self.retry {
            place.transaction = self.places.transaction();
            request::remember(&mut tx, key, &self.plan, &place, self.now).await?;
        }
        let Place { versions, position, transaction } = place;
        Ok(Prepared { plan: self.plan, versions, position, transaction, tx, bell })
    }

    async fn preview(mut self, mut tx: Tx, policies: &Policies) -> Result<Previewed, WriteError> {
        let before = preview::before(&mut tx, policies, &self.plan.changes).await?;
        self.write(&mut tx).await?;
        let effects = preview::after(&mut tx, policies, before).await?;
        tx.rollback().await?;
        Ok(Previewed { plan: self.plan, effects })
    }

    async fn write(&mut self, tx: &mut Tx) -> Result<Place, WriteError> {
        dawdle(Fault::NoLock, Duration::from_millis(20)).await;
        let mut writes = Writes::new(tx.engine());
        let Self { actor, plan, records, places, now, .. } = self;
        let mut place = put(tx, &mut writes, places, (actor, plan, records, *now)).await?;
        writes.send(tx, Refusals::Told).await?;
        if place.versions.is_empty() {
            place.position = feed::position(tx).await?;
        }
        Ok(place)
    }
}

/// Where in the database's history a write stands.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// The place of each change in the feed.
    pub(crate) versions: Vec<i64>,
    /// The feed's last place; 0: nothing changed.
    pub(crate) position: i64,
    /// PostgreSQL: the transaction, if it is known to have a number.
    pub(crate) transaction: Option<Transaction>,
}

/// Gathers changes, feed, log and mail of a plan, made by somebody from these records at that time.
///
/// INVARIANT: they are sent together with what was gathered before, or before it is read.
pub(crate) async fn put(
    tx: &mut Tx,
    writes: &mut Writes,
    places: &mut Places,
    (actor, plan, records, now): (&Actor, &Plan, &Records, i64),
) -> Result<Place, StoreError> {
    if plan.changes.is_empty() && plan.mail.is_empty() {
        return Ok(Place::default());
    }
    each_fact_once(&plan.changes)?;
    let versions = match plan.changes.len() {
        0 => Vec::new(),
        number => places.take(tx, number).await?,
    };
    for (change, version) in plan.changes.iter().zip(&versions) {
        apply::apply(writes, change, *version, (records, &plan.changes))?;
    }
    if !versions.is_empty() {
        feed::append(writes, &plan.changes, &versions, records, now)?;
    }
    activity::append(writes, actor, plan, now)?;
    outbox::append(writes, &plan.mail, now)?;
    let position = versions.last().copied().unwrap_or_default();
    let transaction = if versions.is_empty() { None } else { places.transaction() };
    Ok(Place { versions, position, transaction })
}

/// Index rows are written by comparing with what was read, which the second change of one fact would outdate.
fn each_fact_once(changes: &[Change]) -> Result<(), StoreError> {
    let mut facts: Vec<Key> = changes.iter().map(fact).collect();
    facts.sort();
    match facts.windows(2).find(|pair| pair.first() == pair.last()) {
        Some(pair) => Err(StoreError::Plan(format!("two changes of one fact, {:?}", pair.first()))),
        None => Ok(()),
    }
}

fn fact(change: &Change) -> Key {
    match change {
        Change::Account(account) => Key::Account(account.id),
        Change::User(user) => Key::User(user.id),
        Change::UserErased { user, .. } => Key::User(*user),
        Change::Credential(credential) => Key::Credential(credential.user),
        Change::Session(session) => Key::Session(session.id),
        Change::SessionEnded { session, .. } => Key::Session(*session),
        Change::Membership(membership) => Key::Membership(membership.account, membership.user),
        Change::MembershipEnded { account, user } => Key::Membership(*account, *user),
        Change::Resource(resource) => Key::Resource(resource.account, resource.resource.clone()),
        Change::ResourceDeleted { account, resource } => Key::Resource(*account, resource.clone()),
        Change::Assignment(assignment) => {
            Key::Assignment(assignment.account, assignment.user, assignment.resource.clone())
        }
        Change::AssignmentEnded { account, user, resource } => {
            Key::Assignment(*account, *user, resource.clone())
        }
        Change::Contact(contact) => Key::Contact(contact.account, contact.id),
        Change::ContactRemoved { account, contact } => Key::Contact(*account, *contact),
        Change::Group(group) => Key::Group(group.id),
        Change::GroupDeleted { group } => Key::Group(*group),
        Change::Invitation(invitation) => Key::Invitation(invitation.account, invitation.id),
    }
}

impl Prepared {
    /// The feed's last place that it knows of.
    #[must_use]
    pub fn position(&self) -> i64 {
        self.position
    }

    /// Makes the write happen, durably and for everybody at once.
    ///
    /// # Errors
    /// [`StoreError::CommitUnknown`] when the database did not answer; any other says that nothing happened.
    pub async fn commit(self) -> Result<Committed, WriteError> {
        let Self { plan, versions, position, transaction, tx, bell } = self;
        dawdle(Fault::SkipFeed, Duration::from_millis(transaction.map_or(0, |of| of.number) % 3 * 20)).await;
        tx.commit().await.map_err(StoreError::of_commit)?;
        if !plan.mail.is_empty() {
            bell.notify_one();
        }
        Ok(Committed { plan, versions, position, transaction })
    }
}

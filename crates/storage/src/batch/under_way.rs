//! A batch that is under way: what it has read ahead, and what it has yet to write.

use mandate_domain::plan::{Policies, plan};
use mandate_domain::records::{Key, Records, Stop};
use mandate_domain::terms::Terms;

use super::held::Held;
use super::known::Known;
use super::{BatchItem, Judged, Row, Setting};
use crate::error::{StoreError, WriteError};
use crate::keys;
use crate::locks::{Lock, Needs, held_for, held_for_record};
use crate::places::Places;
use crate::preview::{self, Effects};
use crate::tx::{Tx, on_tx};
use crate::write::{Place, READS, put};
use crate::writes::{Refusals, Writes};

/// So many statements are sent at the latest: a text that is much longer costs more than it saves.
const MANY: usize = 32;

/// What a batch knows and has yet to write.
pub(super) struct Batch {
    known: Known,
    writes: Writes,
    places: Places,
}

impl Batch {
    /// Reads what the commands are certain to need, all of them at once.
    ///
    /// # Errors
    /// [`StoreError::PoliciesChanged`] if others are in force than these; those of the database.
    pub(super) async fn begin(
        tx: &mut Tx,
        policies: &Policies,
        needs: &Needs,
        items: usize,
    ) -> Result<Self, StoreError> {
        let keys: Vec<&Key> = needs.keys.iter().collect();
        let mut places = Places::new(tx.engine());
        // A newcomer is a user and a membership.
        places.draw_more(tx, 2 * items.max(1)).await?;
        places.are_under(policies)?;
        let known = Known::of(keys::load(tx, &keys, &|_| Lock::None).await?);
        Ok(Self { known, writes: Writes::new(tx.engine()), places })
    }

    /// Reads the keys as the commands before have left them.
    async fn read(&mut self, tx: &mut Tx, keys: &[Key], records: &mut Records) -> Result<Needs, WriteError> {
        let mut must = Needs::default();
        let unknown: Vec<&Key> = keys.iter().filter(|key| !self.known.has(key)).collect();
        let found = if unknown.is_empty() {
            Vec::new()
        } else {
            self.send(tx).await?;
            keys::load(tx, &unknown, &|_| Lock::None).await?
        };
        let known = keys.iter().filter_map(|key| Some((key.clone(), self.known.get(key)?)));
        for (key, record) in known.chain(found) {
            must.extend(held_for_record(&key, &record));
            records.put(key, record);
        }
        Ok(must)
    }

    /// Writes a plan, soon.
    pub(super) async fn put(
        &mut self,
        tx: &mut Tx,
        setting: Setting<'_>,
        judged: &Judged,
    ) -> Result<Place, WriteError> {
        let Setting { actor, now, .. } = setting;
        let Judged { plan, records, .. } = judged;
        let place = put(tx, &mut self.writes, &mut self.places, (actor, plan, records, now)).await?;
        self.known.outdate(&plan.changes);
        if self.writes.len() >= MANY {
            self.send(tx).await?;
        }
        Ok(place)
    }

    /// Writes what has not been written yet.
    pub(super) async fn send(&mut self, tx: &mut Tx) -> Result<(), WriteError> {
        self.writes.send(tx, Refusals::Alike).await
    }

    /// What the plan would do to people: it is written and taken back, while the rest of the transaction stays.
    pub(super) async fn preview(
        &mut self,
        tx: &mut Tx,
        setting: Setting<'_>,
        judged: &Judged,
    ) -> Result<Effects, WriteError> {
        let Setting { policies, actor, now } = setting;
        let Judged { plan, records, .. } = judged;
        self.send(tx).await?;
        let before = preview::before(tx, policies, &plan.changes).await?;
        on_tx!(tx, c => sqlx::query("SAVEPOINT preview").execute(c).await.map(drop))?;
        put(tx, &mut self.writes, &mut self.places, (actor, plan, records, now)).await?;
        self.send(tx).await?;
        let effects = preview::after(tx, policies, before).await?;
        on_tx!(tx, c => sqlx::query("ROLLBACK TO SAVEPOINT preview").execute(c).await.map(drop))?;
        on_tx!(tx, c => sqlx::query("RELEASE SAVEPOINT preview").execute(c).await.map(drop))?;
        Ok(effects)
    }

    /// Plans one command on what the transaction sees, as far as it holds what the plan rests on.
    pub(super) async fn judge(
        &mut self,
        tx: &mut Tx,
        setting: Setting<'_>,
        item: &BatchItem,
        held: &Held<'_>,
    ) -> Result<Row, WriteError> {
        let Setting { policies, actor, now } = setting;
        let mut records = Records::default();
        let mut needs = Needs::of(item.command.reads(actor), &item.command);
        let mut unread: Vec<Key> = needs.keys.iter().cloned().collect();
        for _ in 0..READS {
            let mut more = self.read(tx, &unread, &mut records).await?;
            let mut planned = None;
            if needs.covers(&more) {
                match plan(policies, &records, actor, &item.command, &Terms::default(), now) {
                    Ok(plan) => {
                        more = held_for(&plan.changes, &records);
                        planned = Some(plan);
                    }
                    Err(Stop::Refused(refusal)) => return Ok(Row::Judged(Box::new(Err(refusal)))),
                    Err(Stop::Read(key)) if records.has(&key) => {
                        return Err(StoreError::Plan(format!("{key:?}, which it had been given")).into());
                    }
                    Err(Stop::Read(key)) => more.read(key),
                }
            }
            if !held.covers(&more) {
                return Ok(Row::Lacks(more));
            }
            if let Some(plan) = planned {
                let effects = Effects::default();
                return Ok(Row::Judged(Box::new(Ok(Judged { plan, records, effects }))));
            }
            unread = more.keys.difference(&needs.keys).cloned().collect();
            needs.extend(more);
        }
        Err(StoreError::Plan(format!("something new {READS} times")).into())
    }
}

//! The facts of look-ups: read from the database page by page, all of a page of one moment, and left nowhere in memory. Each
//! that a page brings is decided on by itself, as Check would be.

mod accounts;
mod members;
mod resources;

use std::sync::Arc;

use mandate_domain::decide::Reason;
use mandate_domain::id::{AccountId, ContactId, UserId};
use mandate_domain::membership::Membership;
use mandate_domain::plan::Policies;
use mandate_domain::policy::Policy;
use mandate_domain::resource::{Assignment, ResourceRef};
use mandate_storage::{QuestionRecords, Reading, StoreError};

use super::entry::{MemberEntry, ResourceEntry};
use super::{Facts, Known, Moment, RENEWALS};

pub use self::resources::ResourceCandidates;

/// Fewest that a page looks at, so that a small page need not be asked for again and again.
const LEAST: usize = 50;

impl Facts {
    /// Begins to read a page: what a question is decided on, and the policies in force at that moment.
    async fn reading(
        &self,
        account: AccountId,
        user: UserId,
        resource: Option<&ResourceRef>,
    ) -> Result<(Reading, Arc<Policies>, QuestionRecords), StoreError> {
        for _ in 0..RENEWALS {
            let policies = self.policies();
            let mut reading = self.store().reading().await?;
            let records = reading.question(account, user, resource).await?;
            if !policies.differ_from(records.policies) {
                return Ok((reading, policies, records));
            }
            reading.end().await?;
            self.renew().await?;
        }
        Err(StoreError::PoliciesChanged)
    }
}

/// What a page of a look-up asks for.
#[derive(Debug, Clone)]
pub struct Sought<'a, K> {
    /// The permission.
    pub permission: &'a str,
    /// The last that the page before looked at.
    pub after: Option<K>,
    /// Most items of the page.
    pub limit: u32,
}

/// Those who come into question next.
#[derive(Debug)]
pub struct Candidates<K> {
    /// Each with the facts that it is decided on.
    pub found: Vec<(K, Known)>,
    /// The last that was looked at, if there may be more behind it.
    pub end: Option<K>,
    /// Why there are none and will be none on any page.
    pub reason: Option<Reason>,
    /// Where the facts stand in the database's history.
    pub moment: Arc<Moment>,
}

/// Whom a question is about, once a login has become a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// A user.
    User(UserId),
    /// A contact of the account.
    Contact(ContactId),
}

impl<K> Sought<'_, K> {
    /// How many to look at.
    fn rows(&self) -> usize {
        usize::try_from(self.limit).unwrap_or(usize::MAX).max(LEAST)
    }
}

impl<K> Candidates<K> {
    /// None, and why.
    fn none(reason: Option<Reason>, moment: Arc<Moment>) -> Self {
        Self { found: Vec::new(), end: None, reason, moment }
    }
}

/// The last of a page that is full: there may be more behind it.
fn end<K: Copy>(keys: &[K], rows: usize) -> Option<K> {
    keys.last().copied().filter(|_| keys.len() >= rows)
}

fn member(policy: Option<&Arc<Policy>>, membership: Option<&Membership>) -> Option<Arc<MemberEntry>> {
    policy.zip(membership).map(|(policy, membership)| Arc::new(MemberEntry::new(policy, membership)))
}

impl Known {
    /// The same, of a question about this resource.
    fn on(
        mut self,
        asked: &ResourceRef,
        resource: Option<Arc<ResourceEntry>>,
        assignments: &[Assignment],
    ) -> Self {
        self.resource = resource;
        self.carry(asked, assignments);
        self
    }
}

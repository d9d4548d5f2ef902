//! Questions about contacts: the same decision on fewer facts. A contact has no group, no role and no assignment.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use mandate_domain::facts::UserFact;
use mandate_domain::id::{AccountId, ContactId, UserId};
use mandate_domain::plan::Policies;
use mandate_domain::resource::ResourceRef;
use mandate_storage::{ContactRecords, StoreError};
use tracing::Instrument as _;

use super::cache::Caches;
use super::entry::{AccountEntry, MemberEntry, ResourceEntry};
use super::fill::{Entry, Fill};
use super::key::ResourceAt;
use super::{Ask, Facts, Known, RENEWALS, missed};

/// Stands for a subject who is no user; no id given out here is zero.
pub const NOBODY: UserId = UserId::from_bits(0);

/// Whose facts a question about a contact needs.
#[derive(Debug, Clone, Copy)]
pub struct AskContact<'a> {
    /// The account.
    pub account: AccountId,
    /// The contact.
    pub contact: ContactId,
    /// The resource, if it is about one.
    pub resource: Option<&'a ResourceRef>,
}

impl<'a> AskContact<'a> {
    /// The question as [`Known::question`] puts it: of somebody who is no user, so that nothing is their own.
    #[must_use]
    pub fn ask(self) -> Ask<'a> {
        Ask { account: self.account, user: NOBODY, resource: self.resource }
    }
}

impl Facts {
    /// Everything that a question about this contact is decided on.
    ///
    /// # Errors
    /// Those of the store, when it has to be read.
    pub async fn of_contact(&self, ask: AskContact<'_>) -> Result<Known, StoreError> {
        if let Some(known) =
            self.reread(|| self.caches.known_contact(ask).map(|known| known.at(self.moment())))
        {
            return Ok(known);
        }
        let _place = self.miss()?;
        let AskContact { account, contact, resource } = ask;
        for _ in 0..RENEWALS {
            let since = self.epoch.load(Ordering::Acquire);
            let policies = self.policies();
            let records = self.store.read_contact_question(account, contact, resource);
            let records = records.instrument(missed("contact")).await?;
            if policies.differ_from(records.policies) {
                self.renew().await?;
                continue;
            }
            let position = records.position.clone();
            let known = compiled(&policies, records);
            self.keep_later(Fill { since, entries: entries(ask, &known) }).await;
            return Ok(known.at(Arc::new(self.moment().with(position))));
        }
        Err(StoreError::PoliciesChanged)
    }
}

/// Compiles what was read from the database.
fn compiled(policies: &Policies, records: ContactRecords) -> Known {
    let ContactRecords { account, contact, resource, position: _, policies: _ } = records;
    let entry = account.map(|account| Arc::new(AccountEntry::new(policies, &account)));
    let policy = entry.as_ref().and_then(|entry| entry.policy.clone());
    let compile = |(contact, policy): (_, Arc<_>)| Arc::new(MemberEntry::of_contact(&policy, &contact));
    let fact = contact.zip(policy).map(compile);
    known(entry, fact, resource.map(|resource| Arc::new(ResourceEntry::from(&resource))))
}

/// A contact as the subject of a question.
pub(super) fn subject() -> Arc<UserFact> {
    Arc::new(UserFact::CONTACT)
}

fn known(
    account: Option<Arc<AccountEntry>>,
    fact: Option<Arc<MemberEntry>>,
    resource: Option<Arc<ResourceEntry>>,
) -> Known {
    let user = fact.as_ref().map(|_| subject());
    let mut known = Known::default();
    (known.account, known.user, known.member, known.resource) = (account, user, fact, resource);
    known
}

impl Caches {
    /// Everything a question about a contact is decided on; `None`: an entry is missing.
    fn known_contact(&self, ask: AskContact<'_>) -> Option<Known> {
        let AskContact { account, contact, resource } = ask;
        let entry = self.accounts.get(account, &self.context)?;
        let fact = self.contacts.get(&(account, contact))?;
        let resource = match resource {
            Some(asked) => self.resources.get(&ResourceAt::new(account, asked))?,
            None => None,
        };
        Some(known(entry, fact, resource))
    }
}

/// What a question about a contact leaves in memory.
fn entries(ask: AskContact<'_>, known: &Known) -> Vec<Entry> {
    let AskContact { account, contact, resource } = ask;
    let mut entries = vec![Entry::Account(account, known.account.clone())];
    // Without the policy nothing could be compiled: what is `None` then is not known to be absent.
    if known.account.as_ref().is_some_and(|entry| entry.policy.is_none()) {
        return entries;
    }
    entries.push(Entry::Contact(account, contact, known.member.clone()));
    if let Some(asked) = resource {
        entries.push(Entry::Resource(ResourceAt::new(account, asked).into(), known.resource.clone()));
    }
    entries
}

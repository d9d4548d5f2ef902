//! The facts of plain questions (account, user, permission) as the short way reads them: nothing is shared, counted or
//! allocated for them but where somebody belongs to a group.

use std::cell::Cell;
use std::sync::Arc;

use arc_swap::Guard;
use mandate_domain::decide::{Decision, Question, decide};
use mandate_domain::facts::{AccountFact, MemberFact, UserFact};
use mandate_domain::id::{AccountId, UserId};
use mandate_domain::plan::Policies;
use mandate_domain::policy::Policy;

use super::entry::{AccountEntry, MemberEntry};
use super::kept::Fact as _;
use super::noted::Noticed;
use super::pack::{self, Member};
use super::table::Look;
use super::{Facts, Moment};
use crate::metrics::{Kind, Lookup};

/// Reads facts in memory, as many as one likes. They are of one moment only if none changes meanwhile: [`Facts::at_once`]
/// sees to that.
pub(crate) struct Reader<'f> {
    facts: &'f Facts,
    accounts: Look<'f, 2, 5>,
    users: Look<'f, 2, 5>,
    members: Look<'f, 4, 3>,
    policies: Guard<Arc<Policies>>,
    moment: Guard<Arc<Moment>>,
    /// How many questions' facts were found.
    found: Cell<u64>,
}

/// The facts of one plain question. `None`: there is no such thing.
pub(crate) struct Short {
    account: Option<Account>,
    user: Option<User>,
    member: Option<MemberFact>,
}

enum Account {
    /// The policy has this position.
    Own(usize, AccountFact),
    Shared(Arc<AccountEntry>),
}

enum User {
    Own(UserFact),
    Shared(Arc<UserFact>),
}

impl<'f> Reader<'f> {
    pub(super) fn new(facts: &'f Facts) -> Self {
        let caches = &facts.caches;
        Self {
            facts,
            accounts: caches.accounts.look(),
            users: caches.users.look(),
            members: caches.members.look(),
            policies: caches.context.policies.load(),
            moment: facts.moment.load(),
            found: Cell::new(0),
        }
    }

    /// The facts of a question, and a note that the member was active; `None`: one is not in memory.
    pub(crate) fn get(&self, account: AccountId, user: UserId) -> Option<Short> {
        let found = Short {
            account: self.account(account)?,
            user: self.user(user)?,
            member: self.member(account, user)?,
        };
        self.found.set(self.found.get() + 1);
        Some(found)
    }

    /// The policy of the question's account.
    pub(crate) fn policy<'a>(&'a self, short: &'a Short) -> Option<&'a Policy> {
        match short.account.as_ref()? {
            Account::Own(position, _) => self.policies.at(*position).map(Arc::as_ref),
            Account::Shared(entry) => entry.policy.as_deref(),
        }
    }

    /// The consistency token of what is decided on these facts.
    pub(crate) fn token(&self) -> &str {
        &self.moment.token
    }

    fn account(&self, id: AccountId) -> Option<Option<Account>> {
        let packed = self.accounts.get(&AccountEntry::key(id));
        match packed.and_then(|packed| pack::account(&packed)) {
            Some(account) => Some(account.map(|account| Account::Own(account.policy, account.fact))),
            None => Some(self.facts.caches.accounts.rest(id)?.map(Account::Shared)),
        }
    }

    fn user(&self, id: UserId) -> Option<Option<User>> {
        let packed = self.users.get(&UserFact::key(id));
        match packed.and_then(|packed| UserFact::unpack(&packed, &self.facts.caches.context)) {
            Some(fact) => Some(fact.map(User::Own)),
            None => Some(self.facts.caches.users.rest(id)?.map(User::Shared)),
        }
    }

    fn member(&self, account: AccountId, user: UserId) -> Option<Option<MemberFact>> {
        let packed = self.members.get(&MemberEntry::key((account, user)));
        let member = match packed.and_then(|packed| pack::member(&packed, &self.facts.caches.context)) {
            Some(member) => member.map(|Member { fact, noticed }| (fact, noticed)),
            None => {
                self.facts.caches.members.rest((account, user))?.map(|entry| (entry.fact, entry.noticed()))
            }
        };
        let note = |(fact, noticed): (MemberFact, Noticed)| {
            // That it is kept is all there is to it here.
            let _ = self.facts.note_member(account, user, noticed);
            fact
        };
        Some(member.map(note))
    }
}

impl Facts {
    /// Looks up the facts of a question without a resource, and decides it. `None`: one of them is not in memory.
    ///
    /// Nothing is allocated but for those who belong to a group of accounts, and for accounts in one.
    #[must_use]
    pub fn decide(&self, account: AccountId, user: UserId, permission: &str) -> Option<Decision> {
        self.at_once(|reader| {
            let facts = reader.get(account, user)?;
            Some(decide(&facts.question(reader.policy(&facts), permission)))
        })
    }
}

impl Drop for Reader<'_> {
    /// Counts what was looked for, all at once.
    fn drop(&mut self) {
        for kind in [Kind::Account, Kind::User, Kind::Member] {
            self.facts.counts.lookups(kind, Lookup::Hit, self.found.get());
        }
    }
}

impl Short {
    /// The question whether the subject holds the permission of that name, under the account's policy.
    pub(crate) fn question<'a>(&'a self, policy: Option<&'a Policy>, permission: &str) -> Question<'a> {
        let account = self.account.as_ref().map(|account| match account {
            Account::Own(_, fact) => fact,
            Account::Shared(entry) => &entry.fact,
        });
        Question {
            policy,
            account,
            subject: self.user(),
            member: self.member.as_ref(),
            permission: policy.and_then(|policy| policy.permission_id(permission)),
            resource: None,
        }
    }

    /// The subject.
    pub(crate) fn user(&self) -> Option<&UserFact> {
        self.user.as_ref().map(|user| match user {
            User::Own(fact) => fact,
            User::Shared(fact) => fact,
        })
    }
}

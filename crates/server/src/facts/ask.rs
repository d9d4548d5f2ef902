//! What a question needs to know, and the question itself once it is known.

use std::sync::Arc;

use mandate_domain::decide::{Question, Target};
use mandate_domain::facts::{AssignmentFact, UserFact};
use mandate_domain::id::{AccountId, UserId};
use mandate_domain::plan::Policies;
use mandate_domain::policy::Policy;
use mandate_domain::policy::set::PermissionId;
use mandate_domain::resource::{Assignment, ResourceRef};
use mandate_storage::QuestionRecords;

use super::Moment;
use super::entry::{AccountEntry, MemberEntry, ResourceEntry};
use super::fill::Entry;
use super::key::{AssignmentAt, ResourceAt};

/// Whose facts a question needs.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The account.
    pub account: AccountId,
    /// The subject.
    pub user: UserId,
    /// The resource, if it is about one.
    pub resource: Option<&'a ResourceRef>,
}

/// The facts a question is decided on, all of one moment. `None`: there is no such thing.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The account and its policy.
    pub account: Option<Arc<AccountEntry>>,
    /// The subject.
    pub user: Option<Arc<UserFact>>,
    /// The subject's membership.
    pub member: Option<Arc<MemberEntry>>,
    /// The resource, if it was registered.
    pub resource: Option<Arc<ResourceEntry>>,
    /// The subject's assignments to the resource and to what it lives in, nearest first.
    assignments: Vec<AssignmentFact>,
    /// For each of them, which link of the chain it is of: 0 is the resource itself.
    links: Vec<usize>,
    /// Where all of it stands in the database's history.
    moment: Option<Arc<Moment>>,
}

impl Known {
    /// Compiles what was read from the database.
    pub(super) fn new(policies: &Policies, ask: Ask<'_>, records: &QuestionRecords) -> Self {
        let QuestionRecords { account, user, membership, resource, assignments, position: _, policies: _ } =
            records;
        let account = account.as_ref().map(|account| Arc::new(AccountEntry::new(policies, account)));
        let policy = account.as_ref().and_then(|entry| entry.policy.clone());
        let compile = |member| policy.as_ref().map(|policy| Arc::new(MemberEntry::new(policy, member)));
        let mut known = Self {
            user: user.as_ref().map(|user| Arc::new(UserFact::from(user))),
            member: membership.as_ref().and_then(compile),
            resource: resource.as_ref().map(|resource| Arc::new(ResourceEntry::from(resource))),
            account,
            ..Self::default()
        };
        if let Some(asked) = ask.resource {
            known.carry(asked, assignments);
        }
        known
    }

    /// The same, as it stood then.
    pub(super) fn at(self, moment: Arc<Moment>) -> Self {
        Self { moment: Some(moment), ..self }
    }

    /// The consistency token of an answer that is decided on this.
    #[must_use]
    pub fn token(&self) -> &str {
        self.moment.as_ref().map_or("", |moment| &moment.token)
    }

    /// Adds the subject's assignments to the resource and to what it lives in.
    pub(super) fn carry(&mut self, asked: &ResourceRef, assignments: &[Assignment]) {
        let Some(policy) = self.policy().map(Arc::clone) else { return };
        let chain: Vec<ResourceRef> = self.chain(asked).cloned().collect();
        for (position, link) in chain.iter().enumerate() {
            let assignment = assignments.iter().find(|assignment| assignment.resource == *link);
            if let Some(fact) = assignment.and_then(|assignment| AssignmentFact::new(&policy, assignment)) {
                self.assign(position, fact);
            }
        }
    }

    /// Adds the assignment of one link of the chain; they come nearest first.
    pub(super) fn assign(&mut self, link: usize, fact: AssignmentFact) {
        self.links.push(link);
        self.assignments.push(fact);
    }

    /// The resource asked about and what it lives in, nearest first.
    pub fn chain<'k>(&'k self, asked: &'k ResourceRef) -> impl Iterator<Item = &'k ResourceRef> {
        let ancestors = self.resource.iter().flat_map(|entry| &entry.ancestors);
        std::iter::once(asked).chain(ancestors)
    }

    /// What it leaves in memory.
    pub(super) fn entries(&self, ask: Ask<'_>) -> Vec<Entry> {
        let Ask { account, user, resource } = ask;
        let mut entries =
            vec![Entry::Account(account, self.account.clone()), Entry::User(user, self.user.clone())];
        // Without the policy nothing could be compiled: what is `None` then is not known to be absent.
        if self.account.as_ref().is_some_and(|entry| entry.policy.is_none()) {
            return entries;
        }
        entries.push(Entry::Member(account, user, self.member.clone()));
        let Some(asked) = resource else { return entries };
        entries.push(Entry::Resource(ResourceAt::new(account, asked).into(), self.resource.clone()));
        for (position, resource) in self.chain(asked).enumerate() {
            let key = AssignmentAt::new(account, user, resource).into();
            entries.push(Entry::Assignment(key, self.assignment_at(position)));
        }
        entries
    }

    fn assignment_at(&self, link: usize) -> Option<AssignmentFact> {
        let position = self.links.iter().position(|of| *of == link)?;
        self.assignments.get(position).copied()
    }

    /// The resource that the assignment at this position of [`Target::assignments`] is of.
    #[must_use]
    pub fn assigned<'k>(&'k self, asked: &'k ResourceRef, position: u8) -> Option<&'k ResourceRef> {
        let link = self.links.get(usize::from(position))?;
        self.chain(asked).nth(*link)
    }

    /// The policy of the account, if both are there.
    #[must_use]
    pub fn policy(&self) -> Option<&Arc<Policy>> {
        self.account.as_ref()?.policy.as_ref()
    }

    /// The number of a permission under the account's policy.
    #[must_use]
    pub fn permission(&self, name: &str) -> Option<PermissionId> {
        self.policy()?.permission_id(name)
    }

    /// The question whether the subject holds this permission.
    #[must_use]
    pub fn question(&self, ask: Ask<'_>, permission: Option<PermissionId>) -> Question<'_> {
        let policy = self.policy();
        let resource = ask.resource.map(|asked| Target {
            resource_type: policy.and_then(|policy| policy.resource_type_id(&asked.kind)),
            registered: self.resource.is_some(),
            created_by_subject: self
                .resource
                .as_ref()
                .is_some_and(|entry| entry.created_by == Some(ask.user)),
            assignments: &self.assignments,
        });
        Question {
            policy: policy.map(Arc::as_ref),
            account: self.account.as_ref().map(|entry| &entry.fact),
            subject: self.user.as_deref(),
            member: self.member.as_ref().map(|entry| &entry.fact),
            permission,
            resource,
        }
    }

    /// Whether the subject has anything to do with the account, in whichever state: only then may they know
    /// that it exists.
    #[must_use]
    pub fn knows_account(&self) -> bool {
        let (Some(account), Some(user)) = (&self.account, &self.user) else { return false };
        let reaches = |group| account.fact.groups.binary_search(group).is_ok();
        self.member.is_some() || user.seats.iter().any(|seat| reaches(&seat.group))
    }
}

//! The plan of a write: `plan(records, actor, command, now)` judges the command by the account's policy and
//! returns the changes it makes, or the refusal. One file per noun; the rules that all share are beside them:
//! [`authorize`](crate::authorize) (may the actor do this at all), [`delegation`](crate::delegation) (to this
//! member, with these roles), [`limits`](crate::limits) (would a role have too few or too many holders).

mod acceptance;
mod account;
mod activation;
mod contact;
mod credential;
mod group;
mod group_accounts;
mod group_guard;
mod holder;
mod identity;
mod import;
mod invitation;
mod login;
mod mail;
mod member;
mod names;
mod ownership;
mod resource;
mod scene;
mod user;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::change::Change;
use crate::command::{Actor, Command};
use crate::id::AccountId;
use crate::limits;
use crate::mail::Mail;
use crate::policy::model::Policy;
use crate::records::{Records, Stop};
use crate::terms::{Limits, Terms};

/// The policies in force, by name.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    /// By name, ascending.
    policies: Vec<Arc<Policy>>,
    /// How many versions of policies there had been when these came into force; `None`: it is not known.
    revision: Option<i64>,
}

impl Policies {
    /// The policy of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Policy>> {
        self.at(self.position(name)?)
    }

    /// At which position the policy of that name is found, as long as these are in force.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.policies.binary_search_by(|policy| policy.name.as_str().cmp(name)).ok()
    }

    /// The policy at that position.
    #[must_use]
    pub fn at(&self, position: usize) -> Option<&Arc<Policy>> {
        self.policies.get(position)
    }

    /// The names, ascending.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.policies.iter().map(|policy| policy.name.as_str())
    }

    /// The same, known to be in force after so many versions of policies had been written.
    #[must_use]
    pub fn of_revision(self, revision: i64) -> Self {
        Self { revision: Some(revision), ..self }
    }

    /// How many versions of policies there had been when these came into force; `None`: it is not known.
    #[must_use]
    pub fn revision(&self) -> Option<i64> {
        self.revision
    }

    /// Whether others are in force where so many versions of policies have been written.
    #[must_use]
    pub fn differ_from(&self, revision: i64) -> bool {
        self.revision.is_some_and(|own| own != revision)
    }

    /// Those in force once this one, or this version of one, has been written besides.
    #[must_use]
    pub fn with(&self, policy: Policy) -> Self {
        let others = self.policies.iter().filter(|other| other.name != policy.name).cloned();
        let mut policies: Vec<Arc<Policy>> = others.collect();
        policies.push(Arc::new(policy));
        policies.sort_by(|one, other| one.name.cmp(&other.name));
        Self { policies, revision: self.revision.map(|revision| revision + 1) }
    }
}

impl FromIterator<Policy> for Policies {
    fn from_iter<I: IntoIterator<Item = Policy>>(policies: I) -> Self {
        let by_name = |policy: Policy| (policy.name.clone(), Arc::new(policy));
        let policies: BTreeMap<_, _> = policies.into_iter().map(by_name).collect();
        Self { policies: policies.into_values().collect(), revision: None }
    }
}

/// What a write does: the changes, and what the activity log says of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The operation (`member.remove`).
    pub operation: &'static str,
    /// The account it happened in, if in one.
    pub account: Option<AccountId>,
    /// Whom or what it concerned: a user's id, a group's, or a resource as `type/id`.
    pub subject: Option<String>,
    /// What is different from now on, in an order in which it can be applied. Empty: nothing is.
    pub changes: Vec<Change>,
    /// What has to be mailed, to whom; it commits with the changes.
    pub mail: Vec<Mail>,
    /// Why limits were passed over, for the activity log.
    pub override_reason: Option<String>,
}

/// What every rule of a plan can see.
#[derive(Clone, Copy)]
struct Context<'a> {
    policies: &'a Policies,
    records: &'a Records,
    actor: &'a Actor,
    now: i64,
}

/// Plans one command.
///
/// # Errors
/// [`Stop::Read`] names what has to be read before the plan can go on; [`Stop::Refused`] says why the
/// command cannot be carried out.
pub fn plan(
    policies: &Policies,
    records: &Records,
    actor: &Actor,
    command: &Command,
    terms: &Terms,
    now: i64,
) -> Result<Plan, Stop> {
    let context = Context { policies, records, actor, now };
    let limits = terms.limits(actor)?;
    let (subject, changes) = draft(context, command)?;
    // Whoever may not do it is not told by an etag what it is worth.
    terms.judge_etag(records, command)?;
    // INVARIANT: whichever command made the changes, contacts know who they are as users afterwards (IX-02).
    let changes = login::follow(context, changes)?;
    // INVARIANT: no changes leave here unjudged, whichever command made them, unless an operator answers for it.
    match limits {
        Limits::Hold => limits::judge(policies, records, &changes, now)?,
        Limits::PassedOver => {}
    }
    group_guard::guard(context, &changes)?;
    let account = changes.iter().find_map(Change::account).or_else(|| command.account());
    let mail = mail::of(context, command, &changes)?;
    let override_reason = terms.override_reason.clone();
    Ok(Plan { operation: command.name(), account, subject, changes, mail, override_reason })
}

type Draft = (Option<String>, Vec<Change>);

fn draft(context: Context<'_>, command: &Command) -> Result<Draft, Stop> {
    let changes = match command {
        Command::CreateAccount { .. }
        | Command::UpdateAccount { .. }
        | Command::SuspendAccount { .. }
        | Command::ReinstateAccount { .. }
        | Command::DeleteAccount { .. }
        | Command::UndeleteAccount { .. } => account::draft(context, command)?,
        Command::AddMember { .. }
        | Command::UpdateMember { .. }
        | Command::SuspendMember { .. }
        | Command::ReinstateMember { .. }
        | Command::RemoveMember { .. } => member::draft(context, command)?,
        Command::CreateResource { .. }
        | Command::UpdateResource { .. }
        | Command::DeleteResource { .. }
        | Command::Assign { .. }
        | Command::Unassign { .. } => resource::draft(context, command)?,
        Command::TransferOwnership { account, from, to } => {
            ownership::transfer(context, *account, *from, *to)?
        }
        Command::CreateUser { .. }
        | Command::UpdateUser { .. }
        | Command::SuspendUser { .. }
        | Command::ReinstateUser { .. }
        | Command::EraseUser { .. } => user::draft(context, command)?,
        Command::SetInitialPassword { .. }
        | Command::SetPassword { .. }
        | Command::BeginSession { .. }
        | Command::EndSessions { .. } => credential::draft(context, command)?,
        Command::CreateGroup { .. } | Command::AddGroupUser { .. } | Command::RemoveGroupUser { .. } => {
            group::draft(context, command)?
        }
        Command::AddGroupAccount { .. }
        | Command::RemoveGroupAccount { .. }
        | Command::DeleteGroup { .. } => group_accounts::draft(context, command)?,
        Command::CreateContact { .. } | Command::UpdateContact { .. } | Command::DeleteContact { .. } => {
            contact::draft(context, command)?
        }
        Command::InviteMember { .. }
        | Command::ReplaceMemberEmail { .. }
        | Command::ResendInvitation { .. }
        | Command::RevokeInvitation { .. }
        | Command::AcceptInvitation { .. }
        | Command::DeclineInvitation { .. } => invitation::draft(context, command)?,
        Command::ActivateContact { .. } | Command::ResetInitialPassword { .. } => {
            activation::draft(context, command)?
        }
        // Only the plan knows whose the address is.
        Command::ImportMember { .. } => return import::draft(context, command),
        // It changes nothing; its mail is made below like all other.
        Command::SendBillingMail { .. } => Vec::new(),
    };
    Ok((command.subject(), changes))
}

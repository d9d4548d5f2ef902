//! What a write would do to people's permissions: they are read before and after it in one transaction, which then
//! leaves nothing behind (`validate_only`).

use std::collections::{BTreeMap, BTreeSet};

use mandate_domain::account::Account;
use mandate_domain::change::Change;
use mandate_domain::contact::Contact;
use mandate_domain::decide::{Question, Target};
use mandate_domain::effective::{Effective, effective};
use mandate_domain::effects::{Effect, Place, Subject, Touched};
use mandate_domain::facts::{AccountFact, AssignmentFact, MemberFact, UserFact};
use mandate_domain::id::{AccountId, GroupId, UserId};
use mandate_domain::plan::Policies;
use mandate_domain::policy::model::Policy;
use mandate_domain::records::{Key, Record};
use mandate_domain::resource::Assignment;

use crate::error::StoreError;
use crate::keys;
use crate::locks::Lock;
use crate::question::{QuestionRecords, question_in};
use crate::tx::{Tx, on_tx};

/// Most places whose permissions are compared.
const MOST: usize = 1_000;

/// What a write would do to people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effects {
    /// Ascending by place; at most 1,000.
    pub effects: Vec<Effect>,
    /// Whether there are places that were not looked at.
    pub more: bool,
}

/// The places that a write touches, in order, with what may be done there before it.
pub(crate) struct Before {
    places: BTreeMap<Place, Effective>,
    more: bool,
}

/// Reads what the people whom the changes touch may do. To be called before the changes are made.
pub(crate) async fn before(
    tx: &mut Tx,
    policies: &Policies,
    changes: &[Change],
) -> Result<Before, StoreError> {
    let touched = Touched::by(changes);
    let mut places = touched.places.clone();
    for account in &touched.accounts {
        let groups = groups_of(tx, *account, changes).await?;
        everybody(tx, *account, &groups, &mut places).await?;
    }
    for (user, groups) in &touched.users {
        everywhere(tx, *user, groups, &mut places).await?;
    }
    let more = places.len() > MOST;
    let mut before = BTreeMap::new();
    for place in places.into_iter().take(MOST) {
        let effective = at(tx, policies, &place).await?.map(|(_, effective)| effective).unwrap_or_default();
        before.insert(place, effective);
    }
    Ok(Before { places: before, more })
}

/// Compares with what they may do now that the changes are made.
pub(crate) async fn after(tx: &mut Tx, policies: &Policies, before: Before) -> Result<Effects, StoreError> {
    let mut effects = Vec::new();
    for (place, before) in before.places {
        if let Some((policy, after)) = at(tx, policies, &place).await? {
            effects.extend(Effect::between(policy, place, &before, &after));
        }
    }
    Ok(Effects { effects, more: before.more })
}

/// The groups that contain the account before or after the changes.
async fn groups_of(tx: &mut Tx, id: AccountId, changes: &[Change]) -> Result<BTreeSet<GroupId>, StoreError> {
    let mut groups = BTreeSet::new();
    if let Some(account) = account(tx, id).await? {
        groups.extend(account.groups);
    }
    for change in changes {
        if let Change::Account(account) = change
            && account.id == id
        {
            groups.extend(account.groups.iter().copied());
        }
    }
    Ok(groups)
}

/// Everybody who may do something in the account: its members, contacts, and the users of its groups.
async fn everybody(
    tx: &mut Tx,
    account: AccountId,
    groups: &BTreeSet<GroupId>,
    places: &mut BTreeSet<Place>,
) -> Result<(), StoreError> {
    let id = account.to_string();
    let members = "SELECT user_id FROM memberships WHERE account = $1 ORDER BY user_id LIMIT $2";
    let mut users: Vec<UserId> = ids(tx, members, &id).await?;
    for group in groups {
        let sql = "SELECT DISTINCT user_id FROM group_users WHERE group_id = $1 ORDER BY user_id LIMIT $2";
        users.extend(ids::<UserId>(tx, sql, &group.to_string()).await?);
    }
    let contacts = "SELECT id FROM contacts WHERE account = $1 ORDER BY id LIMIT $2";
    let subjects = ids(tx, contacts, &id).await?.into_iter().map(Subject::Contact);
    let subjects = users.into_iter().map(Subject::User).chain(subjects);
    places.extend(subjects.map(|subject| Place { account, subject, resource: None }));
    Ok(())
}

/// Every account that the user may do something in: by membership, and through their groups.
async fn everywhere(
    tx: &mut Tx,
    user: UserId,
    groups: &BTreeSet<GroupId>,
    places: &mut BTreeSet<Place>,
) -> Result<(), StoreError> {
    let id = user.to_string();
    let of = "SELECT account FROM memberships WHERE user_id = $1 ORDER BY account LIMIT $2";
    let mut accounts: BTreeSet<AccountId> = ids(tx, of, &id).await?.into_iter().collect();
    let seats = "SELECT DISTINCT group_id FROM group_users WHERE user_id = $1 ORDER BY group_id LIMIT $2";
    let mut groups = groups.clone();
    groups.extend(ids::<GroupId>(tx, seats, &id).await?);
    for group in groups {
        let sql = "SELECT account FROM account_groups WHERE group_id = $1 ORDER BY account LIMIT $2";
        accounts.extend(ids::<AccountId>(tx, sql, &group.to_string()).await?);
    }
    let subject = Subject::User(user);
    places.extend(accounts.into_iter().map(|account| Place { account, subject, resource: None }));
    Ok(())
}

async fn ids<T: std::str::FromStr>(tx: &mut Tx, sql: &'static str, of: &str) -> Result<Vec<T>, StoreError> {
    let limit = i64::try_from(MOST).unwrap_or(i64::MAX).saturating_add(1);
    let rows: Vec<String> = on_tx!(tx, c => sqlx::query_scalar(sql).bind(of).bind(limit).fetch_all(c).await)?;
    Ok(rows.into_iter().filter_map(|id| id.parse().ok()).collect())
}

async fn account(tx: &mut Tx, id: AccountId) -> Result<Option<Account>, StoreError> {
    let found = keys::load(tx, &[&Key::Account(id)], &|_| Lock::None).await?;
    Ok(found.into_iter().find_map(|(_, record)| match record {
        Record::Account(account) => account,
        _ => None,
    }))
}

/// What may be done at the place, as the transaction sees it; `None`: no policy says anything about it.
async fn at<'a>(
    tx: &mut Tx,
    policies: &'a Policies,
    place: &Place,
) -> Result<Option<(&'a Policy, Effective)>, StoreError> {
    match place.subject {
        Subject::User(user) => {
            let records = question_in(tx, place.account, user, place.resource.as_ref()).await?;
            let Some(policy) = records.account.as_ref().and_then(|account| policies.get(&account.policy))
            else {
                return Ok(None);
            };
            let assigned = match place.resource {
                Some(_) => Vec::new(),
                None => crate::assignment::of(tx, place.account, user).await?,
            };
            Ok(Some((policy, of_user(policy, &records, place, &assigned))))
        }
        Subject::Contact(contact) => {
            let key = Key::Contact(place.account, contact);
            let found = keys::load(tx, &[&key], &|_| Lock::None).await?;
            let contact = found.into_iter().find_map(|(_, record)| match record {
                Record::Contact(contact) => contact,
                _ => None,
            });
            let account = account(tx, place.account).await?;
            let policy = account.as_ref().and_then(|account| policies.get(&account.policy));
            Ok(policy.map(|policy| (policy.as_ref(), of_contact(policy, account.as_ref(), contact.as_ref()))))
        }
    }
}

fn of_user(policy: &Policy, records: &QuestionRecords, place: &Place, assigned: &[Assignment]) -> Effective {
    let account = records.account.as_ref().map(|account| AccountFact::new(policy, account));
    let subject = records.user.as_ref().map(UserFact::from);
    let member = records.membership.as_ref().map(|membership| MemberFact::new(policy, membership));
    let chain: Vec<AssignmentFact> =
        records.assignments.iter().filter_map(|assignment| AssignmentFact::new(policy, assignment)).collect();
    let assigned: Vec<AssignmentFact> =
        assigned.iter().filter_map(|assignment| AssignmentFact::new(policy, assignment)).collect();
    let user = match place.subject {
        Subject::User(user) => Some(user),
        Subject::Contact(_) => None,
    };
    let resource = place.resource.as_ref().map(|resource| Target {
        resource_type: policy.resource_type_id(&resource.kind),
        registered: records.resource.is_some(),
        created_by_subject: user.is_some()
            && records.resource.as_ref().and_then(|resource| resource.created_by) == user,
        assignments: &chain,
    });
    let question = Question {
        policy: Some(policy),
        account: account.as_ref(),
        subject: subject.as_ref(),
        member: member.as_ref(),
        permission: None,
        resource,
    };
    effective(&question, &assigned)
}

fn of_contact(policy: &Policy, account: Option<&Account>, contact: Option<&Contact>) -> Effective {
    let account = account.map(|account| AccountFact::new(policy, account));
    let member = contact.map(|contact| MemberFact::of_contact(policy, contact));
    let subject = contact.map(|_| UserFact::CONTACT);
    let question = Question {
        policy: Some(policy),
        account: account.as_ref(),
        subject: subject.as_ref(),
        member: member.as_ref(),
        permission: None,
        resource: None,
    };
    effective(&question, &[])
}

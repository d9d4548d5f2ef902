//! The write that a step of a history means, as things stand when it comes.

use std::collections::{BTreeMap, BTreeSet};

use super::choose::{assignment, attribute, best, grants, names, parent_of, resource, restrictions};
use super::history::{Attributes, Birth, USERS, What, Who};
use super::judge::Actor;
use super::play::Game;
use super::policy::Value;
use super::world::{Account, Member, MemberState};
use super::writes::Write;

impl Game<'_, '_> {
    pub(super) fn email(&self, number: usize) -> String {
        format!("{}-{}@example.com", ["ada", "bob", "cyd", "dan", "eve"][number % 5], self.run)
    }

    pub(super) fn actor(&self, who: Who, account: &Account) -> Actor {
        let roles = &self.world.policy(account).roles;
        let chief = account
            .members
            .iter()
            .find(|member| member.active() && member.roles.iter().any(|role| roles[role].at_birth));
        match who {
            Who::Operator => Actor::Operator,
            Who::Chief => chief.map_or(Actor::Operator, |member| Actor::Person(member.user.clone())),
            Who::Anybody(number) => Actor::Person(self.user(number)),
        }
    }

    pub(super) fn user(&self, number: u8) -> String {
        self.world.users[usize::from(number) % self.world.users.len()].id.clone()
    }

    pub(super) fn birth(&self, birth: &Birth, first: Option<&str>) -> Write {
        let policy = self
            .world
            .policies
            .values()
            .nth(usize::from(birth.policy) % self.world.policies.len())
            .expect("a policy");
        let attributes = match &birth.attributes {
            Attributes::Bare => BTreeMap::new(),
            Attributes::Ready => policy
                .attributes
                .iter()
                .filter_map(|(name, kind)| Some((name.clone(), best(kind)?)))
                .collect(),
            Attributes::Any(pairs) => {
                let all = pairs.iter().map(|pair| attribute(policy, *pair));
                all.filter_map(|(name, value)| {
                    Some((name, value.filter(|value| *value != Value::Text("?".into()))?))
                })
                .collect()
            }
        };
        let first = first.map_or_else(|| self.user(birth.first), str::to_owned);
        Write::CreateAccount { policy: policy.name.clone(), first, attributes }
    }

    /// The write that a step means here; `None`: nothing (a policy without resources, no group yet).
    pub(super) fn write(&self, actor: &Actor, account: &Account, what: &What) -> Option<Write> {
        let policy = self.world.policy(account);
        let id = account.id.clone();
        Some(match what {
            What::CreateUser { email } => {
                Write::CreateUser { email: self.email(usize::from(*email) % USERS) }
            }
            What::CreateAccount(birth) => self.birth(birth, actor.user().filter(|_| birth.first % 4 != 0)),
            What::SetAttributes(pairs) => {
                let attributes = pairs.iter().map(|pair| attribute(policy, *pair)).collect();
                Write::UpdateAccount { account: id, attributes }
            }
            What::SuspendAccount => Write::SuspendAccount { account: id },
            What::ReinstateAccount => Write::ReinstateAccount { account: id },
            What::DeleteAccount => Write::DeleteAccount { account: id },
            What::AddMember { user, holding, assignments } => {
                let user = self.user(*user);
                let roles = names(policy.roles.keys(), &holding.roles);
                let grants = grants(policy, &roles, &holding.grants);
                let restrictions = restrictions(policy, &roles, &holding.restrictions);
                let wanted = assignments.iter().filter_map(|carrying| assignment(policy, &user, carrying));
                let mut seen = BTreeSet::new();
                let assignments = wanted.filter(|wanted| seen.insert(wanted.resource.clone())).collect();
                let member = Member { user, state: MemberState::Active, roles, grants, restrictions };
                Write::AddMember { account: id, member, assignments }
            }
            What::UpdateMember { user, roles, grants: granted, restrictions: put } => {
                let user = self.user(*user);
                let roles = roles.as_ref().map(|picks| names(policy.roles.keys(), picks));
                let held = account.member(&user).map(|member| member.roles.clone()).unwrap_or_default();
                let held = roles.clone().unwrap_or(held);
                let granted = granted.as_ref().map(|picks| grants(policy, &held, picks));
                let put = put.as_ref().map(|picks| restrictions(policy, &held, picks));
                if roles.is_none() && granted.is_none() && put.is_none() {
                    return None;
                }
                Write::UpdateMember { account: id, user, roles, grants: granted, restrictions: put }
            }
            What::SuspendMember { user } => Write::SuspendMember { account: id, user: self.user(*user) },
            What::ReinstateMember { user } => Write::ReinstateMember { account: id, user: self.user(*user) },
            What::RemoveMember { user } => Write::RemoveMember { account: id, user: self.user(*user) },
            What::Leave => Write::RemoveMember { account: id, user: actor.user()?.to_owned() },
            What::CreateResource { kind, id: number, parent, creator } => {
                let name = resource(policy, *kind, *number)?;
                let parent = parent_of(policy, &name.0, *parent);
                let creator = match (actor, creator % 8) {
                    (Actor::Operator, 0) => None,
                    (Actor::Person(actor), 1..) => Some(actor.clone()),
                    _ => Some(self.user(creator / 8)),
                };
                Write::CreateResource { account: id, name, parent, creator }
            }
            What::DeleteResource { kind, id: number } => {
                Write::DeleteResource { account: id, name: resource(policy, *kind, *number)? }
            }
            What::Assign { user, carrying } => {
                let assignment = assignment(policy, &self.user(*user), carrying)?;
                Write::Assign { account: id, assignment }
            }
            What::Unassign { user, kind, id: number } => Write::Unassign {
                account: id,
                user: self.user(*user),
                resource: resource(policy, *kind, *number)?,
            },
            // Where there are no groups, now and then is often enough.
            What::CreateGroup { founder, .. } if policy.groups.is_none() && founder % 4 != 0 => return None,
            What::CreateGroup { accounts, founder } => {
                let picked: BTreeSet<String> = accounts
                    .iter()
                    .map(|n| self.accounts[usize::from(*n) % self.accounts.len()].clone())
                    .collect();
                let founder = actor
                    .user()
                    .filter(|_| founder % 5 != 0)
                    .map_or_else(|| self.user(*founder), str::to_owned);
                let mut accounts = vec![id.clone()];
                accounts.extend(picked.into_iter().filter(|other| *other != id));
                Write::CreateGroup { accounts, founder }
            }
            What::AddGroupUser { group, user, role } => {
                let (group, of) = self.group(*group)?;
                let roles = self.world.policies[&of].groups.as_ref()?.roles.keys();
                let role = names(roles, &[*role]).pop()?;
                Write::AddGroupUser { group, user: self.user(*user), role }
            }
            What::RemoveGroupUser { group, user } => {
                let group = self.group(*group)?.0;
                // Mostly somebody who is in it.
                let inside =
                    self.world.users.iter().filter(|user| user.seats.iter().any(|(id, _)| *id == group));
                let inside: Vec<&String> = inside.map(|user| &user.id).filter(|_| user % 4 != 0).collect();
                let number = usize::from(*user).checked_rem(inside.len());
                let user = number.map_or_else(|| self.user(*user), |number| inside[number].clone());
                Write::RemoveGroupUser { group, user }
            }
        })
    }

    pub(super) fn group(&self, number: u8) -> Option<(String, String)> {
        let count = self.world.groups.len();
        self.world.groups.get(usize::from(number).checked_rem(count)?).cloned()
    }
}

//! Plays a history against a real server and the model side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use super::client::Client;
use super::choose::{assignment, attribute, best, fitting, grants, names, parent_of, resource, restrictions};
use super::history::{Attributes, Birth, History, Step, USERS, What, Who};
use super::judge::{Actor, Class};
use super::may::Reason;
use super::policy::{Policy, Value};
use super::questions;
use super::world::{Account, Member, MemberState, World};
use super::writes::Write;
use crate::{Server, expect};

/// What was seen while a history was played, to prove that it was worth playing.
#[derive(Debug, Default)]
pub struct Seen {
    /// Writes that succeeded (`None`) and refusals, by class.
    pub writes: BTreeMap<Option<Class>, u64>,
    /// Answers, by reason.
    pub answers: BTreeMap<Reason, u64>,
}

/// Plays a history; the policies are those that the model believes in, by name.
///
/// Errors: what was done, step by step, and what the two disagree about at the last one.
pub async fn play(server: &Server, policies: &Arc<BTreeMap<String, Policy>>, history: &History, run: &str, seen: &mut Seen) -> Result<(), String> {
    let world = World { policies: Arc::clone(policies), ..World::default() };
    let mut game = Game { client: Client::new(server), world, accounts: Vec::new(), run, log: String::new(), seen };
    match game.play(history).await {
        Ok(()) => Ok(()),
        Err(error) => Err(game.readable(&error)),
    }
}

struct Game<'s, 'h> {
    client: Client<'s>,
    world: World,
    /// The accounts that numbers mean: a new one takes the place of an old one.
    accounts: Vec<String>,
    /// Makes e-mail addresses unlike those of other histories on the same server.
    run: &'h str,
    log: String,
    seen: &'h mut Seen,
}

impl Game<'_, '_> {
    async fn play(&mut self, history: &History) -> Result<(), String> {
        for number in 0..USERS {
            let email = self.email(number);
            self.make(&Actor::Operator, Write::CreateUser { email }).await?;
        }
        for birth in &history.births {
            let write = self.birth(birth, None);
            let id = self.make(&Actor::Operator, write).await?;
            self.accounts.extend(id.clone());
            if let Some(account) = id.and_then(|id| self.world.account(&id)).cloned() {
                self.settle(&account, birth).await?;
            }
        }
        for step in &history.steps {
            self.step(step).await?;
        }
        Ok(())
    }

    /// The log and what was wrong, with names in place of ids.
    fn readable(&self, error: &str) -> String {
        let mut text = format!("{}{error}\n", self.log);
        for user in &self.world.users {
            text = text.replace(&user.id, user.email.split('-').next().unwrap_or_default());
        }
        for (number, account) in self.world.accounts.iter().enumerate() {
            text = text.replace(&account.id, &format!("account {number}"));
        }
        for (number, (group, _)) in self.world.groups.iter().enumerate() {
            text = text.replace(group, &format!("group {number}"));
        }
        text
    }

    async fn step(&mut self, step: &Step) -> Result<(), String> {
        let slot = usize::from(step.account) % self.accounts.len().max(1);
        let Some(account) = self.accounts.get(slot).and_then(|id| self.world.account(id)).cloned() else { return Ok(()) };
        let actor = self.actor(step.who, &account);
        let Some(write) = self.write(&actor, &account, &step.what) else { return Ok(()) };
        let new = self.make(&actor, write.clone()).await?;
        if let (Write::CreateAccount { .. }, Some(id)) = (&write, new) {
            self.accounts[slot] = id;
        }
        let within = |group: &String| self.world.accounts.iter().find(|account| account.groups.contains(group));
        let about = match &write {
            Write::AddGroupUser { group, .. } | Write::RemoveGroupUser { group, .. } => within(group),
            _ => self.world.account(&account.id),
        };
        let about = about.expect("accounts stay, and groups have one");
        for reason in questions::agree(&self.client, &self.world, about, step.look).await? {
            *self.seen.answers.entry(reason).or_default() += 1;
        }
        Ok(())
    }

    /// Everybody else comes aboard, and there is something to work on.
    async fn settle(&mut self, account: &Account, birth: &Birth) -> Result<(), String> {
        for (number, holding) in (0_u8..).zip(&birth.members) {
            let what = What::AddMember { user: number, holding: holding.clone(), assignments: Vec::new() };
            let write = self.write(&Actor::Operator, account, &what);
            if let Some(Write::AddMember { account: id, member, assignments }) = write {
                let member = fitting(self.world.policy(account), member);
                self.make(&Actor::Operator, Write::AddMember { account: id, member, assignments }).await?;
            }
        }
        if let (Some((user, role)), true) = (birth.group, self.world.policy(account).groups.is_some()) {
            let write = Write::CreateGroup { accounts: vec![account.id.clone()], founder: account.members[0].user.clone() };
            self.make(&Actor::Operator, write).await?;
            let newest = u8::try_from(self.world.groups.len()).expect("a few").saturating_sub(1);
            if let Some(write) = self.write(&Actor::Operator, account, &What::AddGroupUser { group: newest, user, role }) {
                self.make(&Actor::Operator, write).await?;
            }
        }
        let types = &self.world.policy(account).types;
        let mut kinds: Vec<(u8, bool)> = (0_u8..).zip(types.values()).map(|(kind, found)| (kind, found.parent.is_some())).collect();
        kinds.sort_by_key(|(_, inner)| *inner);
        for ((kind, _), creator) in kinds.into_iter().zip(&birth.resources) {
            for id in 0..2 {
                let actor = Actor::Person(self.user(*creator));
                let what = What::CreateResource { kind, id, parent: id, creator: 1 };
                if let Some(write) = self.write(&actor, account, &what) {
                    let write = match write {
                        // Their own, whoever may create one here.
                        Write::CreateResource { account, name, parent, .. } => {
                            Write::CreateResource { account, name, parent, creator: actor.user().map(str::to_owned) }
                        }
                        other => other,
                    };
                    self.make(&Actor::Operator, write).await?;
                }
            }
        }
        Ok(())
    }

    /// Makes one write on both sides. Ok: the id of what was created.
    async fn make(&mut self, actor: &Actor, write: Write) -> Result<Option<String>, String> {
        let faults = self.world.faults(actor, &write);
        writeln!(self.log, "{actor:?}: {write:?}").expect("memory");
        let outcome = self.client.write(actor, &write).await;
        let found = match &outcome {
            Ok(_) => None,
            Err(status) => Some(Class::of(&expect::reason(status)).ok_or_else(|| format!("  unexpected: {status:?}"))?),
        };
        writeln!(self.log, "    {}", found.map_or("done".to_owned(), |class| format!("{class:?}"))).expect("memory");
        *self.seen.writes.entry(found).or_default() += 1;
        let agree = found.map_or(faults.is_empty(), |class| faults.contains(&class));
        if !agree {
            let message = outcome.as_ref().err().map(|status| status.message().to_owned()).unwrap_or_default();
            return Err(format!("the model finds these faults: {faults:?}; the service: {found:?} {message}"));
        }
        Ok(outcome.ok().map(|new| {
            self.world.apply(&write, &new);
            new
        }))
    }

    fn email(&self, number: usize) -> String {
        format!("{}-{}@example.com", ["ada", "bob", "cyd", "dan", "eve"][number % 5], self.run)
    }

    fn actor(&self, who: Who, account: &Account) -> Actor {
        let roles = &self.world.policy(account).roles;
        let chief = account.members.iter().find(|member| member.active() && member.roles.iter().any(|role| roles[role].at_birth));
        match who {
            Who::Operator => Actor::Operator,
            Who::Chief => chief.map_or(Actor::Operator, |member| Actor::Person(member.user.clone())),
            Who::Anybody(number) => Actor::Person(self.user(number)),
        }
    }

    fn user(&self, number: u8) -> String {
        self.world.users[usize::from(number) % self.world.users.len()].id.clone()
    }

    fn birth(&self, birth: &Birth, first: Option<&str>) -> Write {
        let policy = self.world.policies.values().nth(usize::from(birth.policy) % self.world.policies.len()).expect("a policy");
        let attributes = match &birth.attributes {
            Attributes::Bare => BTreeMap::new(),
            Attributes::Ready => policy.attributes.iter().filter_map(|(name, kind)| Some((name.clone(), best(kind)?))).collect(),
            Attributes::Any(pairs) => {
                let all = pairs.iter().map(|pair| attribute(policy, *pair));
                all.filter_map(|(name, value)| Some((name, value.filter(|value| *value != Value::Text("?".into()))?))).collect()
            }
        };
        let first = first.map_or_else(|| self.user(birth.first), str::to_owned);
        Write::CreateAccount { policy: policy.name.clone(), first, attributes }
    }

    /// The write that a step means here; `None`: nothing (a policy without resources, no group yet).
    fn write(&self, actor: &Actor, account: &Account, what: &What) -> Option<Write> {
        let policy = self.world.policy(account);
        let id = account.id.clone();
        Some(match what {
            What::CreateUser { email } => Write::CreateUser { email: self.email(usize::from(*email) % USERS) },
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
            What::DeleteResource { kind, id: number } => Write::DeleteResource { account: id, name: resource(policy, *kind, *number)? },
            What::Assign { user, carrying } => {
                let assignment = assignment(policy, &self.user(*user), carrying)?;
                Write::Assign { account: id, assignment }
            }
            What::Unassign { user, kind, id: number } => {
                Write::Unassign { account: id, user: self.user(*user), resource: resource(policy, *kind, *number)? }
            }
            // Where there are no groups, now and then is often enough.
            What::CreateGroup { founder, .. } if policy.groups.is_none() && founder % 4 != 0 => return None,
            What::CreateGroup { accounts, founder } => {
                let picked: BTreeSet<String> = accounts.iter().map(|n| self.accounts[usize::from(*n) % self.accounts.len()].clone()).collect();
                let founder = actor.user().filter(|_| founder % 5 != 0).map_or_else(|| self.user(*founder), str::to_owned);
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
                let inside = self.world.users.iter().filter(|user| user.seats.iter().any(|(id, _)| *id == group));
                let inside: Vec<&String> = inside.map(|user| &user.id).filter(|_| user % 4 != 0).collect();
                let number = usize::from(*user).checked_rem(inside.len());
                let user = number.map_or_else(|| self.user(*user), |number| inside[number].clone());
                Write::RemoveGroupUser { group, user }
            }
        })
    }

    fn group(&self, number: u8) -> Option<(String, String)> {
        let count = self.world.groups.len();
        self.world.groups.get(usize::from(number).checked_rem(count)?).cloned()
    }
}

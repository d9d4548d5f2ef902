//! Plays a history against a real server and the model side by side.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::choose::fitting;
use super::client::Client;
use super::history::{Birth, History, Step, USERS, What};
use super::judge::{Actor, Class};
use super::may::Reason;
use super::policy::Policy;
use super::questions;
use super::world::{Account, World};
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
pub async fn play(
    server: &Server,
    policies: &Arc<BTreeMap<String, Policy>>,
    history: &History,
    run: &str,
    seen: &mut Seen,
) -> Result<(), String> {
    let world = World { policies: Arc::clone(policies), ..World::default() };
    let mut game =
        Game { client: Client::new(server), world, accounts: Vec::new(), run, log: String::new(), seen };
    match game.play(history).await {
        Ok(()) => Ok(()),
        Err(error) => Err(game.readable(&error)),
    }
}

pub(super) struct Game<'s, 'h> {
    client: Client<'s>,
    pub(super) world: World,
    /// The accounts that numbers mean: a new one takes the place of an old one.
    pub(super) accounts: Vec<String>,
    /// Makes e-mail addresses unlike those of other histories on the same server.
    pub(super) run: &'h str,
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
        let Some(account) = self.accounts.get(slot).and_then(|id| self.world.account(id)).cloned() else {
            return Ok(());
        };
        let actor = self.actor(step.who, &account);
        let Some(write) = self.write(&actor, &account, &step.what) else { return Ok(()) };
        let new = self.make(&actor, write.clone()).await?;
        if let (Write::CreateAccount { .. }, Some(id)) = (&write, new) {
            self.accounts[slot] = id;
        }
        let within =
            |group: &String| self.world.accounts.iter().find(|account| account.groups.contains(group));
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
            let write = Write::CreateGroup {
                accounts: vec![account.id.clone()],
                founder: account.members[0].user.clone(),
            };
            self.make(&Actor::Operator, write).await?;
            let newest = u8::try_from(self.world.groups.len()).expect("a few").saturating_sub(1);
            if let Some(write) =
                self.write(&Actor::Operator, account, &What::AddGroupUser { group: newest, user, role })
            {
                self.make(&Actor::Operator, write).await?;
            }
        }
        let types = &self.world.policy(account).types;
        let mut kinds: Vec<(u8, bool)> =
            (0_u8..).zip(types.values()).map(|(kind, found)| (kind, found.parent.is_some())).collect();
        kinds.sort_by_key(|(_, inner)| *inner);
        for ((kind, _), creator) in kinds.into_iter().zip(&birth.resources) {
            for id in 0..2 {
                let actor = Actor::Person(self.user(*creator));
                let what = What::CreateResource { kind, id, parent: id, creator: 1 };
                if let Some(write) = self.write(&actor, account, &what) {
                    let write = match write {
                        // Their own, whoever may create one here.
                        Write::CreateResource { account, name, parent, .. } => Write::CreateResource {
                            account,
                            name,
                            parent,
                            creator: actor.user().map(str::to_owned),
                        },
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
            Err(status) => {
                Some(Class::of(&expect::reason(status)).ok_or_else(|| format!("  unexpected: {status:?}"))?)
            }
        };
        writeln!(self.log, "    {}", found.map_or("done".to_owned(), |class| format!("{class:?}")))
            .expect("memory");
        *self.seen.writes.entry(found).or_default() += 1;
        let agree = found.map_or(faults.is_empty(), |class| faults.contains(&class));
        if !agree {
            let message =
                outcome.as_ref().err().map(|status| status.message().to_owned()).unwrap_or_default();
            return Err(format!(
                "the model finds these faults: {faults:?}; the service: {found:?} {message}"
            ));
        }
        Ok(outcome.ok().inspect(|new| self.world.apply(&write, new)))
    }
}

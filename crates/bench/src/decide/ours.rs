//! Mandate's `decide` on facts that are at hand.

use anyhow::{Context as _, anyhow};
use mandate_domain::decide::{Question, decide};
use mandate_domain::facts::{AccountFact, MemberFact, UserFact};
use mandate_domain::policy::model::Policy;
use mandate_domain::policy::set::PermissionId;
use mandate_domain::policy::{self};

use super::Engine;
use crate::check::world::World;
use crate::facts::{HELD_BY_ALL, OWNER, POLICY, account, membership, user};
use crate::peers::Probe;

/// The policy of all accounts.
///
/// # Errors
/// The program was built without it.
pub(super) fn policy() -> anyhow::Result<Policy> {
    let found = policy::builtin().iter().find(|(name, _)| *name == POLICY);
    let (name, source) = found.with_context(|| format!("no policy {POLICY}"))?;
    policy::compile(name, source).map_err(|mistakes| anyhow!("{name}: {} mistakes", mistakes.len()))
}

/// All facts, where they need not be looked for.
pub(super) struct AtHand {
    world: World,
    policy: Policy,
    view: PermissionId,
    accounts: Vec<AccountFact>,
    users: Vec<UserFact>,
    members: Vec<MemberFact>,
    /// Of whoever owns all accounts.
    owner: MemberFact,
}

impl AtHand {
    /// Compiles them.
    ///
    /// # Errors
    /// The policy has no such names.
    pub(super) fn new(world: World) -> anyhow::Result<Self> {
        let policy = policy()?;
        let member = |number| {
            let (account, user) = world.membership(number);
            MemberFact::new(&policy, &membership(account, user, crate::facts::MEMBER))
        };
        Ok(Self {
            view: policy.permission_id(HELD_BY_ALL).context(HELD_BY_ALL)?,
            accounts: (0..world.accounts())
                .map(|number| AccountFact::new(&policy, &account(number, None)))
                .collect(),
            users: (0..=world.users()).map(|number| UserFact::from(&user(number, Vec::new()))).collect(),
            members: (0..world.memberships).map(member).collect(),
            owner: MemberFact::new(&policy, &membership(0, world.users(), OWNER)),
            world,
            policy,
        })
    }

    fn question<'a>(
        &'a self,
        account: u64,
        user: u64,
        member: Option<&'a MemberFact>,
        permission: Option<PermissionId>,
    ) -> anyhow::Result<Question<'a>> {
        Ok(Question {
            policy: Some(&self.policy),
            account: self.accounts.get(usize::try_from(account)?),
            subject: self.users.get(usize::try_from(user)?),
            member,
            permission,
            resource: None,
        })
    }
}

impl Engine for AtHand {
    fn name(&self) -> &'static str {
        "decide"
    }

    fn memberships(&self) -> u64 {
        self.world.memberships
    }

    fn decide(&mut self, number: u64) -> anyhow::Result<bool> {
        let number = number % self.world.memberships;
        let (account, user) = self.world.membership(number);
        let member = self.members.get(usize::try_from(number)?);
        let question = self.question(account, user, member, Some(self.view))?;
        Ok(decide(std::hint::black_box(&question)).allowed())
    }

    fn probe(&mut self, probe: Probe) -> anyhow::Result<bool> {
        let Probe { account, user, permission, role, .. } = probe;
        let is_this = |number: &u64| self.world.membership(*number) == (account, user);
        let member = match role {
            Some(OWNER) => Some(&self.owner),
            _ => match (0..self.world.memberships).find(is_this) {
                Some(number) => self.members.get(usize::try_from(number)?),
                None => None,
            },
        };
        let permission = self.policy.permission_id(permission);
        Ok(decide(&self.question(account, user, member, permission)?).allowed())
    }
}

//! casbin: its model of roles in domains, an account being a domain.

use anyhow::Context as _;
use casbin::{CoreApi as _, DefaultModel, Enforcer, MgmtApi as _};

use super::Engine;
use super::rules::rules;
use crate::check::world::World;
use crate::facts::{HELD_BY_ALL, MEMBER, OWNER, account_id, user_id};
use crate::peers::Probe;

/// casbin's own example of roles in domains, without an object, and with the cheap comparison first.
const MODEL: &str = "
[request_definition]
r = sub, dom, act
[policy_definition]
p = sub, act
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.act == p.act && g(r.sub, p.sub, r.dom)
";

/// The engine, and its questions as text, made beforehand: user and account.
pub(super) struct Casbin {
    world: World,
    enforcer: Enforcer,
    questions: Vec<(String, String)>,
}

impl Casbin {
    /// Tells it the policy and the memberships.
    ///
    /// # Errors
    /// What it has to say about them.
    pub(super) async fn new(world: World) -> anyhow::Result<Self> {
        let mut enforcer = Enforcer::new(DefaultModel::from_str(MODEL).await?, ()).await?;
        // Once at the end, and not after each.
        enforcer.enable_auto_build_role_links(false);
        let policy = super::ours::policy()?;
        for one in rules(&policy) {
            let rule = |name: &&str| vec![one.role.to_owned(), (*name).to_owned()];
            enforcer.add_policies(one.permissions.iter().map(rule).collect()).await?;
        }
        let row = |user: u64, role: &str, account: u64| {
            vec![user_id(user).to_string(), role.to_owned(), account_id(account).to_string()]
        };
        let members = (0..world.memberships).map(|number| {
            let (account, user) = world.membership(number);
            row(user, MEMBER, account)
        });
        let owners = (0..world.accounts()).map(|account| row(world.users(), OWNER, account));
        enforcer.add_grouping_policies(members.chain(owners).collect()).await?;
        enforcer.build_role_links()?;
        let question = |number| {
            let (account, user) = world.asked(number);
            (user_id(user).to_string(), account_id(account).to_string())
        };
        Ok(Self { world, enforcer, questions: (0..world.memberships).map(question).collect() })
    }
}

impl Engine for Casbin {
    fn name(&self) -> &'static str {
        "casbin"
    }

    fn memberships(&self) -> u64 {
        self.world.memberships
    }

    fn decide(&mut self, number: u64) -> anyhow::Result<bool> {
        let index = usize::try_from(number % self.world.memberships)?;
        let (user, account) = self.questions.get(index).context("a question")?;
        Ok(self.enforcer.enforce((user.as_str(), account.as_str(), HELD_BY_ALL))?)
    }

    fn probe(&mut self, probe: Probe) -> anyhow::Result<bool> {
        let (user, account) = (user_id(probe.user).to_string(), account_id(probe.account).to_string());
        Ok(self.enforcer.enforce((user, account, probe.permission))?)
    }
}

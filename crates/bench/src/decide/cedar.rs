//! cedar-policy: a policy for each role, and entities that say who is in which role of which account.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use anyhow::Context as _;
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
    RestrictedExpression,
};
use mandate_domain::policy::model::Policy;

use super::Engine;
use super::rules::rules;
use crate::check::world::World;
use crate::facts::{HELD_BY_ALL, MEMBER, OWNER, account_id, user_id};
use crate::peers::Probe;

/// The engine, all it knows, and its questions, made beforehand.
pub(super) struct Cedar {
    world: World,
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
    requests: Vec<Request>,
}

/// The types of entities.
struct Types {
    user: EntityTypeName,
    account: EntityTypeName,
    role: EntityTypeName,
    action: EntityTypeName,
}

impl Cedar {
    /// Tells it the policy and the memberships.
    ///
    /// # Errors
    /// What it has to say about them.
    pub(super) fn new(world: World) -> anyhow::Result<Self> {
        let types = Types::new()?;
        let policies = policies(&super::ours::policy()?)?;
        let entities = Entities::from_entities(types.entities(world)?, None)?;
        let asked = |number| {
            let (account, user) = world.asked(number);
            types.request(account, user, HELD_BY_ALL)
        };
        let requests = (0..world.memberships).map(asked).collect::<anyhow::Result<_>>()?;
        Ok(Self { world, authorizer: Authorizer::new(), policies, entities, requests })
    }

    fn answer(&self, request: &Request) -> bool {
        self.authorizer.is_authorized(request, &self.policies, &self.entities).decision() == Decision::Allow
    }
}

/// One `permit` for each role: whoever is in this role of the account may do what the role holds.
fn policies(policy: &Policy) -> anyhow::Result<PolicySet> {
    let mut text = String::new();
    for one in rules(policy) {
        let actions: Vec<_> = one.permissions.iter().map(|name| format!("Action::\"{name}\"")).collect();
        let (role, actions) = (one.role, actions.join(", "));
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "permit(principal, action in [{actions}], resource) when {{ principal in resource.{role} }};"
        );
    }
    text.parse().context("the policy in Cedar's language")
}

impl Types {
    fn new() -> anyhow::Result<Self> {
        let name = |name: &str| name.parse::<EntityTypeName>().with_context(|| name.to_owned());
        Ok(Self {
            user: name("User")?,
            account: name("Account")?,
            role: name("Role")?,
            action: name("Action")?,
        })
    }

    fn user(&self, number: u64) -> EntityUid {
        EntityUid::from_type_name_and_id(self.user.clone(), EntityId::new(user_id(number).to_string()))
    }

    fn account(&self, number: u64) -> EntityUid {
        EntityUid::from_type_name_and_id(self.account.clone(), EntityId::new(account_id(number).to_string()))
    }

    fn role(&self, account: u64, role: &str) -> EntityUid {
        let id = EntityId::new(format!("{}/{role}", account_id(account)));
        EntityUid::from_type_name_and_id(self.role.clone(), id)
    }

    fn request(&self, account: u64, user: u64, permission: &str) -> anyhow::Result<Request> {
        let action = EntityUid::from_type_name_and_id(self.action.clone(), EntityId::new(permission));
        Ok(Request::new(self.user(user), action, self.account(account), Context::empty(), None)?)
    }

    /// Users below the roles they hold, and accounts that name their roles.
    fn entities(&self, world: World) -> anyhow::Result<Vec<Entity>> {
        let mut roles_of: HashMap<u64, HashSet<EntityUid>> = HashMap::new();
        for number in 0..world.memberships {
            let (account, user) = world.membership(number);
            roles_of.entry(user).or_default().insert(self.role(account, MEMBER));
        }
        let mut entities = Vec::new();
        for account in 0..world.accounts() {
            roles_of.entry(world.users()).or_default().insert(self.role(account, OWNER));
            let role = |name: &str| {
                (name.to_owned(), RestrictedExpression::new_entity_uid(self.role(account, name)))
            };
            let attributes = HashMap::from([role(MEMBER), role(OWNER)]);
            entities.push(Entity::new(self.account(account), attributes, HashSet::new())?);
            for name in [MEMBER, OWNER] {
                entities.push(Entity::new_no_attrs(self.role(account, name), HashSet::new()));
            }
        }
        entities
            .extend(roles_of.into_iter().map(|(user, roles)| Entity::new_no_attrs(self.user(user), roles)));
        Ok(entities)
    }
}

impl Engine for Cedar {
    fn name(&self) -> &'static str {
        "cedar"
    }

    fn memberships(&self) -> u64 {
        self.world.memberships
    }

    fn decide(&mut self, number: u64) -> anyhow::Result<bool> {
        let index = usize::try_from(number % self.world.memberships)?;
        Ok(self.answer(self.requests.get(index).context("a question")?))
    }

    fn probe(&mut self, probe: Probe) -> anyhow::Result<bool> {
        Ok(self.answer(&Types::new()?.request(probe.account, probe.user, probe.permission)?))
    }
}

//! The account a command happens in and the actor's standing there, compiled so that the rules can be asked.

use super::Context;
use crate::account::{Account, AccountState};
use crate::authorize::authorize;
use crate::command::Actor;
use crate::decide::{Question, Reason, Target};
use crate::delegation::{Powers, Towards};
use crate::facts::{AccountFact, AssignmentFact, MemberFact, UserFact};
use crate::id::{AccountId, UserId};
use crate::membership::{MemberState, Membership};
use crate::operation::{Operation, ResourceOperation};
use crate::policy::model::{Delegation, Needs, OperationRule, Policy, ResourceType};
use crate::policy::set::{Mask, PermissionId, ResourceTypeId};
use crate::records::Stop;
use crate::refusal::Refusal;
use crate::resource::ResourceRef;
use crate::user::{User, UserState};

/// An account, its policy, and the actor in it.
pub(super) struct Scene<'a> {
    pub(super) context: Context<'a>,
    pub(super) account: &'a Account,
    pub(super) policy: &'a Policy,
    pub(super) fact: AccountFact,
    actor: Option<ActorFacts>,
}

struct ActorFacts {
    id: UserId,
    user: Option<UserFact>,
    member: Option<MemberFact>,
}

/// A resource that a command is about, with the actor's assignments to it and to what it lives in.
pub(super) struct Place<'a> {
    pub(super) id: ResourceTypeId,
    pub(super) kind: &'a ResourceType,
    registered: bool,
    created_by_actor: bool,
    chain: Vec<AssignmentFact>,
}

impl<'a> Scene<'a> {
    /// Reads the account and the actor's standing in it.
    pub(super) fn of(context: Context<'a>, operation: &str, id: AccountId) -> Result<Self, Stop> {
        let actor = match context.actor {
            Actor::Person { user, .. } => Some(*user),
            Actor::Operator { .. } => None,
            Actor::Service { .. } => return Err(operators_only(operation).into()),
        };
        let account = context.records.account(id)?;
        let account = account.ok_or_else(|| match actor {
            Some(_) => denied(operation, Reason::UnknownAccount),
            None => Refusal::NotFound { what: "account", id: id.to_string() },
        })?;
        let policy = context.policies.get(&account.policy).ok_or_else(|| no_policy(account))?;
        let actor = match actor {
            None => None,
            Some(user) => Some(ActorFacts {
                id: user,
                user: context.records.user(user)?.map(UserFact::from),
                member: context.records.membership(id, user)?.map(|m| MemberFact::new(policy, m)),
            }),
        };
        Ok(Self { context, account, policy, fact: AccountFact::new(policy, account), actor })
    }

    /// Whether the actor may carry out an operation; what the policy says of it.
    pub(super) fn authorize(&self, operation: Operation) -> Result<Option<&'a OperationRule>, Stop> {
        let rule = self.policy.operations.get(&operation);
        self.judge(operation.name(), rule, None)?;
        Ok(rule)
    }

    /// Whether the actor may carry out an operation on a resource, or (without one) on the type.
    pub(super) fn authorize_on(&self, operation: ResourceOperation, kind: &ResourceType, place: Option<&Place<'_>>) -> Result<(), Stop> {
        let name = format!("{}.{}", kind.name, operation.name());
        Ok(self.judge(&name, kind.operations.get(&operation), place)?)
    }

    /// Whether the actor holds a permission that something other than an operation asks for.
    pub(super) fn authorize_permission(&self, what: &str, id: PermissionId) -> Result<(), Refusal> {
        let rule = OperationRule { needs: Needs::Permission(id), requires: Mask::EMPTY, at_most: Vec::new() };
        self.judge(what, Some(&rule), None)
    }

    /// Whether the actor has any standing in the account; operators always do.
    pub(super) fn belongs(&self) -> Result<(), Refusal> {
        let anyone = OperationRule { needs: Needs::AnyMember, requires: Mask::EMPTY, at_most: Vec::new() };
        self.judge("account", Some(&anyone), None)
    }

    fn judge(&self, name: &str, rule: Option<&OperationRule>, place: Option<&Place<'_>>) -> Result<(), Refusal> {
        let Some(actor) = &self.actor else { return self.operator_may(name, rule) };
        let question = Question {
            policy: Some(self.policy),
            account: Some(&self.fact),
            subject: actor.user.as_ref(),
            member: actor.member.as_ref(),
            permission: None,
            resource: place.map(|place| Target {
                resource_type: Some(place.id),
                registered: place.registered,
                created_by_subject: place.created_by_actor,
                assignments: &place.chain,
            }),
        };
        authorize(self.policy, name, rule, &question)
    }

    /// Operators need no permission, but what the account must meet binds them too.
    fn operator_may(&self, name: &str, rule: Option<&OperationRule>) -> Result<(), Refusal> {
        if self.fact.state == AccountState::Deleted {
            return Err(Refusal::WrongState(format!("account {} was deleted", self.account.id)));
        }
        rule.map_or(Ok(()), |rule| crate::authorize::require(self.policy, name, rule.requires, self.fact.unmet))
    }

    /// What the actor may hand out to and take back from somebody; `None`: a platform operator may do it all.
    pub(super) fn powers(&self, towards: Towards, place: Option<&Place<'_>>) -> Option<Powers> {
        let actor = self.actor.as_ref()?;
        let roles = actor.member.filter(|m| m.state == MemberState::Active).map(|m| m.roles.difference(self.fact.idle_roles));
        let by_role = roles.into_iter().flat_map(|mask| mask.iter()).filter_map(|i| self.policy.roles.get(usize::from(i)));
        let by_place = place.into_iter().flat_map(|place| self.place_rules(place));
        let rules = by_role.flat_map(|role| &role.delegation).chain(self.group_rules(actor)).chain(by_place);
        Some(Powers::of(rules, towards))
    }

    fn group_rules(&self, actor: &ActorFacts) -> Vec<&'a Delegation> {
        let Some(groups) = &self.policy.groups else { return Vec::new() };
        let seats = actor.user.iter().flat_map(|user| &user.seats);
        seats
            .filter(|seat| self.fact.groups.contains(&seat.group))
            .filter_map(|seat| groups.role_id(&seat.role))
            .filter(|id| !self.fact.idle_group_roles.contains(id.0))
            .filter_map(|id| groups.role(id))
            .flat_map(|role| &role.role.delegation)
            .collect()
    }

    fn place_rules(&self, place: &Place<'_>) -> Vec<&'a Delegation> {
        let mut rules = Vec::new();
        for assignment in &place.chain {
            let index = usize::from(assignment.resource_type.0);
            let idle = self.fact.idle_resource_roles.get(index).copied().unwrap_or_default();
            let Some(kind) = self.policy.resource_types.get(index) else { continue };
            let held = assignment.roles.difference(idle);
            rules.extend(held.iter().filter_map(|i| kind.roles.get(usize::from(i))).flat_map(|role| &role.delegation));
        }
        rules
    }

    /// The resource a command is about; `None`: the policy has no such type.
    pub(super) fn place(&self, resource: &ResourceRef) -> Result<Option<Place<'a>>, Stop> {
        let Some(id) = self.policy.resource_type_id(&resource.kind) else { return Ok(None) };
        let Some(kind) = self.policy.resource_type(id) else { return Ok(None) };
        let stored = self.context.records.resource(self.account.id, resource)?;
        let mut chain = Vec::new();
        if let Some(actor) = &self.actor {
            let ancestors = stored.iter().flat_map(|found| &found.ancestors);
            for place in std::iter::once(resource).chain(ancestors) {
                let assignment = self.context.records.assignment(self.account.id, actor.id, place)?;
                chain.extend(assignment.and_then(|found| AssignmentFact::new(self.policy, found)));
            }
        }
        let creator = stored.and_then(|found| found.created_by);
        let created_by_actor = creator.is_some() && creator == self.context.actor.user();
        Ok(Some(Place { id, kind, registered: stored.is_some(), created_by_actor, chain }))
    }

    /// How rules see the person a command is about.
    pub(super) fn towards(&self, user: UserId, membership: Option<&Membership>) -> Towards {
        if self.context.actor.user() == Some(user) {
            return Towards::Oneself;
        }
        Towards::Member(membership.map_or_else(Default::default, |m| MemberFact::new(self.policy, m).roles))
    }

    /// The membership a command is about.
    pub(super) fn member(&self, user: UserId) -> Result<&'a Membership, Stop> {
        let found = self.context.records.membership(self.account.id, user)?;
        Ok(found.ok_or_else(|| Refusal::NotFound { what: "member", id: user.to_string() })?)
    }
}

/// An active user.
pub(super) fn active_user<'a>(context: Context<'a>, id: UserId) -> Result<&'a User, Stop> {
    let user = context.records.user(id)?;
    let user = user.ok_or_else(|| Refusal::NotFound { what: "user", id: id.to_string() })?;
    match user.state {
        UserState::Active => Ok(user),
        UserState::Suspended => Err(Refusal::WrongState(format!("user {id} is suspended")).into()),
    }
}

pub(super) fn denied(operation: &str, reason: Reason) -> Refusal {
    Refusal::Denied { operation: operation.to_owned(), permission: None, reason }
}

pub(super) fn operators_only(operation: &str) -> Refusal {
    denied(operation, Reason::NotGranted)
}

fn no_policy(account: &Account) -> Refusal {
    Refusal::WrongState(format!("the policy \"{}\" of account {} is not loaded", account.policy, account.id))
}

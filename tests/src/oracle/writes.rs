//! What each write needs, and what it does.

use std::collections::BTreeMap;

use super::judge::{Actor, Class, Faults, carries, covered, fault, without};
use super::limits::worsened;
use super::may::has;
use super::policy::{Operation, ResourceType, Value};
use super::roles::{Carried, Role};
use super::world::{Account, AccountState, Assignment, Member, MemberState, Ref, Resource, World};

/// A write, every name as the call sends it.
#[derive(Debug, Clone)]
pub enum Write {
    /// `CreateUser`.
    CreateUser { email: String },
    /// `CreateAccount`.
    CreateAccount { policy: String, first: String, attributes: BTreeMap<String, Value> },
    /// `UpdateAccount`: attributes to set, or to unset.
    UpdateAccount { account: String, attributes: BTreeMap<String, Option<Value>> },
    /// `SuspendAccount`.
    SuspendAccount { account: String },
    /// `ReinstateAccount`.
    ReinstateAccount { account: String },
    /// `DeleteAccount`.
    DeleteAccount { account: String },
    /// `AddMember`.
    AddMember { account: String, member: Member, assignments: Vec<Assignment> },
    /// `UpdateMember`: what is given replaces what is there.
    UpdateMember {
        account: String,
        user: String,
        roles: Option<Vec<String>>,
        grants: Option<Vec<String>>,
        restrictions: Option<Vec<String>>,
    },
    /// `SuspendMember`.
    SuspendMember { account: String, user: String },
    /// `ReinstateMember`.
    ReinstateMember { account: String, user: String },
    /// `RemoveMember`.
    RemoveMember { account: String, user: String },
    /// `CreateResource`.
    CreateResource { account: String, name: Ref, parent: Option<Ref>, creator: Option<String> },
    /// `DeleteResource`.
    DeleteResource { account: String, name: Ref },
    /// `AssignResource`.
    Assign { account: String, assignment: Assignment },
    /// `UnassignResource`.
    Unassign { account: String, user: String, resource: Ref },
    /// `CreateAccountGroup`.
    CreateGroup { accounts: Vec<String>, founder: String },
    /// `AddAccountGroupUser`.
    AddGroupUser { group: String, user: String, role: String },
    /// `RemoveAccountGroupUser`.
    RemoveGroupUser { group: String, user: String },
}

/// Stands for the id that the service has not given yet.
pub(super) const NEW: &str = "new";

impl World {
    /// Everything that is wrong with a write; empty: it succeeds.
    pub fn faults(&self, actor: &Actor, write: &Write) -> Faults {
        let faults = self.own_faults(actor, write);
        if !faults.is_empty() {
            return faults;
        }
        let mut after = self.clone();
        after.apply(actor, write, NEW);
        worsened(self, &after)
    }

    /// What is wrong with it by itself, limits aside.
    fn own_faults(&self, actor: &Actor, write: &Write) -> Faults {
        match write {
            Write::CreateUser { email } => match actor {
                Actor::Person(_) => fault(Class::Permission),
                Actor::Operator if self.users.iter().any(|user| user.email == *email) => fault(Class::Exists),
                Actor::Operator => Faults::new(),
            },
            Write::CreateAccount { policy, first, attributes } => {
                self.create_account(actor, policy, first, attributes)
            }
            Write::UpdateAccount { account, attributes } => self.update_account(actor, account, attributes),
            Write::SuspendAccount { account } | Write::ReinstateAccount { account } => match actor {
                Actor::Person(_) => fault(Class::Permission),
                Actor::Operator => self.denied(actor, account, None, None),
            },
            Write::DeleteAccount { account } => {
                let denied = self.denied(actor, account, self.operation(account, "account.delete"), None);
                let grouped = || self.account(account).is_some_and(|account| !account.groups.is_empty());
                if denied.is_empty() && grouped() { fault(Class::State) } else { denied }
            }
            Write::AddMember { account, member, assignments } => {
                self.add_member(actor, account, member, assignments)
            }
            Write::UpdateMember { account, user, roles, grants, restrictions } => {
                self.update_member(actor, account, user, [roles, grants, restrictions])
            }
            Write::SuspendMember { account, user } | Write::ReinstateMember { account, user } => {
                self.end_or_pause(actor, account, user, "member.suspend")
            }
            Write::RemoveMember { account, user } => self.remove_member(actor, account, user),
            Write::CreateResource { account, name, parent, creator } => {
                self.create_resource(actor, account, name, parent.as_ref(), creator.as_deref())
            }
            Write::DeleteResource { account, name } => {
                let denied = self.denied_on(actor, account, name, "delete");
                let found = self.account(account);
                match found.filter(|_| denied.is_empty()) {
                    None => denied,
                    Some(found) if found.resource(name).is_none() => fault(Class::NotFound),
                    Some(found)
                        if found.resources.iter().any(|inner| inner.parent.as_ref() == Some(name)) =>
                    {
                        fault(Class::State)
                    }
                    Some(_) => Faults::new(),
                }
            }
            Write::Assign { account, assignment } => {
                let denied = self.denied_on(actor, account, &assignment.resource, "assign");
                match self.account(account).filter(|_| denied.is_empty()) {
                    None => denied,
                    Some(found) if found.member(&assignment.user).is_none() => fault(Class::NotFound),
                    Some(found) => self.assign(actor, found, assignment),
                }
            }
            Write::Unassign { account, user, resource } => self.unassign(actor, account, user, resource),
            Write::CreateGroup { accounts, founder } => self.create_group(actor, accounts, founder),
            Write::AddGroupUser { group, user, role } => self.add_group_user(actor, group, user, role),
            Write::RemoveGroupUser { group, user } => self.remove_group_user(actor, group, user),
        }
    }

    fn operation(&self, account: &str, name: &str) -> Option<&Operation> {
        self.account(account).and_then(|account| self.policy(account).operations.get(name))
    }

    fn create_account(
        &self,
        actor: &Actor,
        policy: &str,
        first: &str,
        attributes: &BTreeMap<String, Value>,
    ) -> Faults {
        let Some(policy) = self.policies.get(policy) else { return fault(Class::Invalid) };
        let born = |name: &str| policy.roles.values().any(|role| role.at_birth && has(&role.may, name));
        let mut faults = Faults::new();
        for (name, value) in attributes {
            let found = policy.attributes.get(name);
            let settable = match actor {
                Actor::Operator => true,
                Actor::Person(_) => found.is_some_and(|found| found.changed_by.as_deref().is_some_and(born)),
            };
            if !settable || !found.is_some_and(|found| fits(&found.kind, &found.choices, value)) {
                faults.insert(Class::Invalid);
            }
        }
        if actor.user().is_some_and(|actor| actor != first) {
            faults.insert(Class::Invalid);
        }
        faults
    }

    fn update_account(
        &self,
        actor: &Actor,
        id: &str,
        attributes: &BTreeMap<String, Option<Value>>,
    ) -> Faults {
        let mut faults = self.denied(actor, id, self.operation(id, "account.update"), None);
        let Some(account) = self.account(id).filter(|_| faults.is_empty()) else { return faults };
        let policy = self.policy(account);
        for (name, value) in attributes {
            let Some(attribute) = policy.attributes.get(name) else {
                faults.insert(Class::Invalid);
                continue;
            };
            if value.as_ref().is_some_and(|value| !fits(&attribute.kind, &attribute.choices, value)) {
                faults.insert(Class::Invalid);
                continue;
            }
            let Some(user) = actor.user().filter(|_| account.attributes.get(name) != value.as_ref()) else {
                continue;
            };
            match &attribute.changed_by {
                None => faults.extend([Class::Permission]),
                Some(permission) => faults.extend(self.lacks(id, user, permission, None)),
            }
            let rank = |value: Option<&Value>| match value.or(attribute.default.as_ref()) {
                Some(Value::Text(word)) => attribute.choices.iter().position(|choice| choice == word),
                _ => None,
            };
            if attribute.only_upwards && rank(value.as_ref()) < rank(account.attributes.get(name)) {
                faults.insert(Class::State);
            }
        }
        faults
    }

    fn add_member(&self, actor: &Actor, id: &str, member: &Member, assignments: &[Assignment]) -> Faults {
        let operation = self.operation(id, "member.add");
        let mut faults = self.denied(actor, id, operation, None);
        let Some(account) = self.account(id).filter(|_| faults.is_empty()) else { return faults };
        let count = |kind: &str| assignments.iter().filter(|wanted| wanted.resource.0 == kind).count();
        if operation.is_some_and(|operation| operation.at_most.iter().any(|(kind, most)| count(kind) > *most))
        {
            faults.insert(Class::Invalid);
        }
        if account.member(&member.user).is_some() {
            faults.insert(Class::Exists);
        }
        faults.extend(self.fit(account, member));
        let target = self.target(actor, account, &member.user);
        if let Some(rules) = self.rules(actor, account, &target, None)
            && !(covered(&member.roles, &rules, |rule| &rule.give)
                && covered(&member.grants, &rules, |rule| &rule.grant)
                && covered(&member.restrictions, &rules, |rule| &rule.restrict))
        {
            faults.insert(Class::Delegation);
        }
        for wanted in assignments {
            let denied = self.denied_on(actor, id, &wanted.resource, "assign");
            faults.extend(if denied.is_empty() { self.assign(actor, account, wanted) } else { denied });
        }
        faults
    }

    fn update_member(&self, actor: &Actor, id: &str, user: &str, new: [&Option<Vec<String>>; 3]) -> Faults {
        let mut faults = self.denied(actor, id, self.operation(id, "member.update"), None);
        let Some(account) = self.account(id).filter(|_| faults.is_empty()) else { return faults };
        let Some(before) = account.member(user) else { return fault(Class::NotFound) };
        let after = updated(before, new);
        faults.extend(self.fit(account, &after));
        let Some(rules) = self.rules(actor, account, &self.target(actor, account, user), None) else {
            return faults;
        };
        let may = covered(&without(&after.roles, &before.roles), &rules, |rule| &rule.give)
            && covered(&without(&before.roles, &after.roles), &rules, |rule| &rule.take)
            && covered(&without(&after.grants, &before.grants), &rules, |rule| &rule.grant)
            && covered(&without(&before.grants, &after.grants), &rules, |rule| &rule.withdraw)
            && covered(&without(&after.restrictions, &before.restrictions), &rules, |rule| &rule.restrict)
            && covered(&without(&before.restrictions, &after.restrictions), &rules, |rule| &rule.lift);
        if !may {
            faults.insert(Class::Delegation);
        }
        faults
    }

    /// Whether roles, grants and restrictions go together in this account.
    fn fit(&self, account: &Account, member: &Member) -> Faults {
        let policy = self.policy(account);
        let roles: Vec<&Role> = member.roles.iter().filter_map(|name| policy.roles.get(name)).collect();
        let fits = member.roles.iter().all(|name| policy.roles.contains_key(name))
            && roles.iter().any(|role| role.stands_alone)
            && one_of_each(&roles)
            && member.grants.iter().all(|name| roles.iter().any(|role| has(&role.grantable, name)))
            && member.restrictions.iter().all(|name| roles.iter().any(|role| has(&role.restrictable, name)));
        let met = roles.iter().all(|role| policy.met(&role.requires, &account.attributes));
        let faults = [(fits, Class::Invalid), (met, Class::Requirement)];
        faults.into_iter().filter(|(fine, _)| !fine).map(|(_, class)| class).collect()
    }

    fn end_or_pause(&self, actor: &Actor, id: &str, user: &str, operation: &str) -> Faults {
        let denied = self.denied(actor, id, self.operation(id, operation), None);
        let Some(account) = self.account(id).filter(|_| denied.is_empty()) else { return denied };
        if account.member(user).is_none() {
            return fault(Class::NotFound);
        }
        match self.rules(actor, account, &self.target(actor, account, user), None) {
            Some(rules) if !rules.iter().any(|rule| rule.remove) => fault(Class::Delegation),
            _ => Faults::new(),
        }
    }

    /// Everybody who may leave may; others need a rule.
    fn remove_member(&self, actor: &Actor, id: &str, user: &str) -> Faults {
        if actor.user() != Some(user) {
            return self.end_or_pause(actor, id, user, "member.remove");
        }
        let operation = self.operation(id, "member.leave");
        let denied = self.denied(actor, id, operation, None);
        if operation.is_none() && denied == fault(Class::Permission) {
            return fault(Class::SelfRemoval);
        }
        match self.account(id).filter(|_| denied.is_empty()) {
            Some(account) if account.member(user).is_none() => fault(Class::NotFound),
            _ => denied,
        }
    }

    /// What keeps the actor from an operation on a resource; who may do it on all of them learns which there are.
    fn denied_on(&self, actor: &Actor, id: &str, name: &Ref, operation: &str) -> Faults {
        let standing = self.denied(actor, id, None, None);
        let Some(account) =
            self.account(id).filter(|_| standing.is_empty() || standing == fault(Class::Permission))
        else {
            return standing;
        };
        let Some(kind) = self.policy(account).types.get(&name.0) else { return fault(Class::Invalid) };
        let operation = kind.operations.get(operation);
        if kind.free || account.resource(name).is_some() {
            return self.denied(actor, id, operation, Some(name));
        }
        let denied = self.denied(actor, id, operation, None);
        if denied.is_empty() { fault(Class::NotFound) } else { denied }
    }

    fn create_resource(
        &self,
        actor: &Actor,
        id: &str,
        name: &Ref,
        parent: Option<&Ref>,
        creator: Option<&str>,
    ) -> Faults {
        let standing = self.denied(actor, id, None, None);
        let Some(account) =
            self.account(id).filter(|_| standing.is_empty() || standing == fault(Class::Permission))
        else {
            return standing;
        };
        let policy = self.policy(account);
        let Some(kind) = policy.types.get(&name.0) else { return fault(Class::Invalid) };
        let operation = kind.operations.get("create");
        let about = operation.and_then(|operation| policy.about.get(&operation.needs));
        let asked_on = parent.filter(|parent| about.is_some_and(|about| about.contains(&parent.0)));
        let mut faults = self.denied(actor, id, operation, asked_on);
        let there =
            asked_on.is_none_or(|parent| policy.types[&parent.0].free || account.resource(parent).is_some());
        if !faults.is_empty() && there {
            return faults;
        }
        let fits = match (&kind.parent, parent) {
            (None, None) => true,
            (Some(wanted), Some(parent)) => {
                parent.0 == *wanted && (policy.types[wanted].free || account.resource(parent).is_some())
            }
            _ => false,
        };
        let forged = actor.user().is_some_and(|actor| creator.is_some_and(|creator| creator != actor));
        if kind.free || !fits || forged {
            faults.insert(Class::Invalid);
        }
        if account.resource(name).is_some() {
            faults.insert(Class::Exists);
        }
        let born = kind.roles.values().any(|role| role.at_birth);
        if born && actor.user().is_none() && creator.is_some_and(|creator| account.member(creator).is_none())
        {
            faults.insert(Class::NotFound);
        }
        faults
    }

    /// What is wrong with what an assignment is to carry.
    fn assign(&self, actor: &Actor, account: &Account, wanted: &Assignment) -> Faults {
        let policy = self.policy(account);
        let kind: &ResourceType = &policy.types[&wanted.resource.0];
        let roles: Vec<&Role> = wanted.roles.iter().filter_map(|name| kind.roles.get(name)).collect();
        let needs_one = kind.roles.values().any(|role| role.stands_alone);
        let fits = wanted.roles.iter().all(|name| kind.roles.contains_key(name))
            && wanted.permissions.iter().all(|name| has(&kind.assignable, name))
            && one_of_each(&roles)
            && !(roles.is_empty() && needs_one);
        let met = roles.iter().all(|role| policy.met(&role.requires, &account.attributes));
        let target = self.target(actor, account, &wanted.user);
        let delegated = self.rules(actor, account, &target, Some(&wanted.resource)).is_none_or(|rules| {
            let none = Assignment { roles: Vec::new(), permissions: Vec::new(), ..wanted.clone() };
            let before = account.assignment(&wanted.user, &wanted.resource).unwrap_or(&none);
            let less = difference(before, wanted);
            carries(&difference(wanted, before), &rules, |rule| &rule.assign)
                && (less.roles.is_empty() && less.permissions.is_empty()
                    || carries(&less, &rules, |rule| &rule.unassign))
        });
        let faults = [(fits, Class::Invalid), (met, Class::Requirement), (delegated, Class::Delegation)];
        faults.into_iter().filter(|(fine, _)| !fine).map(|(_, class)| class).collect()
    }

    fn unassign(&self, actor: &Actor, id: &str, user: &str, resource: &Ref) -> Faults {
        let denied = self.denied_on(actor, id, resource, "unassign");
        let Some(account) = self.account(id).filter(|_| denied.is_empty()) else { return denied };
        let Some(before) = account.assignment(user, resource) else { return fault(Class::NotFound) };
        let load = Carried {
            kind: resource.0.clone(),
            roles: before.roles.clone(),
            permissions: before.permissions.clone(),
        };
        match self.rules(actor, account, &self.target(actor, account, user), Some(resource)) {
            Some(rules) if !carries(&load, &rules, |rule| &rule.unassign) => fault(Class::Delegation),
            _ => Faults::new(),
        }
    }

    fn create_group(&self, actor: &Actor, accounts: &[String], founder: &str) -> Faults {
        let policy = accounts.first().and_then(|id| self.account(id)).map(|account| account.policy.clone());
        let eligible = |id: &String| {
            let account = self.account(id)?;
            let groups = self.policy(account).groups.as_ref()?;
            let member =
                account.member(founder).filter(|member| member.active() && member.has(&groups.founder))?;
            (Some(&account.policy) == policy.as_ref() && account.state == AccountState::Active)
                .then_some(member)
        };
        let fine = !accounts.is_empty()
            && accounts.iter().all(|id| eligible(id).is_some())
            && actor.user().is_none_or(|actor| actor == founder);
        if fine { Faults::new() } else { fault(Class::Invalid) }
    }

    /// The group's roles and the actor's own among them; or why the actor may not even ask.
    fn in_group(
        &self,
        actor: &Actor,
        group: &str,
    ) -> Result<(&BTreeMap<String, Role>, Option<&Role>), Class> {
        let found = self.groups.iter().find(|(id, _)| id == group);
        let roles =
            found.and_then(|(_, policy)| self.policies[policy].groups.as_ref()).map(|groups| &groups.roles);
        match (actor, roles) {
            (Actor::Operator, None) => Err(Class::NotFound),
            (Actor::Operator, Some(roles)) => Ok((roles, None)),
            (Actor::Person(user), roles) => {
                let role =
                    roles.and_then(|roles| roles.get(self.seat(user, group)?)).ok_or(Class::Stranger)?;
                Ok((roles.ok_or(Class::Stranger)?, Some(role)))
            }
        }
    }

    fn seat(&self, user: &str, group: &str) -> Option<&String> {
        self.user(user)?.seats.iter().find(|(id, _)| id == group).map(|(_, role)| role)
    }

    fn add_group_user(&self, actor: &Actor, group: &str, user: &str, role: &str) -> Faults {
        let (roles, own) = match self.in_group(actor, group) {
            Ok(found) => found,
            Err(class) => return fault(class),
        };
        let Some(wanted) = roles.get(role) else { return fault(Class::Invalid) };
        let mut faults = Faults::new();
        if let Some(own) = own {
            let gives = has(&own.gives, role) && !wanted.made_by_operator;
            let takes = self.seat(user, group).is_none_or(|now| now == role || has(&own.takes, now));
            if !gives || !takes {
                faults.insert(Class::Delegation);
            }
        }
        let rests = |needed: &String| {
            let inside = self.accounts.iter().filter(|account| account.groups.iter().any(|id| id == group));
            inside.into_iter().all(|account| {
                account.member(user).is_some_and(|member| member.active() && member.has(needed))
            })
        };
        if !wanted.must_hold.as_ref().is_none_or(rests) {
            faults.insert(Class::State);
        }
        faults
    }

    fn remove_group_user(&self, actor: &Actor, group: &str, user: &str) -> Faults {
        let own = match self.in_group(actor, group) {
            Ok((_, own)) => own,
            Err(class) => return fault(class),
        };
        match self.seat(user, group) {
            None => fault(Class::NotFound),
            Some(now) if actor.user() != Some(user) && own.is_some_and(|own| !has(&own.takes, now)) => {
                fault(Class::Delegation)
            }
            Some(_) => Faults::new(),
        }
    }
}

/// The member as an update leaves them.
fn updated(before: &Member, [roles, grants, restrictions]: [&Option<Vec<String>>; 3]) -> Member {
    let new = |list: &Option<Vec<String>>, old: &Vec<String>| list.clone().unwrap_or_else(|| old.clone());
    Member {
        roles: new(roles, &before.roles),
        grants: new(grants, &before.grants),
        restrictions: new(restrictions, &before.restrictions),
        ..before.clone()
    }
}

fn difference(more: &Assignment, less: &Assignment) -> Carried {
    Carried {
        kind: more.resource.0.clone(),
        roles: without(&more.roles, &less.roles),
        permissions: without(&more.permissions, &less.permissions),
    }
}

fn one_of_each(roles: &[&Role]) -> bool {
    let words: Vec<&String> = roles.iter().filter_map(|role| role.exclusive.as_ref()).collect();
    words.iter().all(|word| words.iter().filter(|other| other == &word).count() == 1)
}

/// Whether an attribute of the kind takes the value.
fn fits(kind: &str, choices: &[String], value: &Value) -> bool {
    match (kind, value) {
        ("choice", Value::Text(word)) => has(choices, word),
        ("flag", Value::Flag(_)) | ("number", Value::Number(_)) => true,
        ("text", Value::Text(text)) => !text.is_empty(),
        ("domain", Value::Text(text)) => text.split('.').count() > 1 && !text.contains(' '),
        _ => false,
    }
}

impl World {
    /// Carries out a write that has no faults; `new`: the id that the service gave to what it creates.
    pub fn apply(&mut self, actor: &Actor, write: &Write, new: &str) {
        match write.clone() {
            Write::CreateUser { email } => {
                self.users.push(super::world::User { id: new.into(), email, seats: Vec::new() });
            }
            Write::CreateAccount { policy, first, attributes } => {
                let roles = self.policies[&policy].roles.iter().filter(|(_, role)| role.at_birth);
                let roles = roles.map(|(name, _)| name.clone()).collect();
                let member = Member {
                    user: first,
                    state: MemberState::Active,
                    roles,
                    grants: Vec::new(),
                    restrictions: Vec::new(),
                };
                self.accounts.push(Account {
                    id: new.into(),
                    policy,
                    state: AccountState::Active,
                    attributes,
                    groups: Vec::new(),
                    members: vec![member],
                    resources: Vec::new(),
                    assignments: Vec::new(),
                });
            }
            Write::UpdateAccount { account, attributes } => {
                for (name, value) in attributes {
                    match value {
                        Some(value) => self.account_mut(&account).attributes.insert(name, value),
                        None => self.account_mut(&account).attributes.remove(&name),
                    };
                }
            }
            Write::SuspendAccount { account } => self.account_mut(&account).state = AccountState::Suspended,
            Write::ReinstateAccount { account } => self.account_mut(&account).state = AccountState::Active,
            Write::DeleteAccount { account } => self.account_mut(&account).state = AccountState::Deleted,
            Write::AddMember { account, member, assignments } => {
                let account = self.account_mut(&account);
                account.members.push(member);
                account.assignments.extend(assignments);
            }
            Write::UpdateMember { account, user, roles, grants, restrictions } => {
                self.change_member(&account, &user, |before| {
                    *before = updated(before, [&roles, &grants, &restrictions])
                });
            }
            Write::SuspendMember { account, user } => {
                self.change_member(&account, &user, |member| member.state = MemberState::Suspended);
            }
            Write::ReinstateMember { account, user } => {
                self.change_member(&account, &user, |member| member.state = MemberState::Active);
            }
            Write::RemoveMember { account, user } => self.end(&account, &user),
            Write::CreateResource { account, name, parent, creator } => {
                self.created(&account, name, parent, creator)
            }
            Write::DeleteResource { account, name } => {
                let account = self.account_mut(&account);
                account.resources.retain(|found| found.name != name);
                account.assignments.retain(|found| found.resource != name);
            }
            Write::Assign { account, assignment } => {
                let account = self.account_mut(&account);
                account
                    .assignments
                    .retain(|old| old.user != assignment.user || old.resource != assignment.resource);
                account.assignments.push(assignment);
            }
            Write::Unassign { account, user, resource } => {
                self.account_mut(&account)
                    .assignments
                    .retain(|old| old.user != user || old.resource != resource);
            }
            Write::CreateGroup { accounts, founder } => self.founded(&accounts, &founder, new),
            Write::AddGroupUser { group, user, role } => {
                let seats = &mut self.user_mut(&user).seats;
                seats.retain(|(id, _)| *id != group);
                seats.push((group, role));
            }
            Write::RemoveGroupUser { group, user } => self.left_group(&group, &user),
        }
        let _ = actor;
    }

    fn change_member(&mut self, account: &str, user: &str, change: impl FnOnce(&mut Member)) {
        let member = self.account_mut(account).members.iter_mut().find(|member| member.user == user);
        change(member.expect("a member who was found before"));
    }

    fn end(&mut self, account: &str, user: &str) {
        let account = self.account_mut(account);
        account.members.retain(|member| member.user != user);
        account.assignments.retain(|assignment| assignment.user != user);
    }

    /// The creator gets the roles at birth, if they are a member.
    fn created(&mut self, id: &str, name: Ref, parent: Option<Ref>, creator: Option<String>) {
        let account = self.account(id).expect("an account that was found before");
        let born = self.policy(account).types[&name.0].roles.iter().filter(|(_, role)| role.at_birth);
        let roles: Vec<String> = born.map(|(name, _)| name.clone()).collect();
        let account = self.account_mut(id);
        if let Some(user) = creator.clone().filter(|user| !roles.is_empty() && account.member(user).is_some())
        {
            account.assignments.push(Assignment {
                user,
                resource: name.clone(),
                roles,
                permissions: Vec::new(),
            });
        }
        account.resources.push(Resource { name, parent, created_by: creator });
    }

    fn founded(&mut self, accounts: &[String], founder: &str, new: &str) {
        let policy = self.account(&accounts[0]).expect("an account that was found before").policy.clone();
        let roles = &self.policies[&policy].groups.as_ref().expect("a policy with groups").roles;
        let role = roles.iter().find(|(_, role)| role.at_birth).map(|(name, _)| name.clone());
        self.groups.push((new.into(), policy));
        self.user_mut(founder).seats.extend(role.map(|role| (new.to_owned(), role)));
        for account in accounts {
            self.account_mut(account).groups.push(new.into());
        }
    }

    /// PE-05: where access is lost, a membership without a role that is kept ends, too.
    fn left_group(&mut self, group: &str, user: &str) {
        self.user_mut(user).seats.retain(|(id, _)| id != group);
        let lost: Vec<String> = self
            .accounts
            .iter()
            .filter(|account| account.groups.iter().any(|id| id == group))
            .filter(|account| self.seats_in(account, user).next().is_none())
            .filter(|account| {
                let kept = self
                    .policy(account)
                    .groups
                    .as_ref()
                    .map(|groups| groups.kept.clone())
                    .unwrap_or_default();
                account.member(user).is_some_and(|member| !member.roles.iter().any(|role| has(&kept, role)))
            })
            .map(|account| account.id.clone())
            .collect();
        for account in lost {
            self.end(&account, user);
        }
    }
}

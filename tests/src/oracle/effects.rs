//! What a write does.

use super::may::has;
use super::world::{Account, AccountState, Assignment, Member, MemberState, Ref, Resource, User, World};
use super::write_member::updated;
use super::writes::Write;

impl World {
    /// Carries out a write that has no faults; `new`: the id that the service gave to what it creates.
    pub fn apply(&mut self, write: &Write, new: &str) {
        match write.clone() {
            Write::CreateUser { email } => {
                self.users.push(User { id: new.into(), email, seats: Vec::new() });
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

//! The calls of the scenarios in few words. Whatever is not here goes through the clients of [`Party`].

use mandate_proto::v1::{
    Account, AccountGroup, AddAccountGroupUserRequest, AddMemberRequest, AssignResourceRequest, Assignment,
    AttributeValue, CreateAccountGroupRequest, CreateAccountRequest, CreateResourceRequest,
    GetAccountRequest, GetMemberRequest, ListAssignmentsRequest, ListMembersRequest, Member, NewAssignment,
    ReinstateMemberRequest, RemoveAccountGroupUserRequest, RemoveMemberRequest, Resource, ResourceRef,
    SuspendMemberRequest, UnassignResourceRequest, UpdateAccountRequest, UpdateMemberRequest, User,
    list_assignments_request,
};
use prost_types::FieldMask;
use tonic::Status;

use super::{Party, names};

/// The request to add a member with roles alone, to be completed (`..adding(&acme, &bob, &["member"])`).
pub fn adding(account: &Account, user: &User, roles: &[&str]) -> AddMemberRequest {
    AddMemberRequest {
        account: account.id.clone(),
        user: user.id.clone(),
        roles: names(roles),
        ..AddMemberRequest::default()
    }
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: names(paths) })
}

/// Accounts.
impl Party {
    /// Creates an account.
    pub async fn create_account(&self, request: CreateAccountRequest) -> Result<Account, Status> {
        let answer = self.accounts().create_account(request).await?.into_inner();
        Ok(answer.account.expect("the new account"))
    }

    /// One account.
    pub async fn account(&self, account: &Account) -> Result<Account, Status> {
        let request = GetAccountRequest { account: account.id.clone() };
        let answer = self.accounts().get_account(request).await?.into_inner();
        Ok(answer.account.expect("the account"))
    }

    /// Gives an account another name.
    pub async fn rename(&self, account: &Account, name: &str) -> Result<Account, Status> {
        let request = UpdateAccountRequest {
            account: account.id.clone(),
            display_name: name.to_owned(),
            update_mask: mask(&["display_name"]),
            ..UpdateAccountRequest::default()
        };
        let answer = self.accounts().update_account(request).await?.into_inner();
        Ok(answer.account.expect("the account"))
    }

    /// Sets one attribute of an account.
    pub async fn set(&self, account: &Account, name: &str, value: AttributeValue) -> Result<Account, Status> {
        let request = UpdateAccountRequest {
            account: account.id.clone(),
            attributes: [(name.to_owned(), value)].into(),
            update_mask: mask(&[&format!("attributes.{name}")]),
            ..UpdateAccountRequest::default()
        };
        let answer = self.accounts().update_account(request).await?.into_inner();
        Ok(answer.account.expect("the account"))
    }

    /// Registers a resource; who calls is its creator.
    pub async fn register(
        &self,
        account: &Account,
        resource: ResourceRef,
        parent: Option<ResourceRef>,
    ) -> Result<Resource, Status> {
        let request = CreateResourceRequest {
            account: account.id.clone(),
            resource: Some(resource),
            parent,
            ..CreateResourceRequest::default()
        };
        let answer = self.accounts().create_resource(request).await?.into_inner();
        Ok(answer.resource.expect("the new resource"))
    }

    /// Founds an account group.
    pub async fn found_group(&self, name: &str, accounts: &[&Account]) -> Result<AccountGroup, Status> {
        let request = CreateAccountGroupRequest {
            display_name: name.to_owned(),
            accounts: accounts.iter().map(|account| account.id.clone()).collect(),
            founder: String::new(),
            ..Default::default()
        };
        let answer = self.accounts().create_account_group(request).await?.into_inner();
        Ok(answer.group.expect("the new group"))
    }

    /// Adds somebody to an account group, or changes the role they hold in it.
    pub async fn add_to_group(&self, group: &AccountGroup, user: &User, role: &str) -> Result<(), Status> {
        let (group, user, role) = (group.id.clone(), user.id.clone(), role.to_owned());
        let request = AddAccountGroupUserRequest { group, user, role, ..Default::default() };
        self.accounts().add_account_group_user(request).await.map(|_| ())
    }

    /// Removes somebody from an account group; the accounts in which a membership ended with it.
    pub async fn remove_from_group(&self, group: &AccountGroup, user: &User) -> Result<Vec<String>, Status> {
        let request = RemoveAccountGroupUserRequest {
            group: group.id.clone(),
            user: user.id.clone(),
            ..Default::default()
        };
        Ok(self.accounts().remove_account_group_user(request).await?.into_inner().ended_memberships)
    }
}

/// Members.
impl Party {
    /// Adds a member with roles alone.
    pub async fn add(&self, account: &Account, user: &User, roles: &[&str]) -> Result<Member, Status> {
        self.add_with(adding(account, user, roles)).await
    }

    /// Adds a member with everything that can come with it.
    pub async fn add_with(&self, request: AddMemberRequest) -> Result<Member, Status> {
        let answer = self.memberships().add_member(request).await?.into_inner();
        Ok(answer.member.expect("the new member"))
    }

    /// One member.
    pub async fn member(&self, account: &Account, user: &User) -> Result<Member, Status> {
        let request = GetMemberRequest { account: account.id.clone(), user: user.id.clone() };
        let answer = self.memberships().get_member(request).await?.into_inner();
        Ok(answer.member.expect("the member"))
    }

    /// The first page of the members, those who hold `role` alone where one is given.
    pub async fn members(&self, account: &Account, role: &str) -> Result<Vec<Member>, Status> {
        let request = ListMembersRequest {
            account: account.id.clone(),
            role: role.to_owned(),
            ..ListMembersRequest::default()
        };
        Ok(self.memberships().list_members(request).await?.into_inner().members)
    }

    /// Replaces a member's roles.
    pub async fn set_roles(&self, account: &Account, user: &User, roles: &[&str]) -> Result<Member, Status> {
        let roles = names(roles);
        self.update(account, user, "roles", UpdateMemberRequest { roles, ..UpdateMemberRequest::default() })
            .await
    }

    /// Replaces a member's single permissions.
    pub async fn set_grants(
        &self,
        account: &Account,
        user: &User,
        grants: &[&str],
    ) -> Result<Member, Status> {
        let grants = names(grants);
        self.update(account, user, "grants", UpdateMemberRequest { grants, ..UpdateMemberRequest::default() })
            .await
    }

    async fn update(
        &self,
        account: &Account,
        user: &User,
        path: &str,
        values: UpdateMemberRequest,
    ) -> Result<Member, Status> {
        let (account, user) = (account.id.clone(), user.id.clone());
        let request = UpdateMemberRequest { account, user, update_mask: mask(&[path]), ..values };
        let answer = self.memberships().update_member(request).await?.into_inner();
        Ok(answer.member.expect("the member"))
    }

    /// Suspends a membership.
    pub async fn suspend(&self, account: &Account, user: &User) -> Result<Member, Status> {
        let request =
            SuspendMemberRequest { account: account.id.clone(), user: user.id.clone(), ..Default::default() };
        let answer = self.memberships().suspend_member(request).await?.into_inner();
        Ok(answer.member.expect("the member"))
    }

    /// Ends a membership's suspension.
    pub async fn reinstate(&self, account: &Account, user: &User) -> Result<Member, Status> {
        let request = ReinstateMemberRequest {
            account: account.id.clone(),
            user: user.id.clone(),
            ..Default::default()
        };
        let answer = self.memberships().reinstate_member(request).await?.into_inner();
        Ok(answer.member.expect("the member"))
    }

    /// Ends a membership; the consistency token of that.
    pub async fn remove_for_token(&self, account: &Account, user: &User) -> Result<String, Status> {
        let request =
            RemoveMemberRequest { account: account.id.clone(), user: user.id.clone(), ..Default::default() };
        Ok(self.memberships().remove_member(request).await?.into_inner().consistency_token)
    }

    /// Ends a membership; what had been assigned to it.
    pub async fn remove(&self, account: &Account, user: &User) -> Result<Vec<ResourceRef>, Status> {
        let request =
            RemoveMemberRequest { account: account.id.clone(), user: user.id.clone(), ..Default::default() };
        Ok(self.memberships().remove_member(request).await?.into_inner().unassigned)
    }
}

/// Assignments.
impl Party {
    /// Assigns a resource to a member.
    pub async fn assign(
        &self,
        account: &Account,
        user: &User,
        assignment: NewAssignment,
    ) -> Result<Assignment, Status> {
        let (account, user) = (account.id.clone(), user.id.clone());
        let request =
            AssignResourceRequest { account, user, assignment: Some(assignment), ..Default::default() };
        let answer = self.memberships().assign_resource(request).await?.into_inner();
        Ok(answer.assignment.expect("the assignment"))
    }

    /// Ends an assignment.
    pub async fn unassign(
        &self,
        account: &Account,
        user: &User,
        resource: &ResourceRef,
    ) -> Result<(), Status> {
        let (account, user) = (account.id.clone(), user.id.clone());
        let request =
            UnassignResourceRequest { account, user, resource: Some(resource.clone()), ..Default::default() };
        self.memberships().unassign_resource(request).await.map(|_| ())
    }

    /// The first page of what is assigned to a member.
    pub async fn assigned_to(&self, account: &Account, user: &User) -> Result<Vec<Assignment>, Status> {
        self.assignments(account, list_assignments_request::Of::User(user.id.clone())).await
    }

    /// The first page of those to whom a resource is assigned.
    pub async fn assignees(
        &self,
        account: &Account,
        resource: &ResourceRef,
    ) -> Result<Vec<Assignment>, Status> {
        self.assignments(account, list_assignments_request::Of::Resource(resource.clone())).await
    }

    async fn assignments(
        &self,
        account: &Account,
        of: list_assignments_request::Of,
    ) -> Result<Vec<Assignment>, Status> {
        let request = ListAssignmentsRequest {
            account: account.id.clone(),
            of: Some(of),
            ..ListAssignmentsRequest::default()
        };
        Ok(self.memberships().list_assignments(request).await?.into_inner().assignments)
    }
}

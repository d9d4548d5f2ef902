//! Calls about the accounts of account groups, in few words.

use mandate_proto::v1::{
    Account, AccountGroup, AccountGroupCandidate, AccountGroupUser, AddAccountGroupAccountRequest,
    DeleteAccountGroupRequest, EndedMembership, GetAccountGroupRequest, ListAccountGroupAccountsRequest,
    ListAccountGroupCandidatesRequest, ListAccountGroupUsersRequest, ListAccountGroupsRequest,
    MissingHolders, RemoveAccountGroupAccountRequest,
};
use tonic::Status;

use super::Party;

impl Party {
    /// Puts an account into a group.
    pub async fn join_group(&self, group: &AccountGroup, account: &Account) -> Result<(), Status> {
        self.join_group_with(group, account, MissingHolders::Unspecified).await.map(|_| ())
    }

    /// Puts an account into a group, saying what to do about those who do not own it; those who were given it.
    pub async fn join_group_with(
        &self,
        group: &AccountGroup,
        account: &Account,
        missing: MissingHolders,
    ) -> Result<Vec<String>, Status> {
        let (group, account) = (group.id.clone(), account.id.clone());
        let request = AddAccountGroupAccountRequest {
            group,
            account,
            missing_holders: missing.into(),
            ..Default::default()
        };
        Ok(self.accounts().add_account_group_account(request).await?.into_inner().given)
    }

    /// Takes an account out of a group; the memberships that ended with it.
    pub async fn leave_group(
        &self,
        group: &AccountGroup,
        account: &Account,
    ) -> Result<Vec<EndedMembership>, Status> {
        let (group, account) = (group.id.clone(), account.id.clone());
        let request = RemoveAccountGroupAccountRequest { group, account, ..Default::default() };
        Ok(self.accounts().remove_account_group_account(request).await?.into_inner().ended_memberships)
    }

    /// Deletes a group; the memberships that ended with it.
    pub async fn delete_group(&self, group: &AccountGroup) -> Result<Vec<EndedMembership>, Status> {
        let request = DeleteAccountGroupRequest { group: group.id.clone(), ..Default::default() };
        Ok(self.accounts().delete_account_group(request).await?.into_inner().ended_memberships)
    }

    /// One group.
    pub async fn group(&self, group: &AccountGroup) -> Result<AccountGroup, Status> {
        let request = GetAccountGroupRequest { group: group.id.clone() };
        let answer = self.accounts().get_account_group(request).await?.into_inner();
        Ok(answer.group.expect("the group"))
    }

    /// The first page of the groups of a user (by id), or of those that the caller may list.
    pub async fn groups(&self, user: &str) -> Result<Vec<AccountGroup>, Status> {
        let request = ListAccountGroupsRequest { user: user.to_owned(), ..Default::default() };
        Ok(self.accounts().list_account_groups(request).await?.into_inner().groups)
    }

    /// The first page of a group's users.
    pub async fn group_users(&self, group: &AccountGroup) -> Result<Vec<AccountGroupUser>, Status> {
        let request = ListAccountGroupUsersRequest { group: group.id.clone(), ..Default::default() };
        Ok(self.accounts().list_account_group_users(request).await?.into_inner().users)
    }

    /// The ids of the first page of a group's accounts.
    pub async fn group_accounts(&self, group: &AccountGroup) -> Result<Vec<String>, Status> {
        let request = ListAccountGroupAccountsRequest { group: group.id.clone(), ..Default::default() };
        let answer = self.accounts().list_account_group_accounts(request).await?.into_inner();
        Ok(answer.accounts.into_iter().map(|account| account.id).collect())
    }

    /// The first page of the caller's accounts that could be put into a group.
    pub async fn candidates(&self, group: &AccountGroup) -> Result<Vec<AccountGroupCandidate>, Status> {
        let request = ListAccountGroupCandidatesRequest { group: group.id.clone(), ..Default::default() };
        Ok(self.accounts().list_account_group_candidates(request).await?.into_inner().candidates)
    }
}

//! The RPCs of `AccountService`, each handed to the file of its noun.

use mandate_proto::v1;
use mandate_proto::v1::account_service_server::AccountService;
use tonic::{Request, Response, Status};

use crate::account::Accounts;
use crate::advisory::advised;
use crate::caller::Call;
use crate::reads::{About, may_read};
use crate::writer::write;
use crate::{access, activity, convert, group, group_list, ownership, resource};

#[tonic::async_trait]
impl AccountService for Accounts {
    async fn create_account(
        &self,
        request: Request<v1::CreateAccountRequest>,
    ) -> Result<Response<v1::CreateAccountResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        let account = self.create(&call, message).await?;
        let account = Some(advised(&self.facts, account).await?);
        Ok(call.write.answer(v1::CreateAccountResponse { account, ..Default::default() }))
    }

    async fn get_account(
        &self,
        request: Request<v1::GetAccountRequest>,
    ) -> Result<Response<v1::GetAccountResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        let id = convert::account::get(request.into_inner())?;
        may_read(&self.facts, call.party, access::GET_ACCOUNT.person, id, About::Account).await?;
        let account = Some(advised(&self.facts, self.stored(id).await?).await?);
        Ok(Response::new(v1::GetAccountResponse { account }))
    }

    async fn list_activity(
        &self,
        request: Request<v1::ListActivityRequest>,
    ) -> Result<Response<v1::ListActivityResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        Ok(Response::new(activity::list(&self.facts, &call, request.into_inner()).await?))
    }

    async fn list_accounts(
        &self,
        request: Request<v1::ListAccountsRequest>,
    ) -> Result<Response<v1::ListAccountsResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        Ok(Response::new(self.list(&call, request.into_inner()).await?))
    }

    async fn update_account(
        &self,
        request: Request<v1::UpdateAccountRequest>,
    ) -> Result<Response<v1::UpdateAccountResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        let account = self.change(&call, convert::account::update(message)?).await?;
        Ok(call.write.answer(v1::UpdateAccountResponse { account, ..Default::default() }))
    }

    async fn suspend_account(
        &self,
        request: Request<v1::SuspendAccountRequest>,
    ) -> Result<Response<v1::SuspendAccountResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        let account = self.change(&call, convert::account::suspend(message)?).await?;
        Ok(call.write.answer(v1::SuspendAccountResponse { account, ..Default::default() }))
    }

    async fn reinstate_account(
        &self,
        request: Request<v1::ReinstateAccountRequest>,
    ) -> Result<Response<v1::ReinstateAccountResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        let account = self.change(&call, convert::account::reinstate(message)?).await?;
        Ok(call.write.answer(v1::ReinstateAccountResponse { account, ..Default::default() }))
    }

    async fn delete_account(
        &self,
        request: Request<v1::DeleteAccountRequest>,
    ) -> Result<Response<v1::DeleteAccountResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        let account = self.change(&call, convert::account::delete(message)?).await?;
        Ok(call.write.answer(v1::DeleteAccountResponse { account, ..Default::default() }))
    }

    async fn create_resource(
        &self,
        request: Request<v1::CreateResourceRequest>,
    ) -> Result<Response<v1::CreateResourceResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        let resource = resource::create(&self.facts, &call, message).await?;
        let resource = Some(convert::resource::to_message(resource));
        Ok(call.write.answer(v1::CreateResourceResponse { resource, ..Default::default() }))
    }

    async fn get_resource(
        &self,
        request: Request<v1::GetResourceRequest>,
    ) -> Result<Response<v1::GetResourceResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        let resource = resource::get(&self.facts, &call, request.into_inner()).await?;
        let resource = Some(convert::resource::to_message(resource));
        Ok(Response::new(v1::GetResourceResponse { resource }))
    }

    async fn list_resources(
        &self,
        request: Request<v1::ListResourcesRequest>,
    ) -> Result<Response<v1::ListResourcesResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        Ok(Response::new(resource::list(&self.facts, &call, request.into_inner()).await?))
    }

    async fn delete_resource(
        &self,
        request: Request<v1::DeleteResourceRequest>,
    ) -> Result<Response<v1::DeleteResourceResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        let command = convert::resource::delete(message)?;
        write(&self.facts, &call.write, command).await?;
        Ok(call.write.answer(v1::DeleteResourceResponse { ..Default::default() }))
    }

    async fn create_account_group(
        &self,
        request: Request<v1::CreateAccountGroupRequest>,
    ) -> Result<Response<v1::CreateAccountGroupResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        Ok(call.write.answer(group::create(&self.facts, &call, message).await?))
    }

    async fn add_account_group_user(
        &self,
        request: Request<v1::AddAccountGroupUserRequest>,
    ) -> Result<Response<v1::AddAccountGroupUserResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        Ok(call.write.answer(group::add_user(&self.facts, &call, message).await?))
    }

    async fn remove_account_group_user(
        &self,
        request: Request<v1::RemoveAccountGroupUserRequest>,
    ) -> Result<Response<v1::RemoveAccountGroupUserResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        Ok(call.write.answer(group::remove_user(&self.facts, &call, message).await?))
    }

    async fn undelete_account(
        &self,
        request: Request<v1::UndeleteAccountRequest>,
    ) -> Result<Response<v1::UndeleteAccountResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        let account = self.change(&call, convert::account::undelete(message)?).await?;
        Ok(call.write.answer(v1::UndeleteAccountResponse { account, ..Default::default() }))
    }

    async fn update_resource(
        &self,
        request: Request<v1::UpdateResourceRequest>,
    ) -> Result<Response<v1::UpdateResourceResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        let resource = resource::update(&self.facts, &call, message).await?;
        let resource = Some(convert::resource::to_message(resource));
        Ok(call.write.answer(v1::UpdateResourceResponse { resource, ..Default::default() }))
    }

    async fn transfer_ownership(
        &self,
        request: Request<v1::TransferOwnershipRequest>,
    ) -> Result<Response<v1::TransferOwnershipResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        Ok(call.write.answer(ownership::transfer(&self.facts, &call, message).await?))
    }

    async fn get_account_group(
        &self,
        request: Request<v1::GetAccountGroupRequest>,
    ) -> Result<Response<v1::GetAccountGroupResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        Ok(Response::new(group_list::get(&self.facts, &call, request.into_inner()).await?))
    }

    async fn list_account_groups(
        &self,
        request: Request<v1::ListAccountGroupsRequest>,
    ) -> Result<Response<v1::ListAccountGroupsResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        Ok(Response::new(group_list::list(&self.facts, &call, request.into_inner()).await?))
    }

    async fn list_account_group_users(
        &self,
        request: Request<v1::ListAccountGroupUsersRequest>,
    ) -> Result<Response<v1::ListAccountGroupUsersResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        Ok(Response::new(group_list::users(&self.facts, &call, request.into_inner()).await?))
    }

    async fn list_account_group_accounts(
        &self,
        request: Request<v1::ListAccountGroupAccountsRequest>,
    ) -> Result<Response<v1::ListAccountGroupAccountsResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        Ok(Response::new(group_list::accounts(&self.facts, &call, request.into_inner()).await?))
    }

    async fn list_account_group_candidates(
        &self,
        request: Request<v1::ListAccountGroupCandidatesRequest>,
    ) -> Result<Response<v1::ListAccountGroupCandidatesResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        Ok(Response::new(group_list::candidates(&self.facts, &call, request.into_inner()).await?))
    }

    async fn add_account_group_account(
        &self,
        request: Request<v1::AddAccountGroupAccountRequest>,
    ) -> Result<Response<v1::AddAccountGroupAccountResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        Ok(call.write.answer(group::add_account(&self.facts, &call, message).await?))
    }

    async fn remove_account_group_account(
        &self,
        request: Request<v1::RemoveAccountGroupAccountRequest>,
    ) -> Result<Response<v1::RemoveAccountGroupAccountResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        Ok(call.write.answer(group::remove_account(&self.facts, &call, message).await?))
    }

    async fn delete_account_group(
        &self,
        request: Request<v1::DeleteAccountGroupRequest>,
    ) -> Result<Response<v1::DeleteAccountGroupResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        Ok(call.write.answer(group::delete(&self.facts, &call, message).await?))
    }
}

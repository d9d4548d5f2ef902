//! `AccountService`: accounts. Its RPCs about the resources inside them are in [`resource`](crate::resource),
//! those about account groups in [`group`](crate::group).

use std::sync::Arc;

use mandate_domain::account::Account;
use mandate_domain::change::Change;
use mandate_domain::command::Command;
use mandate_domain::decide::belongs;
use mandate_domain::id::{AccountId, UserId};
use mandate_domain::records::{Key, Record};
use mandate_proto::v1;
use mandate_proto::v1::account_service_server::AccountService;
use mandate_storage::AccountsOf;
use tonic::{Request, Response, Status};

use crate::access;
use crate::caller::{Call, Party};
use crate::clock::new_id_bits;
use crate::convert;
use crate::error::Error;
use crate::facts::{Ask, Facts};
use crate::reads::{About, may_read};
use crate::writer::write;
use crate::{group, resource};

/// The service.
#[derive(Clone)]
pub struct Accounts {
    facts: Arc<Facts>,
}

impl Accounts {
    /// The service on these facts.
    #[must_use]
    pub fn new(facts: Arc<Facts>) -> Self {
        Self { facts }
    }

    async fn create(&self, call: &Call, message: v1::CreateAccountRequest) -> Result<Account, Error> {
        let convert::account::CreateAccount { policy, display_name, first_user, origin, attributes } =
            convert::account::create(message)?;
        let first_user = named_or_caller(call, first_user, "first_user")?;
        let id = AccountId::from_bits(new_id_bits()?);
        let command = Command::CreateAccount { id, policy, display_name, first_user, origin, attributes };
        self.write_account(call, id, command).await
    }

    /// Carries out a command on an account that is there.
    async fn change(&self, call: &Call, command: Command) -> Result<Option<v1::Account>, Error> {
        let no_account = || Error::Defect(format!("{} names no account", command.name()));
        let id = command.account().ok_or_else(no_account)?;
        let account = self.write_account(call, id, command).await?;
        Ok(Some(convert::account::to_message(account)))
    }

    /// Carries out a command that leaves the account there, and returns it as it is then.
    async fn write_account(&self, call: &Call, id: AccountId, command: Command) -> Result<Account, Error> {
        let committed = write(&self.facts, call.actor(), command).await?;
        let changed = committed.plan.changes.into_iter().find_map(|change| match change {
            Change::Account(account) if account.id == id => Some(account),
            _ => None,
        });
        match changed {
            Some(account) => Ok(account),
            None => self.stored(id).await,
        }
    }

    async fn stored(&self, id: AccountId) -> Result<Account, Error> {
        let found = self.facts.store().read(&[Key::Account(id)]).await?;
        let account = found.into_iter().find_map(|(_, record)| match record {
            Record::Account(account) => account,
            _ => None,
        });
        account.ok_or_else(|| Error::not_found("account", id))
    }

    async fn list(
        &self,
        call: &Call,
        message: v1::ListAccountsRequest,
    ) -> Result<v1::ListAccountsResponse, Error> {
        call.in_use(&self.facts).await?;
        let person = call.party.person();
        let paging = convert::account::list(message, person)?;
        let of = person.map_or(AccountsOf::Everybody, AccountsOf::User);
        let page = self.facts.store().list_accounts(of, paging.after, paging.limit).await?;
        let last = page.items.last().map(|account| account.id);
        let mut accounts = Vec::with_capacity(page.items.len());
        for account in page.items {
            if self.may_list(person, account.id).await? {
                accounts.push(convert::account::to_message(account));
            }
        }
        Ok(v1::ListAccountsResponse { accounts, next_page_token: paging.next(last, page.more.into())? })
    }

    /// A person's list holds the accounts they could do something in; the store's also those that they were
    /// invited to or are suspended in.
    async fn may_list(&self, person: Option<UserId>, account: AccountId) -> Result<bool, Error> {
        let Some(user) = person else { return Ok(true) };
        let ask = Ask { account, user, resource: None };
        let known = self.facts.of(ask).await?;
        Ok(belongs(&known.question(ask, None)).is_ok())
    }
}

/// The person named in a field, or the calling person when it was left out.
pub(crate) fn named_or_caller(call: &Call, named: Option<UserId>, field: &str) -> Result<UserId, Error> {
    named.or(call.party.person()).ok_or_else(|| Error::field(field, "is required of whoever is not a person"))
}

/// Tells services and operators that there is no such account, where a list would just be empty. A person
/// who got this far is a member of it.
pub(crate) async fn exists(facts: &Facts, party: Party, account: AccountId) -> Result<(), Error> {
    if party.person().is_some() {
        return Ok(());
    }
    match facts.store().read(&[Key::Account(account)]).await?.as_slice() {
        [(_, Record::Account(Some(_)))] => Ok(()),
        _ => Err(Error::not_found("account", account)),
    }
}

#[tonic::async_trait]
impl AccountService for Accounts {
    async fn create_account(
        &self,
        request: Request<v1::CreateAccountRequest>,
    ) -> Result<Response<v1::CreateAccountResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        let account = self.create(&call, request.into_inner()).await?;
        Ok(Response::new(v1::CreateAccountResponse { account: Some(convert::account::to_message(account)) }))
    }

    async fn get_account(
        &self,
        request: Request<v1::GetAccountRequest>,
    ) -> Result<Response<v1::GetAccountResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        let id = convert::account::get(request.into_inner())?;
        may_read(&self.facts, call.party, access::GET_ACCOUNT.person, id, About::Account).await?;
        let account = convert::account::to_message(self.stored(id).await?);
        Ok(Response::new(v1::GetAccountResponse { account: Some(account) }))
    }

    async fn list_activity(
        &self,
        request: Request<v1::ListActivityRequest>,
    ) -> Result<Response<v1::ListActivityResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        Ok(Response::new(crate::activity::list(&self.facts, &call, request.into_inner()).await?))
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
        let call = Call::of(request.extensions(), &self.facts).await?;
        let account = self.change(&call, convert::account::update(request.into_inner())?).await?;
        Ok(Response::new(v1::UpdateAccountResponse { account }))
    }

    async fn suspend_account(
        &self,
        request: Request<v1::SuspendAccountRequest>,
    ) -> Result<Response<v1::SuspendAccountResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        let account = self.change(&call, convert::account::suspend(request.into_inner())?).await?;
        Ok(Response::new(v1::SuspendAccountResponse { account }))
    }

    async fn reinstate_account(
        &self,
        request: Request<v1::ReinstateAccountRequest>,
    ) -> Result<Response<v1::ReinstateAccountResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        let account = self.change(&call, convert::account::reinstate(request.into_inner())?).await?;
        Ok(Response::new(v1::ReinstateAccountResponse { account }))
    }

    async fn delete_account(
        &self,
        request: Request<v1::DeleteAccountRequest>,
    ) -> Result<Response<v1::DeleteAccountResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        let account = self.change(&call, convert::account::delete(request.into_inner())?).await?;
        Ok(Response::new(v1::DeleteAccountResponse { account }))
    }

    async fn create_resource(
        &self,
        request: Request<v1::CreateResourceRequest>,
    ) -> Result<Response<v1::CreateResourceResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        let resource = resource::create(&self.facts, &call, request.into_inner()).await?;
        let resource = Some(convert::resource::to_message(resource));
        Ok(Response::new(v1::CreateResourceResponse { resource }))
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
        let call = Call::of(request.extensions(), &self.facts).await?;
        let command = convert::resource::delete(request.into_inner())?;
        write(&self.facts, call.actor(), command).await?;
        Ok(Response::new(v1::DeleteResourceResponse {}))
    }

    async fn create_account_group(
        &self,
        request: Request<v1::CreateAccountGroupRequest>,
    ) -> Result<Response<v1::CreateAccountGroupResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        Ok(Response::new(group::create(&self.facts, &call, request.into_inner()).await?))
    }

    async fn add_account_group_user(
        &self,
        request: Request<v1::AddAccountGroupUserRequest>,
    ) -> Result<Response<v1::AddAccountGroupUserResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        Ok(Response::new(group::add_user(&self.facts, &call, request.into_inner()).await?))
    }

    async fn remove_account_group_user(
        &self,
        request: Request<v1::RemoveAccountGroupUserRequest>,
    ) -> Result<Response<v1::RemoveAccountGroupUserResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        Ok(Response::new(group::remove_user(&self.facts, &call, request.into_inner()).await?))
    }
}

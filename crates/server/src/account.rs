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
use mandate_storage::AccountsOf;

use crate::advisory::advised;
use crate::caller::{Call, Party};
use crate::clock::new_id_bits;
use crate::convert;
use crate::error::Error;
use crate::facts::{Ask, Facts};
use crate::writer::write;

/// The service.
#[derive(Clone)]
pub struct Accounts {
    pub(crate) facts: Arc<Facts>,
}

impl Accounts {
    /// The service on these facts.
    #[must_use]
    pub fn new(facts: Arc<Facts>) -> Self {
        Self { facts }
    }

    pub(crate) async fn create(
        &self,
        call: &Call,
        message: v1::CreateAccountRequest,
    ) -> Result<Account, Error> {
        let convert::account::CreateAccount { policy, display_name, first_user, origin, attributes } =
            convert::account::create(message)?;
        let first_user = named_or_caller(call, first_user, "first_user")?;
        let id = AccountId::from_bits(new_id_bits()?);
        let command = Command::CreateAccount { id, policy, display_name, first_user, origin, attributes };
        let committed = write(&self.facts, &call.write, command).await?;
        // Whatever its id: that of a retry is the first one's.
        let created = committed.plan.changes.into_iter().find_map(|change| match change {
            Change::Account(account) => Some(account),
            _ => None,
        });
        created
            .ok_or_else(|| Error::Defect("an account was created without a change that says so".to_owned()))
    }

    /// Carries out a command on an account that is there.
    pub(crate) async fn change(&self, call: &Call, command: Command) -> Result<Option<v1::Account>, Error> {
        let no_account = || Error::Defect(format!("{} names no account", command.name()));
        let id = command.account().ok_or_else(no_account)?;
        let account = self.write_account(call, id, command).await?;
        Ok(Some(advised(&self.facts, account).await?))
    }

    /// Carries out a command that leaves the account there, and returns it as it is then.
    pub(crate) async fn write_account(
        &self,
        call: &Call,
        id: AccountId,
        command: Command,
    ) -> Result<Account, Error> {
        let committed = write(&self.facts, &call.write, command).await?;
        let changed = committed.plan.changes.into_iter().find_map(|change| match change {
            Change::Account(account) if account.id == id => Some(account),
            _ => None,
        });
        match changed {
            Some(account) => Ok(account),
            None => self.stored(id).await,
        }
    }

    pub(crate) async fn stored(&self, id: AccountId) -> Result<Account, Error> {
        let found = self.facts.store().read(&[Key::Account(id)]).await?;
        let account = found.into_iter().find_map(|(_, record)| match record {
            Record::Account(account) => account,
            _ => None,
        });
        account.ok_or_else(|| Error::not_found("account", id))
    }

    pub(crate) async fn list(
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

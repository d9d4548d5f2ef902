//! Whether somebody may watch, when they begin and for as long as they do.

use std::sync::Arc;

use mandate_domain::id::AccountId;

use crate::access;
use crate::caller::Call;
use crate::error::Error;
use crate::facts::{Ask, Facts, NOBODY};
use crate::guard::Standing;
use crate::reads::{About, may_read};

/// Who watches what.
pub(super) struct Allowed {
    pub(super) facts: Arc<Facts>,
    pub(super) standing: Standing,
    pub(super) account: Option<AccountId>,
}

impl Allowed {
    /// Whether they still may: tokens expire, sessions end, people lose roles while a stream goes on.
    pub(super) async fn look(&self) -> Result<(), Error> {
        let call = Call::by(self.standing.again()?, &self.facts).await?;
        call.in_use(&self.facts).await?;
        match (self.account, call.party.person()) {
            (Some(account), _) => {
                may_read(&self.facts, call.party, access::WATCH.person, account, About::Account).await
            }
            (None, None) => Ok(()),
            (None, Some(_)) => Err(Error::field(
                "account",
                "is required of persons: only services and operators watch all accounts",
            )),
        }
    }

    /// Refuses an account that there is not: nothing would ever be sent.
    pub(super) async fn exists(&self) -> Result<(), Error> {
        let Some(account) = self.account else { return Ok(()) };
        let known = self.facts.of(Ask { account, user: NOBODY, resource: None }).await?;
        if known.account.is_some() { Ok(()) } else { Err(Error::not_found("account", account)) }
    }
}

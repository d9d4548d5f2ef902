//! In which accounts somebody may do something.

use std::sync::Arc;

use mandate_domain::candidates::Sources;
use mandate_domain::decide::Reason;
use mandate_domain::facts::UserFact;
use mandate_domain::id::{AccountId, UserId};
use mandate_storage::{AccountRecords, Held, StoreError};

use super::{Candidates, Sought, end, member};
use crate::facts::entry::AccountEntry;
use crate::facts::{Facts, Known};

impl Facts {
    /// The next accounts in which a user may hold a permission, ascending.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn accounts_for(
        &self,
        user: UserId,
        sought: Sought<'_, AccountId>,
    ) -> Result<Candidates<AccountId>, StoreError> {
        // No account has this id.
        let (mut reading, policies, records) = self.reading(AccountId::from_bits(0), user, None).await?;
        let moment = Arc::new(self.moment().with(records.position));
        let Some(subject) = records.user else {
            return Ok(Candidates::none(Some(Reason::UnknownSubject), moment));
        };
        let mut sources = Sources::default();
        for policy in policies.names().filter_map(|name| policies.get(name)) {
            sources.add(policy, sought.permission);
        }
        let held = Held { user: &subject, permission: sought.permission, sources: &sources };
        let rows = sought.rows();
        let ids = reading.held(&held, sought.after, rows).await?;
        let accounts = reading.accounts(user, &ids).await?;
        reading.end().await?;
        let subject = Arc::new(UserFact::from(&subject));
        let known = |AccountRecords { id, account, membership }| {
            let mut known = Known::default().at(Arc::clone(&moment));
            known.user = Some(Arc::clone(&subject));
            known.account = account.map(|account| Arc::new(AccountEntry::new(&policies, &account)));
            known.member = member(known.policy(), membership.as_ref());
            (id, known)
        };
        let found = accounts.into_iter().map(known).collect();
        Ok(Candidates { found, end: end(&ids, rows), reason: None, moment })
    }
}

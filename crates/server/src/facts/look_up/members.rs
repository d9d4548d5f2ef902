//! Who may do something in an account, or to one resource of it.

use std::sync::Arc;

use mandate_domain::candidates::{Sources, nobody_may};
use mandate_domain::facts::UserFact;
use mandate_domain::id::{AccountId, UserId};
use mandate_domain::resource::ResourceRef;
use mandate_storage::{Holders, MemberRecords, StoreError};

use super::{Candidates, Sought, end, member};
use crate::facts::{Ask, Facts, Known, NOBODY};

impl Facts {
    /// The next users who may hold a permission in an account, or on one resource of it, ascending.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn members_for(
        &self,
        account: AccountId,
        resource: Option<&ResourceRef>,
        sought: Sought<'_, UserId>,
    ) -> Result<Candidates<UserId>, StoreError> {
        let (mut reading, policies, records) = self.reading(account, NOBODY, resource).await?;
        let moment = Arc::new(self.moment().with(records.position.clone()));
        let ask = Ask { account, user: NOBODY, resource };
        let bare = Known::new(&policies, ask, &records).at(Arc::clone(&moment));
        let reason = nobody_may(&bare.question(ask, bare.permission(sought.permission)));
        let (None, Some(policy), Some(entry)) = (reason, bare.policy(), &bare.account) else {
            return Ok(Candidates::none(reason, moment));
        };
        let sources = Sources::of(policy, sought.permission);
        let chain: Vec<ResourceRef> = resource.iter().flat_map(|asked| bare.chain(asked)).cloned().collect();
        let (permission, groups, rows) = (sought.permission, &entry.fact.groups, sought.rows());
        let holders = Holders { account, permission, sources: &sources, groups, chain: &chain };
        let mut users = reading.holders(&holders, sought.after, rows).await?;
        let end = end(&users, rows);
        // Whoever created the resource may hold it by that alone.
        let creator = bare.resource.as_ref().and_then(|resource| resource.created_by);
        let creator = creator.filter(|user| sought.after < Some(*user) && end.is_none_or(|end| *user < end));
        if let Some(creator) = creator
            && let Err(place) = users.binary_search(&creator)
        {
            users.insert(place, creator);
        }
        let members = reading.members(account, &users, &chain).await?;
        reading.end().await?;
        let known = |MemberRecords { id, user, membership, assignments }| {
            let mut known = bare.clone();
            known.user = user.as_ref().map(|user| Arc::new(UserFact::from(user)));
            known.member = member(bare.policy(), membership.as_ref());
            if let Some(asked) = resource {
                known = known.on(asked, bare.resource.clone(), &assignments);
            }
            (id, known)
        };
        let found = members.into_iter().map(known).collect();
        Ok(Candidates { found, end, reason: None, moment })
    }
}

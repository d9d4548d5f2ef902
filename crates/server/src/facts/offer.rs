//! Questions about somebody who has not come in yet: the same decision, on what they were offered.

use std::sync::Arc;

use mandate_domain::command::NewAssignment;
use mandate_domain::facts::{AssignmentFact, UserFact};
use mandate_domain::invitation::Invitation;
use mandate_domain::membership::{MemberState, Membership};
use mandate_domain::resource::ResourceRef;
use mandate_domain::user::UserState;
use mandate_storage::StoreError;

use super::entry::MemberEntry;
use super::{Ask, Facts, Known, NOBODY};

impl Facts {
    /// What a question about whoever accepts the invitation will be decided on, the account being what it is now.
    /// Whoever that is has no place in any group here: that would tell who they are.
    ///
    /// # Errors
    /// Those of the store, when it has to be read.
    pub async fn of_offer<'a>(
        &self,
        offer: &Invitation,
        resource: Option<&'a ResourceRef>,
    ) -> Result<Offered<'a>, StoreError> {
        let ask = Ask { account: offer.account, user: NOBODY, resource };
        let mut known = self.of(ask).await?;
        known.user = Some(Arc::new(UserFact { state: UserState::Active, seats: Vec::new() }));
        let Some(policy) = known.policy().map(Arc::clone) else {
            return Ok(Offered { ask, known, carried: Vec::new() });
        };
        known.member = Some(Arc::new(MemberEntry::new(&policy, &membership(offer))));
        let fact = |offered: &NewAssignment| {
            let NewAssignment { resource, roles, permissions } = offered;
            AssignmentFact::named(&policy, &resource.kind, roles, permissions)
        };
        let chain: Vec<ResourceRef> =
            resource.map(|asked| known.chain(asked).cloned().collect()).unwrap_or_default();
        for (link, place) in chain.iter().enumerate() {
            let offered = offer.assignments.iter().find(|offered| offered.resource == *place);
            if let Some(fact) = offered.and_then(fact) {
                known.assign(link, fact);
            }
        }
        let carried = match resource {
            None => offer.assignments.iter().filter_map(fact).collect(),
            Some(_) => Vec::new(),
        };
        Ok(Offered { ask, known, carried })
    }
}

/// Somebody who has not come in yet, as decisions would see them.
#[derive(Debug)]
pub struct Offered<'a> {
    /// Whose facts they are.
    pub ask: Ask<'a>,
    /// The facts.
    pub known: Known,
    /// What is assigned with it carries this, where no resource was asked about.
    pub carried: Vec<AssignmentFact>,
}

fn membership(offer: &Invitation) -> Membership {
    Membership {
        account: offer.account,
        user: NOBODY,
        state: MemberState::Active,
        roles: offer.roles.clone(),
        grants: offer.grants.clone(),
        restrictions: offer.restrictions.clone(),
        created_at: offer.created_at,
        updated_at: offer.updated_at,
    }
}

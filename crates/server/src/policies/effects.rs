//! What another version of a policy does to those whom it governs: their permissions by either, page by page.

use mandate_domain::account::Account;
use mandate_domain::decide::Question;
use mandate_domain::effective::{Effective, effective};
use mandate_domain::effects::{Effect, Place, Subject};
use mandate_domain::facts::{AccountFact, AssignmentFact, MemberFact, UserFact};
use mandate_domain::policy::Policy;
use mandate_storage::{Carried, PlaceIn, PolicyMembers, Profile, Store, StoreError};

/// A page.
#[derive(Debug)]
pub struct EffectsPage {
    /// Those who gain or lose something, by account and then by id.
    pub effects: Vec<Effect>,
    /// Behind whom the next page begins; `None`: there is none.
    pub next: Option<PlaceIn>,
}

/// Looks at the next people, at most so many.
///
/// # Errors
/// Those of the store.
pub async fn effects(
    store: &Store,
    old: &Policy,
    new: &Policy,
    from: Option<&PlaceIn>,
    limit: u32,
) -> Result<EffectsPage, StoreError> {
    let PolicyMembers { accounts, next } = store.policy_members(&old.name, from, limit).await?;
    let mut effects = Vec::new();
    for (account, people) in &accounts {
        for profile in people {
            let place = Place { account: account.id, subject: profile.subject, resource: None };
            let (before, after) = (may(old, account, profile), may(new, account, profile));
            effects.extend(Effect::across(place, (old, &before), (new, &after)));
        }
    }
    Ok(EffectsPage { effects, next })
}

/// What somebody may do in an account by a policy: the same decisions as Check's.
fn may(policy: &Policy, account: &Account, profile: &Profile) -> Effective {
    let Profile { subject, user, membership, contact, carried } = profile;
    let account = AccountFact::new(policy, account);
    let (user, member) = match subject {
        Subject::User(_) => {
            let member = membership.as_ref().map(|membership| MemberFact::new(policy, membership));
            (user.as_ref().map(UserFact::from), member)
        }
        Subject::Contact(_) => {
            let fact = contact.as_ref().map(|contact| MemberFact::of_contact(policy, contact));
            (Some(UserFact::CONTACT), fact)
        }
    };
    let carried = carried.iter().filter_map(|(kind, Carried { roles, permissions })| {
        AssignmentFact::named(policy, kind, roles, permissions)
    });
    let carried: Vec<AssignmentFact> = carried.collect();
    let question = Question {
        policy: Some(policy),
        account: Some(&account),
        subject: user.as_ref(),
        member: member.as_ref(),
        permission: None,
        resource: None,
    };
    effective(&question, &carried)
}

//! The RPCs of `AuthzService` that list who may do something, to what, and in which accounts. What is listed is what the
//! `decide` that answers Check allows: candidates come from the database, a page at a time ([`crate::facts::Candidates`]).

use mandate_domain::decide::{Decision, Reason, decide};
use mandate_domain::id::{AccountId, UserId};
use mandate_proto::v1;

use crate::access::{self, AccessError};
use crate::authz::{Authz, is_invisible};
use crate::caller::Party;
use crate::convert::authz::to_reason;
use crate::convert::look_up::{self as convert, LookupAccounts, LookupMembers, LookupResources};
use crate::convert::page::More;
use crate::error::Error;
use crate::facts::{Ask, Candidates, Known, NOBODY, ResourceCandidates, Sought, Who};
use crate::reads::{About, may_read};

/// Those of the candidates that are allowed, as many as fit on a page.
struct Chosen<T, K> {
    items: Vec<T>,
    /// The last that was looked at.
    last: Option<K>,
    more: More,
}

/// Decides on the candidates one by one. `item`: what is told of one whom `decide` allows; `None`: it denies.
fn choose<T, K: Clone>(
    candidates: Candidates<K>,
    limit: u32,
    mut item: impl FnMut(&K, &Known) -> Option<T>,
) -> Chosen<T, K> {
    let Candidates { found, end, reason: _, moment: _ } = candidates;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let (mut items, mut rest) = (Vec::new(), found.into_iter());
    while let Some((key, known)) = rest.next() {
        items.extend(item(&key, &known));
        if items.len() >= limit && (rest.len() > 0 || end.is_some()) {
            return Chosen { items, last: Some(key), more: More::Yes };
        }
    }
    let more = end.is_some().into();
    Chosen { items, last: end, more }
}

/// The decision, if it allows.
fn allowed(known: &Known, ask: Ask<'_>, permission: &str) -> Option<Decision> {
    Some(decide(&known.question(ask, known.permission(permission)))).filter(Decision::allowed)
}

fn told(reason: Option<Reason>) -> i32 {
    reason.map_or(v1::DecisionReason::Unspecified, to_reason).into()
}

impl Authz {
    pub(crate) async fn members(
        &self,
        party: Party,
        message: v1::LookupMembersRequest,
    ) -> Result<v1::LookupMembersResponse, Error> {
        let LookupMembers { account, permission, resource, consistency, paging } = convert::members(message)?;
        self.facts().reach(&consistency).await?;
        let rule = access::LOOKUP_MEMBERS.person;
        may_read(self.facts(), party, rule, account, About::Account).await?;
        let sought = Sought { permission: &permission, after: paging.after, limit: paging.limit };
        let candidates = self.facts().members_for(account, resource.as_ref(), sought).await?;
        let (reason, consistency_token) = (told(candidates.reason), candidates.moment.token.to_string());
        let chosen = choose(candidates, paging.limit, |user, known| {
            let ask = Ask { account, user: *user, resource: resource.as_ref() };
            Some(convert::to_user(allowed(known, ask, &permission)?, known, ask, &permission))
        });
        let next_page_token = paging.next(chosen.last, chosen.more)?;
        Ok(v1::LookupMembersResponse { users: chosen.items, next_page_token, reason, consistency_token })
    }

    pub(crate) async fn resources(
        &self,
        party: Party,
        message: v1::LookupResourcesRequest,
    ) -> Result<v1::LookupResourcesResponse, Error> {
        let LookupResources { account, subject, permission, kind, consistency, paging } =
            convert::resources(message)?;
        self.facts().reach(&consistency).await?;
        let who = self.named_or_caller(party, subject).await?;
        self.may_look_up(party, access::LOOKUP_RESOURCES.person, account, who).await?;
        let sought = Sought { permission: &permission, after: paging.after.clone(), limit: paging.limit };
        let ResourceCandidates { mut candidates, every_of_types, known } =
            self.facts().resources_for(account, who, kind.as_deref(), sought).await?;
        if is_invisible(party, &known) {
            candidates =
                Candidates { found: Vec::new(), end: None, reason: Some(Reason::NotAMember), ..candidates };
        }
        let user = match who {
            Who::User(user) => user,
            Who::Contact(_) => NOBODY,
        };
        if party.person() == Some(user) {
            self.facts().note(account, user, known.member.as_ref());
        }
        let (reason, consistency_token) = (told(candidates.reason), candidates.moment.token.to_string());
        let chosen = choose(candidates, paging.limit, |way, known| {
            let ask = Ask { account, user, resource: Some(way.resource()) };
            Some(convert::to_resource(allowed(known, ask, &permission)?, known, ask, &permission))
        });
        let next_page_token = paging.next(chosen.last, chosen.more)?;
        let resources = chosen.items;
        Ok(v1::LookupResourcesResponse {
            resources,
            every_of_types,
            next_page_token,
            reason,
            consistency_token,
        })
    }

    pub(crate) async fn accounts(
        &self,
        party: Party,
        message: v1::LookupAccountsRequest,
    ) -> Result<v1::LookupAccountsResponse, Error> {
        let LookupAccounts { subject, permission, consistency, paging } = convert::accounts(message)?;
        self.facts().reach(&consistency).await?;
        let user: UserId = match self.named_or_caller(party, subject).await? {
            Who::User(user) => user,
            // Refused when the message was read.
            Who::Contact(_) => NOBODY,
        };
        if party.person().is_some_and(|person| person != user) {
            return Err(AccessError::NotOneself.into());
        }
        let sought = Sought { permission: &permission, after: paging.after, limit: paging.limit };
        let candidates = self.facts().accounts_for(user, sought).await?;
        let consistency_token = candidates.moment.token.to_string();
        let chosen = choose(candidates, paging.limit, |account: &AccountId, known| {
            let ask = Ask { account: *account, user, resource: None };
            Some(convert::to_account(allowed(known, ask, &permission)?, known, ask, &permission))
        });
        let next_page_token = paging.next(chosen.last, chosen.more)?;
        Ok(v1::LookupAccountsResponse { accounts: chosen.items, next_page_token, consistency_token })
    }
}

//! `MembershipService.ListPeople`: everybody an account knows, each once (IX-09).

use mandate_domain::id::AccountId;
use mandate_domain::records::{Key, Record};
use mandate_proto::v1;
use mandate_storage::MemberFilter;

use crate::access;
use crate::caller::Call;
use crate::convert::page::More;
use crate::convert::people::{self, ListPeople, PersonKey};
use crate::error::Error;
use crate::facts::Facts;
use crate::membership::Memberships;
use crate::reads::{About, may_read};

/// Whether an account has contacts.
enum Contacts {
    /// It may have some.
    Some,
    /// Its policy knows none.
    None,
}

impl Memberships {
    pub(crate) async fn people(
        &self,
        call: &Call,
        message: v1::ListPeopleRequest,
    ) -> Result<v1::ListPeopleResponse, Error> {
        let list = people::list(message)?;
        may_read(self.facts(), call.party, access::LIST_PEOPLE.person, list.account, About::Account).await?;
        let contacts = contacts(self.facts(), list.account).await?;
        let (people, last, more) = self.page(&list, contacts).await?;
        Ok(v1::ListPeopleResponse { people, next_page_token: list.paging.next(last, more)? })
    }

    async fn page(
        &self,
        list: &ListPeople,
        contacts: Contacts,
    ) -> Result<(Vec<v1::Person>, Option<PersonKey>, More), Error> {
        let ListPeople { account, search, paging } = list;
        let (mut rows, mut shown, mut after) = (Vec::new(), None, None);
        match (contacts, paging.after) {
            (_, Some(PersonKey::Rest { shown: before, after: last })) => (shown, after) = (before, last),
            (Contacts::None, None | Some(PersonKey::Contact(_))) => {}
            (Contacts::Some, last) => {
                let last = match last {
                    Some(PersonKey::Contact(contact)) => Some(contact),
                    _ => None,
                };
                let store = self.facts().store();
                let page = store.list_known_contacts(*account, search.as_ref(), last, paging.limit).await?;
                shown = page.items.last().map(|known| known.contact.id).or(last);
                rows.extend(page.items.into_iter().map(people::to_person));
                if page.more {
                    return Ok((rows, shown.map(PersonKey::Contact), More::Yes));
                }
            }
        }
        let room = paging.limit.saturating_sub(u32::try_from(rows.len()).unwrap_or(paging.limit));
        let filter = MemberFilter { search: search.as_ref(), beyond: shown, ..MemberFilter::default() };
        let (rest, after, more) = self.members_and_invited(*account, filter, after, room).await?;
        rows.extend(rest.into_iter().map(people::to_member_alone));
        Ok((rows, Some(PersonKey::Rest { shown, after }), more))
    }
}

async fn contacts(facts: &Facts, account: AccountId) -> Result<Contacts, Error> {
    let found = facts.store().read(&[Key::Account(account)]).await?.into_iter().next();
    let Some((_, Record::Account(Some(found)))) = found else {
        return Err(Error::not_found("account", account));
    };
    let policies = facts.policies();
    match policies.get(&found.policy) {
        Some(policy) if policy.contacts.is_none() => Ok(Contacts::None),
        _ => Ok(Contacts::Some),
    }
}

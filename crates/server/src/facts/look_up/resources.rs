//! To which resources of an account somebody may do something.

use std::sync::Arc;

use mandate_domain::candidates::{Reach, reach};
use mandate_domain::decide::{Question, Reason};
use mandate_domain::id::{AccountId, UserId};
use mandate_domain::policy::model::{ResourceIds, ResourceType};
use mandate_domain::policy::set::ResourceTypeId;
use mandate_storage::{Places, Reading, ResourceRecords, StoreError, Walked, Way};

use super::{Candidates, Sought, Who};
use crate::facts::entry::{MemberEntry, ResourceEntry};
use crate::facts::{Ask, Facts, Known, Moment, NOBODY, contact};

/// The resources that come into question next.
#[derive(Debug)]
pub struct ResourceCandidates {
    /// Each by the way it was found, with the facts that it is decided on.
    pub candidates: Candidates<Way>,
    /// Types with free ids, of which the subject may do it to every one.
    pub every_of_types: Vec<String>,
    /// The subject's facts in the account, without any resource.
    pub known: Known,
}

impl Facts {
    /// The next resources of an account, of one type or of all, on which somebody may hold a permission: each once.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn resources_for(
        &self,
        account: AccountId,
        who: Who,
        kind: Option<&str>,
        sought: Sought<'_, Way>,
    ) -> Result<ResourceCandidates, StoreError> {
        let (mut reading, user, known, moment) = self.subject(account, who).await?;
        let ask = Ask { account, user, resource: None };
        let question = known.question(ask, known.permission(sought.permission));
        let reached = match reach(&question) {
            Reach::Nothing(reason) => Err(reason),
            reached => types(&question, kind).map(|types| (reached, types)),
        };
        let (reached, types) = match reached {
            Ok(reached) => reached,
            Err(reason) => {
                let candidates = Candidates::none(Some(reason), moment);
                return Ok(ResourceCandidates { candidates, every_of_types: Vec::new(), known });
            }
        };
        let everything = reached == Reach::Everything;
        let (free, registered): (Vec<&ResourceType>, Vec<&ResourceType>) =
            types.into_iter().partition(|kind| everything && kind.ids == ResourceIds::Free);
        let mut types: Vec<&str> = registered.iter().map(|kind| kind.name.as_str()).collect();
        types.sort_unstable();
        let every_of_types = free.iter().map(|kind| kind.name.clone()).collect();
        let places = if everything { Places::Registered } else { Places::TheirOwn };
        let rows = sought.rows();
        let Walked { found, end, steps: _ } =
            reading.resources(account, user, places, &types, sought.after, rows).await?;
        reading.end().await?;
        let of = |ResourceRecords { way, resource, assignments }| {
            let entry = resource.as_ref().map(|resource| Arc::new(ResourceEntry::from(resource)));
            let known = known.clone().on(Way::resource(&way), entry, &assignments);
            (way, known)
        };
        let found = found.into_iter().map(of).collect();
        let candidates = Candidates { found, end, reason: None, moment };
        Ok(ResourceCandidates { candidates, every_of_types, known })
    }

    /// The subject's facts in the account; of a contact those that [`Facts::of_contact`] has.
    async fn subject(
        &self,
        account: AccountId,
        who: Who,
    ) -> Result<(Reading, UserId, Known, Arc<Moment>), StoreError> {
        let user = match who {
            Who::User(user) => user,
            Who::Contact(_) => NOBODY,
        };
        let (mut reading, policies, records) = self.reading(account, user, None).await?;
        let moment = Arc::new(self.moment().with(records.position.clone()));
        let ask = Ask { account, user, resource: None };
        let mut known = Known::new(&policies, ask, &records).at(Arc::clone(&moment));
        if let Who::Contact(contact) = who {
            let found = reading.contact(account, contact).await?;
            let entry =
                known.policy().zip(found).map(|(policy, found)| MemberEntry::of_contact(policy, &found));
            known.user = entry.as_ref().map(|_| contact::subject());
            known.member = entry.map(Arc::new);
        }
        Ok((reading, user, known, moment))
    }
}

/// The types that the permission is about: the one of this name, or all.
///
/// # Errors
/// Why there is none.
fn types<'a>(question: &Question<'a>, kind: Option<&str>) -> Result<Vec<&'a ResourceType>, Reason> {
    let policy = question.policy.ok_or(Reason::PolicyUnavailable)?;
    let permission =
        question.permission.and_then(|id| policy.permission(id)).ok_or(Reason::UnknownPermission)?;
    let about = match kind {
        Some(name) => {
            let id = policy.resource_type_id(name).ok_or(Reason::UnknownResourceType)?;
            Vec::from_iter(permission.on.contains(id.0).then_some(id))
        }
        None => permission.on.iter().map(ResourceTypeId).collect(),
    };
    let types: Vec<&ResourceType> = about.into_iter().filter_map(|id| policy.resource_type(id)).collect();
    if types.is_empty() { Err(Reason::PermissionNotOnResource) } else { Ok(types) }
}

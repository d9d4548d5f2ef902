//! What another version of a policy does to those whom it governs: their permissions by either, page by page.
//!
//! Somebody who holds anything on certain resources only is looked at on each of theirs, too, where the versions differ about
//! that: on what they created, what is assigned to them, and what lives in it.

use mandate_domain::account::Account;
use mandate_domain::decide::{Question, Target};
use mandate_domain::effective::{Effective, effective};
use mandate_domain::effects::{Effect, Place, Subject};
use mandate_domain::facts::{AccountFact, AssignmentFact, MemberFact, UserFact};
use mandate_domain::id::UserId;
use mandate_domain::policy::{Policy, difference};
use mandate_storage::{
    Carried, PlaceIn, Places, PolicyMembers, Profile, Reading, ResourceRecords, Store, StoreError, Walked,
    Way,
};
use serde::{Deserialize, Serialize};

/// Fewest people and resources that a page looks at: whoever asks for few effects at a time is not made to ask for every
/// handful of people who are told nothing of.
const LEAST: u32 = 50;

/// Most steps of a walk over somebody's resources that are made at once.
const STEPS: u32 = 100;

/// A page.
#[derive(Debug)]
pub struct EffectsPage {
    /// What people gain or lose, by account, then by id, then in the account as a whole before single resources.
    pub effects: Vec<Effect>,
    /// Where the next page begins; `None`: there is none.
    pub next: Option<EffectsFrom>,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectsFrom {
    /// Behind these people.
    #[serde(flatten)]
    people: PlaceIn,
    /// Whoever comes then was begun with, if this is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    begun: Option<Begun>,
}

/// Somebody who was looked at in the account as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Begun {
    user: UserId,
    /// The last of their resources that was looked at; `None`: none was.
    way: Option<Way>,
}

/// Looks at the next people and resources, and tells of so many effects at the most.
///
/// # Errors
/// Those of the store.
pub async fn effects(
    store: &Store,
    old: &Policy,
    new: &Policy,
    from: Option<&EffectsFrom>,
    limit: u32,
) -> Result<EffectsPage, StoreError> {
    let mut look = Look::new(store.reading().await?, (old, new), limit);
    let (mut people, mut begun) = match from.cloned() {
        Some(EffectsFrom { people, begun }) => (Some(people), begun),
        None => (None, None),
    };
    loop {
        let some = look.people_at_once();
        let PolicyMembers { accounts, next } =
            look.reading.policy_members(&old.name, people.as_ref(), some).await?;
        if let Some(end) = look.at_all(&accounts, people.as_ref(), &mut begun).await? {
            return Ok(EffectsPage { effects: look.effects, next: Some(end) });
        }
        if next.is_none() || look.is_full() {
            look.reading.end().await?;
            let next = next.map(|people| EffectsFrom { people, begun: None });
            return Ok(EffectsPage { effects: look.effects, next });
        }
        people = next;
    }
}

/// A page ends before all of somebody was looked at; with whom it had begun, if with anybody.
struct Ends(Option<Begun>);

/// A page in the making.
struct Look<'p> {
    reading: Reading,
    old: &'p Policy,
    new: &'p Policy,
    /// The types of resources to look at, by name; none: the versions do not differ about any.
    types: Vec<&'p str>,
    /// How many people and resources may still be looked at.
    room: u32,
    /// Most effects.
    most: usize,
    effects: Vec<Effect>,
}

impl<'p> Look<'p> {
    fn new(reading: Reading, (old, new): (&'p Policy, &'p Policy), limit: u32) -> Self {
        let mut types = Vec::new();
        if difference(old, new).reaches_resources() {
            let kinds = old.resource_types.iter().chain(&new.resource_types);
            types.extend(kinds.map(|kind| kind.name.as_str()));
            types.sort_unstable();
            types.dedup();
        }
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        Self { reading, old, new, types, room: limit.max(LEAST), most, effects: Vec::new() }
    }

    fn is_full(&self) -> bool {
        self.room == 0 || self.effects.len() >= self.most
    }

    /// How many people to read together: no more than few, if their resources may take up the page.
    fn people_at_once(&self) -> u32 {
        if self.types.is_empty() { self.room } else { self.room.min(LEAST) }
    }

    /// Looks at these people, of whom the first ones come behind `from`; `None`: all of them were looked at.
    async fn at_all(
        &mut self,
        accounts: &[(Account, Vec<Profile>)],
        from: Option<&PlaceIn>,
        begun: &mut Option<Begun>,
    ) -> Result<Option<EffectsFrom>, StoreError> {
        for (account, people) in accounts {
            let from = from.filter(|from| from.account == account.id);
            let mut after = from.map(|from| from.after.clone()).unwrap_or_default();
            for profile in people {
                let begun = begun.take_if(|begun| profile.subject == Subject::User(begun.user));
                if let Some(Ends(begun)) = self.at(account, profile, begun).await? {
                    return Ok(Some(EffectsFrom { people: PlaceIn { account: account.id, after }, begun }));
                }
                after = profile.subject.to_string();
            }
        }
        Ok(None)
    }

    /// Looks at somebody; `None`: all of them was looked at.
    async fn at(
        &mut self,
        account: &Account,
        profile: &Profile,
        begun: Option<Begun>,
    ) -> Result<Option<Ends>, StoreError> {
        if self.is_full() {
            return Ok(Some(Ends(begun)));
        }
        let (before, after) = (Seen::by(self.old, account, profile), Seen::by(self.new, account, profile));
        let (was, is) =
            (effective(&before.question(), &before.carried), effective(&after.question(), &after.carried));
        let place = |resource| Place { account: account.id, subject: profile.subject, resource };
        let whole = Effect::across(place(None), (self.old, &was), (self.new, &is));
        let way = match begun {
            Some(begun) => begun.way,
            None => {
                self.room = self.room.saturating_sub(1);
                self.effects.extend(whole.clone());
                None
            }
        };
        match profile.subject {
            Subject::User(user) if !(was.limited.is_empty() && is.limited.is_empty()) => {
                let one = One { account, user, before, after, whole };
                self.resources(&one, way).await
            }
            // They hold nothing on certain resources only.
            _ => Ok(None),
        }
    }

    /// Looks at somebody's resources behind this one.
    async fn resources(&mut self, one: &One<'_>, mut way: Option<Way>) -> Result<Option<Ends>, StoreError> {
        let ends = |way| Ok(Some(Ends(Some(Begun { user: one.user, way }))));
        while !self.types.is_empty() {
            if self.is_full() {
                return ends(way);
            }
            let steps = usize::try_from(self.room.min(STEPS)).unwrap_or(usize::MAX);
            let walk =
                self.reading.resources(one.account.id, one.user, Places::TheirOwn, &self.types, way, steps);
            let Walked { found, end, steps } = walk.await?;
            self.room = self.room.saturating_sub(u32::try_from(steps.max(1)).unwrap_or(u32::MAX));
            for records in found {
                self.effects.extend(one.on(&records));
                if self.effects.len() >= self.most {
                    return ends(Some(records.way));
                }
            }
            if end.is_none() {
                break;
            }
            way = end;
        }
        Ok(None)
    }
}

/// Somebody in an account, by both versions.
struct One<'a> {
    account: &'a Account,
    user: UserId,
    before: Seen<'a>,
    after: Seen<'a>,
    /// What they gain and lose in the account as a whole.
    whole: Option<Effect>,
}

impl One<'_> {
    /// What they gain and lose on a resource besides.
    fn on(&self, records: &ResourceRecords) -> Option<Effect> {
        let (was, is) = (self.before.on(self.user, records), self.after.on(self.user, records));
        let resource = Some(records.way.resource().clone());
        let place = Place { account: self.account.id, subject: Subject::User(self.user), resource };
        let effect = Effect::across(place, (self.before.policy, &was), (self.after.policy, &is))?;
        effect.beside(self.whole.as_ref())
    }
}

/// Somebody in an account, as decisions see them by one version: the same decisions as Check's.
struct Seen<'p> {
    policy: &'p Policy,
    account: AccountFact,
    user: Option<UserFact>,
    member: Option<MemberFact>,
    carried: Vec<AssignmentFact>,
}

impl<'p> Seen<'p> {
    fn by(policy: &'p Policy, account: &Account, profile: &Profile) -> Self {
        let Profile { subject, user, membership, contact, carried } = profile;
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
        let carried = carried.collect();
        Self { policy, account: AccountFact::new(policy, account), user, member, carried }
    }

    fn question(&self) -> Question<'_> {
        Question {
            policy: Some(self.policy),
            account: Some(&self.account),
            subject: self.user.as_ref(),
            member: self.member.as_ref(),
            permission: None,
            resource: None,
        }
    }

    fn on(&self, user: UserId, records: &ResourceRecords) -> Effective {
        let ResourceRecords { way, resource, assignments } = records;
        let chain = assignments.iter().filter_map(|one| AssignmentFact::new(self.policy, one));
        let chain: Vec<AssignmentFact> = chain.collect();
        let target = Target {
            resource_type: self.policy.resource_type_id(&way.resource().kind),
            registered: resource.is_some(),
            created_by_subject: resource.as_ref().and_then(|resource| resource.created_by) == Some(user),
            assignments: &chain,
        };
        effective(&Question { resource: Some(target), ..self.question() }, &[])
    }
}

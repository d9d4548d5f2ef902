//! Who and what is there: the facts that assertions are decided on.

use std::collections::BTreeMap;

use crate::account::{Account, AccountState, AttributeValue, Origin};
use crate::decide::{Decision, Question, Target, decide};
use crate::facts::{AccountFact, AssignmentFact, MemberFact, UserFact};
use crate::id::{AccountId, GroupId};
use crate::membership::MemberState;
use crate::policy::diagnostic::suggestion;
use crate::policy::model::{AttributeKind, Policy, ResourceIds, Role};
use crate::policy::reader::{Fields, Reader};
use crate::policy::set::{Mask, PermissionId, PermissionSet, ResourceTypeId};
use crate::policy::yaml::Node;
use crate::user::{GroupSeat, UserState};

const ACCOUNT: &[&str] = &["attributes", "state"];
const RESOURCE: &[&str] = &["in", "created_by"];
const MEMBER: &[&str] = &["roles", "grants", "restrictions", "assigned", "state", "group_role", "suspended"];
const ASSIGNED: &[&str] = &["roles", "permissions"];

/// The one group of a file: it contains the account as soon as somebody has a role in it.
const GROUP: GroupId = GroupId::from_bits(1);

/// Everybody and everything that a file makes up.
pub(super) struct Cast<'p> {
    pub(super) policy: &'p Policy,
    attributes: BTreeMap<String, AttributeValue>,
    state: AccountState,
    resources: BTreeMap<String, Thing>,
    pub(super) people: BTreeMap<String, Person>,
}

/// A resource.
struct Thing {
    kind: ResourceTypeId,
    lives_in: Option<String>,
    created_by: Option<String>,
}

/// A member, a contact, or a user of a group.
pub(super) struct Person {
    user: UserFact,
    member: Option<MemberFact>,
    assigned: BTreeMap<String, AssignmentFact>,
}

/// What an account is asked for in one test.
#[derive(Clone)]
pub(super) struct Setting(AccountFact);

impl<'p> Cast<'p> {
    pub(super) fn read(reader: &mut Reader<'_>, policy: &'p Policy, fields: Fields<'_>) -> Self {
        let mut cast = Self {
            policy,
            attributes: BTreeMap::new(),
            state: AccountState::Active,
            resources: BTreeMap::new(),
            people: BTreeMap::new(),
        };
        if let Some(node) = fields.get("account") {
            (cast.attributes, cast.state) = cast.account(reader, node);
        }
        if let Some(node) = fields.get("resources") {
            cast.resources(reader, node);
        }
        if let Some(node) = fields.get("members") {
            for (name, node) in reader.named(node, "somebody") {
                let person = cast.member(reader, node);
                cast.people.insert(name.to_owned(), person);
            }
        }
        if let Some(node) = fields.get("contacts") {
            cast.contacts(reader, node);
        }
        cast.check_creators(reader, fields.get("resources"));
        cast
    }

    /// The account with what the file says of it, or a test says otherwise.
    pub(super) fn setting(&self, reader: &mut Reader<'_>, otherwise: Option<&Node>) -> Setting {
        let (mut attributes, mut state) = (self.attributes.clone(), self.state);
        if let Some(node) = otherwise {
            let (others, other) = self.account(reader, node);
            attributes.extend(others);
            state = other;
        }
        let account = Account {
            id: AccountId::from_bits(1),
            policy: self.policy.name.clone(),
            display_name: String::new(),
            state,
            origin: Origin::Registration,
            attributes,
            groups: vec![GROUP],
            created_at: 0,
            updated_at: 0,
            deleted_at: None,
            deleted_in: None,
        };
        Setting(AccountFact::new(self.policy, &account))
    }

    /// The decision on one question.
    pub(super) fn decide(
        &self,
        setting: &Setting,
        who: &str,
        permission: PermissionId,
        resource: Option<&str>,
    ) -> Decision {
        let person = self.people.get(who);
        let assignments: Vec<AssignmentFact> = match (person, resource) {
            (Some(person), Some(resource)) => {
                self.chain(resource).filter_map(|link| person.assigned.get(link).copied()).collect()
            }
            _ => Vec::new(),
        };
        let thing = resource.and_then(|name| self.resources.get(name));
        let target = resource.map(|name| Target {
            resource_type: self.kind_of(name),
            registered: thing.is_some(),
            created_by_subject: thing.is_some_and(|thing| thing.created_by.as_deref() == Some(who)),
            assignments: &assignments,
        });
        decide(&Question {
            policy: Some(self.policy),
            account: Some(&setting.0),
            subject: person.map(|person| &person.user),
            member: person.and_then(|person| person.member.as_ref()),
            permission: Some(permission),
            resource: target,
        })
    }

    /// The resource and what it lives in, nearest first.
    fn chain<'a>(&'a self, resource: &'a str) -> impl Iterator<Item = &'a str> {
        let parent = |name: &&'a str| self.resources.get(*name).and_then(|thing| thing.lives_in.as_deref());
        // Types do not live in each other in circles; the bound is their number all the same.
        std::iter::successors(Some(resource), parent).take(self.policy.resource_types.len().max(1))
    }

    fn kind_of(&self, resource: &str) -> Option<ResourceTypeId> {
        self.policy.resource_type_id(resource.split_once('/')?.0)
    }

    /// A resource as `type/id`, if the file may name it.
    pub(super) fn resource(&self, reader: &mut Reader<'_>, node: &Node) -> Option<String> {
        let name = reader.word(node)?.to_owned();
        self.kind(reader, node, &name).map(|_| name)
    }

    fn kind(&self, reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<ResourceTypeId> {
        let types = || self.policy.resource_types.iter().map(|kind| kind.name.as_str());
        let Some((kind, _)) = name.split_once('/') else {
            reader.error_hint(node, format!("`{name}` is no resource"), Some("write `type/id`".to_owned()));
            return None;
        };
        let found = self.policy.resource_type_id(kind);
        if found.is_none() {
            reader.error_hint(node, format!("no resource type `{kind}`"), suggestion(kind, types()));
        }
        found
    }

    fn account(
        &self,
        reader: &mut Reader<'_>,
        node: &Node,
    ) -> (BTreeMap<String, AttributeValue>, AccountState) {
        let fields = reader.fields(node, ACCOUNT);
        let mut values = BTreeMap::new();
        for (name, node) in
            fields.get("attributes").map(|node| reader.named(node, "an attribute")).unwrap_or_default()
        {
            let Some(attribute) = self.policy.attribute(name) else {
                let names = self.policy.attributes.iter().map(|attribute| attribute.name.as_str());
                reader.error_hint(node, format!("no attribute `{name}`"), suggestion(name, names));
                continue;
            };
            let value = match &attribute.kind {
                AttributeKind::Flag => reader.switch(Some(node)).map(AttributeValue::Flag),
                AttributeKind::Number => reader.number(Some(node), 0, i64::MAX).map(AttributeValue::Number),
                AttributeKind::Choice(words) => {
                    let words = words.iter().map(String::as_str);
                    let index = reader.one_of(node, "choice", words.clone());
                    index
                        .and_then(|index| words.clone().nth(index))
                        .map(|word| AttributeValue::Text(word.to_owned()))
                }
                AttributeKind::Text | AttributeKind::Domain => {
                    reader.word(node).map(|text| AttributeValue::Text(text.to_owned()))
                }
            };
            values.extend(value.map(|value| (name.to_owned(), value)));
        }
        let states = ["active", "suspended", "deleted"];
        let state = fields.get("state").and_then(|node| reader.one_of(node, "state", states.into_iter()));
        let state = match state {
            Some(1) => AccountState::Suspended,
            Some(2) => AccountState::Deleted,
            _ => AccountState::Active,
        };
        (values, state)
    }

    fn resources(&mut self, reader: &mut Reader<'_>, node: &Node) {
        for (key, node) in reader.entries(node) {
            let Some(kind) = self.kind(reader, node, &key.text) else { continue };
            if self.policy.resource_type(kind).is_some_and(|kind| kind.ids == ResourceIds::Free) {
                reader.error(node, "ids of this type are free: nothing of it is registered, leave it out");
            }
            let fields = reader.fields(node, RESOURCE);
            let lives_in = fields.get("in").and_then(|node| {
                let parent = self.resource(reader, node)?;
                let expected = self.policy.resource_type(kind).and_then(|kind| kind.parent);
                if expected.is_none() || expected != self.kind_of(&parent) {
                    reader.error(node, format!("`{}` does not live in `{parent}`", key.text));
                }
                if !self.resources.contains_key(&parent) {
                    reader.error_hint(
                        node,
                        format!("`{parent}` is not there"),
                        Some("list it before".to_owned()),
                    );
                }
                Some(parent)
            });
            let created_by = fields.get("created_by").and_then(|node| reader.word(node)).map(str::to_owned);
            self.resources.insert(key.text.clone(), Thing { kind, lives_in, created_by });
        }
    }

    /// Whoever created something is a member of the file.
    fn check_creators(&self, reader: &mut Reader<'_>, resources: Option<&Node>) {
        let Some(node) = resources else { return };
        for (name, thing) in &self.resources {
            if let Some(creator) = &thing.created_by
                && !self.people.contains_key(creator)
            {
                let names = self.people.keys().map(String::as_str);
                let message = format!("`{name}` was created by `{creator}`, who is not there");
                reader.error_hint(node, message, suggestion(creator, names));
            }
            debug_assert!(self.policy.resource_type(thing.kind).is_some(), "the type was looked up");
        }
    }

    fn member(&self, reader: &mut Reader<'_>, node: &Node) -> Person {
        let fields = reader.fields(node, MEMBER);
        let roles =
            fields.get("roles").map(|node| roles(reader, node, &self.policy.roles)).unwrap_or_default();
        let grants = fields.get("grants").map(|node| self.permissions(reader, node)).unwrap_or_default();
        let restrictions = fields.get("restrictions").map(|node| {
            let names = self.policy.restrictions.iter().map(|restriction| restriction.name.as_str());
            mask(reader, node, "restriction", names)
        });
        let states = ["active", "pending", "suspended"];
        let state = fields.get("state").and_then(|node| reader.one_of(node, "state", states.into_iter()));
        let state = match state {
            Some(1) => MemberState::Pending,
            Some(2) => MemberState::Suspended,
            _ => MemberState::Active,
        };
        let seat = fields.get("group_role").and_then(|node| {
            let names = self.policy.groups.iter().flat_map(|groups| &groups.roles);
            let names = names.map(|role| role.role.name.as_str());
            let index = reader.one_of(node, "group role", names.clone())?;
            names.clone().nth(index).map(|role| GroupSeat { group: GROUP, role: role.to_owned() })
        });
        let mut assigned = BTreeMap::new();
        for (key, node) in fields.get("assigned").map(|node| reader.entries(node)).unwrap_or_default() {
            if let Some(fact) = self.assigned(reader, &key.text, node) {
                assigned.insert(key.text.clone(), fact);
            }
        }
        // Whoever is in the group alone is no member.
        let outside = seat.is_some()
            && !["roles", "grants", "restrictions", "assigned", "state"]
                .iter()
                .any(|field| fields.get(field).is_some());
        let member = MemberFact {
            state,
            roles,
            grants,
            restrictions: restrictions.unwrap_or_default(),
            fits_policy: true,
        };
        let user = match reader.switch(fields.get("suspended")) {
            Some(true) => UserState::Suspended,
            Some(false) | None => UserState::Active,
        };
        Person {
            user: UserFact { state: user, seats: Vec::from_iter(seat) },
            member: (!outside).then_some(member),
            assigned,
        }
    }

    fn assigned(&self, reader: &mut Reader<'_>, name: &str, node: &Node) -> Option<AssignmentFact> {
        let resource_type = self.kind(reader, node, name)?;
        let kind = self.policy.resource_type(resource_type)?;
        if kind.ids == ResourceIds::Registered && !self.resources.contains_key(name) {
            let names = self.resources.keys().map(String::as_str);
            reader.error_hint(node, format!("no resource `{name}`"), suggestion(name, names));
        }
        let fields = reader.fields(node, ASSIGNED);
        let roles = fields.get("roles").map(|node| roles(reader, node, &kind.roles)).unwrap_or_default();
        let permissions = fields.get("permissions").map(|node| self.permissions(reader, node));
        Some(AssignmentFact { resource_type, roles, permissions: permissions.unwrap_or_default() })
    }

    fn contacts(&mut self, reader: &mut Reader<'_>, node: &Node) {
        let Some(rule) = &self.policy.contacts else {
            reader.error(node, "the policy knows no contacts");
            return;
        };
        let may = rule.at_birth.union(&rule.grantable);
        for (name, node) in reader.named(node, "a contact") {
            let held = self.permissions(reader, node);
            if !held.is_subset(&may) {
                reader.error(node, "contacts of this policy cannot hold all of it");
            }
            let member = MemberFact {
                state: MemberState::Active,
                roles: Mask::EMPTY,
                grants: held,
                restrictions: Mask::EMPTY,
                fits_policy: true,
            };
            let person = Person { user: UserFact::CONTACT, member: Some(member), assigned: BTreeMap::new() };
            if self.people.insert(name.to_owned(), person).is_some() {
                reader.error(node, format!("`{name}` is a member, too"));
            }
        }
    }

    /// The permissions of a list, each by its own name.
    pub(super) fn permissions(&self, reader: &mut Reader<'_>, node: &Node) -> PermissionSet {
        let mut set = PermissionSet::EMPTY;
        for item in reader.items(node) {
            let names = self.policy.permissions.iter().map(|permission| permission.name.as_str());
            let index = reader.one_of(item, "permission", names).and_then(|index| u16::try_from(index).ok());
            if let Some(index) = index {
                set.insert(PermissionId(index));
            }
        }
        set
    }
}

fn roles(reader: &mut Reader<'_>, node: &Node, roles: &[Role]) -> Mask {
    mask(reader, node, "role", roles.iter().map(|role| role.name.as_str()))
}

fn mask<'n>(
    reader: &mut Reader<'_>,
    node: &Node,
    what: &str,
    names: impl Iterator<Item = &'n str> + Clone,
) -> Mask {
    let items = reader.items(node).into_iter();
    items
        .filter_map(|item| reader.one_of(item, what, names.clone()))
        .filter_map(|index| u8::try_from(index).ok())
        .collect()
}

//! Accounts, and everything in them.

use std::collections::{BTreeMap, HashSet};

use mandate_domain::command::Command;
use mandate_domain::id::{AccountId, ContactId, InvitationId, UserId};
use mandate_domain::policy::model::AttributeKind;
use mandate_domain::policy::reader::Fields;
use mandate_domain::policy::yaml::{Node, join};
use mandate_proto::v1;

use super::{Author, capital};
use crate::convert;
use crate::convert::account::CreateAccount;
use crate::convert::contact::CreateContact;
use crate::ephemeral::output::Account;
use crate::error::Error;

const FIELDS: &[&str] = &[
    "id",
    "policy",
    "display_name",
    "first_user",
    "order",
    "attributes",
    "contacts",
    "resources",
    "members",
    "invitations",
    "suspended",
];
const CONTACT: &[&str] = &["id", "display_name", "email", "details", "permissions"];
const RESOURCE: &[&str] = &["display_name", "parent", "creator", "holder"];
const MEMBER: &[&str] = &["roles", "grants", "restrictions", "assignments", "suspended"];
const INVITATION: &[&str] = &["id", "email", "roles", "grants", "restrictions", "assignments", "language"];

/// The account that is being read.
struct Place {
    id: AccountId,
    path: String,
    first_user: Option<UserId>,
    contacts: BTreeMap<String, ContactId>,
    /// Resources whose creators have to be members first.
    late: HashSet<String>,
}

impl Author<'_, '_> {
    pub(super) fn accounts(&mut self, node: &Node) {
        for (name, node) in self.reader.named(node, "an account") {
            let fields = self.reader.fields(node, FIELDS);
            let mut place = self.account(name, node, fields);
            if let Some(node) = fields.get("contacts") {
                self.contacts(&mut place, node);
            }
            // A member may create resources, and resources may be assigned to members.
            let late =
                fields.get("resources").map(|node| self.resources(&mut place, node)).unwrap_or_default();
            let mut later = Vec::new();
            if let Some(node) = fields.get("members") {
                later = self.members(&place, node);
            }
            self.steps.extend(late);
            self.steps.extend(later);
            let mut invitations = BTreeMap::new();
            if let Some(node) = fields.get("invitations") {
                invitations = self.invitations(&place, node);
            }
            let Place { id, path, contacts, .. } = place;
            if self.is_on(fields, "suspended") {
                let suspended = join(&path, "suspended");
                self.finally(&suspended, &[&path], Command::SuspendAccount { account: id });
            }
            let policy = self.text(fields, "policy").unwrap_or_default();
            self.cast.accounts.insert(name.to_owned(), Account { id, policy, contacts, invitations });
        }
    }

    fn account(&mut self, name: &str, node: &Node, fields: Fields<'_>) -> Place {
        let id = self.id(fields, &format!("accounts.{name}"), AccountId::from_bits);
        self.accounts.insert(name.to_owned(), id);
        let first = fields.get("first_user").and_then(|node| self.person(node));
        let (first_user, introduced) = first.unzip();
        let policy = self.text(fields, "policy").unwrap_or_default();
        let order = self.text(fields, "order").map(|reference| v1::AccountOrigin {
            origin: Some(v1::account_origin::Origin::Order(v1::account_origin::Order { reference })),
        });
        let attributes = fields.get("attributes").map(|node| self.attributes(&policy, node));
        let message = v1::CreateAccountRequest {
            policy,
            display_name: self.text(fields, "display_name").unwrap_or_else(|| capital(name)),
            first_user: first_user.map_or_else(String::new, |user| user.to_string()),
            origin: order,
            attributes: attributes.unwrap_or_default(),
            ..Default::default()
        };
        let command = convert::account::create(message).and_then(
            |CreateAccount { policy, display_name, first_user, origin, attributes }| match first_user {
                Some(first_user) => {
                    Ok(Command::CreateAccount { id, policy, display_name, first_user, origin, attributes })
                }
                None => Err(Error::field("first_user", "is required: the person who gets the roles at birth")),
            },
        );
        let named_nobody = fields.get("first_user").is_some() && first_user.is_none();
        let introduced = if named_nobody { Some(String::new()) } else { introduced };
        let needs: Vec<&str> = introduced.iter().map(String::as_str).collect();
        self.step(&node.path, &needs, command);
        let path = node.path.clone();
        Place { id, path, first_user, contacts: BTreeMap::new(), late: HashSet::new() }
    }

    /// Which kind of value a word is, the policy says.
    fn attributes(&mut self, policy: &str, node: &Node) -> BTreeMap<String, v1::AttributeValue> {
        use v1::attribute_value::Value;
        let policy = self.policies.get(policy).cloned();
        let mut attributes = BTreeMap::new();
        for (name, node) in self.reader.named(node, "an attribute") {
            let Some(word) = self.reader.word(node).map(str::to_owned) else { continue };
            let kind = policy.as_ref().and_then(|policy| policy.attribute(name)).map(|known| &known.kind);
            let value = match kind {
                Some(AttributeKind::Flag) => self.reader.switch(Some(node)).map(Value::Flag),
                Some(AttributeKind::Number) => {
                    self.reader.number(Some(node), i64::MIN, i64::MAX).map(Value::Number)
                }
                Some(AttributeKind::Choice(_) | AttributeKind::Text | AttributeKind::Domain) | None => {
                    Some(Value::Text(word))
                }
            };
            if let Some(value) = value {
                attributes.insert(name.to_owned(), v1::AttributeValue { value: Some(value) });
            }
        }
        attributes
    }

    fn contacts(&mut self, place: &mut Place, node: &Node) {
        for (name, node) in self.reader.named(node, "a contact") {
            let fields = self.reader.fields(node, CONTACT);
            let id = self.id(fields, &node.path, ContactId::from_bits);
            place.contacts.insert(name.to_owned(), id);
            let message = v1::CreateContactRequest {
                account: place.id.to_string(),
                email: self.text(fields, "email").unwrap_or_else(|| format!("{name}@example.com")),
                display_name: self.text(fields, "display_name").unwrap_or_else(|| capital(name)),
                details: self.text(fields, "details").unwrap_or_default(),
                ..Default::default()
            };
            let command = convert::contact::create(message).map(
                |CreateContact { account, email, display_name, details }| Command::CreateContact {
                    account,
                    id,
                    email,
                    display_name,
                    details,
                },
            );
            self.step(&node.path, &[&place.path], command);
            let permissions = self.words(fields, "permissions");
            if !permissions.is_empty() {
                let message = v1::UpdateContactRequest {
                    account: place.id.to_string(),
                    contact: id.to_string(),
                    permissions,
                    update_mask: Some(prost_types::FieldMask { paths: vec!["permissions".to_owned()] }),
                    ..Default::default()
                };
                let command = convert::contact::update(message).map(|(_, command)| command);
                self.step(&node.path, &[&node.path], command);
            }
        }
    }

    /// Resources that the account's first user may have created are made; the others are returned for later.
    fn resources(&mut self, place: &mut Place, node: &Node) -> Vec<super::Step> {
        let mut late = Vec::new();
        for (key, node) in self.reader.entries(node) {
            let Some(resource) = self.resource(&key.text, node) else { continue };
            let fields = self.reader.fields(node, RESOURCE);
            let parent = fields.get("parent");
            let parent = parent.and_then(|node| Some((node, self.reader.word(node)?.to_owned())));
            let creator = fields.get("creator").and_then(|node| self.person(node)).map(|(user, _)| user);
            let holder = fields.get("holder").and_then(|node| {
                let names = place.contacts.keys().map(String::as_str);
                let index = self.reader.one_of(node, "contact", names)?;
                place.contacts.values().nth(index).copied()
            });
            let (after, parent) = match parent {
                Some((node, text)) => (place.late.contains(&text), self.resource(&text, node)),
                None => (false, None),
            };
            let message = v1::CreateResourceRequest {
                account: place.id.to_string(),
                resource: Some(resource),
                display_name: self.text(fields, "display_name").unwrap_or_default(),
                parent,
                creator: creator.map_or_else(String::new, |user| user.to_string()),
                holder: holder.map_or_else(String::new, |contact| contact.to_string()),
                ..Default::default()
            };
            self.step(&node.path, &[&place.path], convert::resource::create(message, None));
            if after || creator.is_some() && creator != place.first_user {
                place.late.insert(key.text.clone());
                late.extend(self.steps.pop());
            }
        }
        late
    }

    /// Members with what they are assigned; what is assigned of late resources is returned for later.
    fn members(&mut self, place: &Place, node: &Node) -> Vec<super::Step> {
        let mut later = Vec::new();
        for (name, node) in self.reader.named(node, "a person") {
            let fields = self.reader.fields(node, MEMBER);
            let Some((user, introduced)) = self.person_called(name, node) else { continue };
            let first = place.first_user == Some(user);
            let (account, id) = (place.id.to_string(), user.to_string());
            let is_late = |assignment: &v1::NewAssignment| {
                let resource = assignment.resource.as_ref();
                first || resource.is_some_and(|of| place.late.contains(&format!("{}/{}", of.r#type, of.id)))
            };
            let assignments = self.assignments(fields);
            let (late, assignments): (Vec<_>, Vec<_>) = assignments.into_iter().partition(is_late);
            let roles = self.words(fields, "roles");
            let grants = self.words(fields, "grants");
            let restrictions = self.words(fields, "restrictions");
            let command = if first {
                // They are a member from the start; what is not said stays as it was at birth.
                let said = |key: &&str| fields.get(key).is_some();
                let paths = ["roles", "grants", "restrictions"].into_iter().filter(said);
                let update_mask =
                    Some(prost_types::FieldMask { paths: paths.map(str::to_owned).collect() });
                let said_any = update_mask.as_ref().is_some_and(|mask| !mask.paths.is_empty());
                let message = v1::UpdateMemberRequest {
                    account: account.clone(),
                    user: id.clone(),
                    roles,
                    grants,
                    restrictions,
                    update_mask,
                    ..Default::default()
                };
                said_any.then(|| convert::membership::update(message))
            } else {
                let message = v1::AddMemberRequest {
                    account: account.clone(),
                    user: id.clone(),
                    roles,
                    grants,
                    restrictions,
                    assignments,
                    ..Default::default()
                };
                Some(convert::membership::add(message))
            };
            if let Some(command) = command {
                self.step(&node.path, &[&place.path, &introduced], command);
            }
            for assignment in late {
                let message = v1::AssignResourceRequest {
                    account: account.clone(),
                    user: id.clone(),
                    assignment: Some(assignment),
                    ..Default::default()
                };
                let path = join(&node.path, "assignments");
                self.step(&path, &[&place.path, &node.path], convert::resource::assign(message));
                later.extend(self.steps.pop());
            }
            if self.is_on(fields, "suspended") {
                let command = Command::SuspendMember { account: place.id, user };
                self.finally(&join(&node.path, "suspended"), &[&node.path], command);
            }
        }
        later
    }

    fn invitations(&mut self, place: &Place, node: &Node) -> BTreeMap<String, InvitationId> {
        let mut invitations = BTreeMap::new();
        for (name, node) in self.reader.named(node, "an invitation") {
            let fields = self.reader.fields(node, INVITATION);
            let id = self.id(fields, &node.path, InvitationId::from_bits);
            invitations.insert(name.to_owned(), id);
            let message = v1::InviteMemberRequest {
                account: place.id.to_string(),
                email: self.text(fields, "email").unwrap_or_else(|| format!("{name}@example.com")),
                roles: self.words(fields, "roles"),
                grants: self.words(fields, "grants"),
                restrictions: self.words(fields, "restrictions"),
                assignments: self.assignments(fields),
                language: self.text(fields, "language").unwrap_or_default(),
                ..Default::default()
            };
            self.step(&node.path, &[&place.path], convert::invitation::invite(message, id));
        }
        invitations
    }
}

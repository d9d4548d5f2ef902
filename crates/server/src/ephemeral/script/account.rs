//! Accounts, and everything in them.

use std::collections::{BTreeMap, HashSet};

use mandate_domain::command::Command;
use mandate_domain::id::{AccountId, ContactId, UserId};
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

/// The account that is being read.
pub(super) struct Place {
    pub(super) id: AccountId,
    pub(super) path: String,
    pub(super) first_user: Option<UserId>,
    pub(super) contacts: BTreeMap<String, ContactId>,
    /// Resources whose creators have to be members first.
    pub(super) late: HashSet<String>,
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
                None => {
                    Err(Error::field("first_user", "is required: the person who gets the roles at birth"))
                }
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
}

//! A policy file as lists of names.

use std::collections::BTreeMap;

use serde_json::Value as Yaml;

use super::roles::{self, Role};
use super::yaml::{entries, expand, is_on, read, word, words};

/// What a policy file says, every name spelt out.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Every permission.
    pub permissions: Vec<String>,
    /// The resource types that each permission is about.
    pub about: BTreeMap<String, Vec<String>>,
    /// What each permission requires of the account.
    pub requires: BTreeMap<String, Vec<Requirement>>,
    /// Attributes of accounts, by name.
    pub attributes: BTreeMap<String, Attribute>,
    /// Resource types, by name.
    pub types: BTreeMap<String, ResourceType>,
    /// Account roles, by name.
    pub roles: BTreeMap<String, Role>,
    /// The permissions that each restriction removes.
    pub restrictions: BTreeMap<String, Vec<String>>,
    /// Operations, by name.
    pub operations: BTreeMap<String, Operation>,
    /// How accounts are grouped.
    pub groups: Option<Groups>,
}

/// Something an account must have: the attribute, and the words that its value may be (or `set`, or a least number).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The attribute.
    pub attribute: String,
    /// What would do.
    pub wanted: Vec<String>,
}

/// An attribute of accounts.
#[derive(Debug, Clone)]
pub struct Attribute {
    /// `choice`, `flag`, `number`, `text` or `domain`.
    pub kind: String,
    /// The words of a choice, rising.
    pub choices: Vec<String>,
    /// The value of accounts that have none.
    pub default: Option<Value>,
    /// The permission that changes it; `None`: only operators do.
    pub changed_by: Option<String>,
    /// Whether it only rises.
    pub only_upwards: bool,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// On or off.
    Flag(bool),
    /// A number.
    Number(i64),
    /// A choice, text or domain.
    Text(String),
}

/// A resource type.
#[derive(Debug, Clone)]
pub struct ResourceType {
    /// The type it lives in.
    pub parent: Option<String>,
    /// Whether any id exists.
    pub free: bool,
    /// Permissions that an assignment may carry.
    pub assignable: Vec<String>,
    /// Operations, by name.
    pub operations: BTreeMap<String, Operation>,
    /// Roles of its assignments, by name.
    pub roles: BTreeMap<String, Role>,
}

/// What an operation needs.
#[derive(Debug, Clone)]
pub struct Operation {
    /// A permission, or `anyone`.
    pub needs: String,
    /// What it requires of the account.
    pub requires: Vec<Requirement>,
    /// Most assignments of each type in one call.
    pub at_most: BTreeMap<String, usize>,
}

/// Account groups.
#[derive(Debug, Clone)]
pub struct Groups {
    /// The role whose holders found one.
    pub founder: String,
    /// Roles that outlast the group.
    pub kept: Vec<String>,
    /// Group roles, by name.
    pub roles: BTreeMap<String, Role>,
}

impl Policy {
    /// Reads a policy file. Panics on one that is not as POLICY.md says: the server has accepted it.
    pub fn read(text: &str) -> Self {
        let file = read(text);
        let attributes =
            entries(&file["attributes"]).into_iter().map(|(name, said)| (name, attribute(&said))).collect();
        let type_names: Vec<String> = entries(&file["resources"]).into_iter().map(|(name, _)| name).collect();
        let mut policy = Self {
            name: word(&file["policy"]),
            permissions: Vec::new(),
            about: BTreeMap::new(),
            requires: BTreeMap::new(),
            attributes,
            types: BTreeMap::new(),
            roles: BTreeMap::new(),
            restrictions: BTreeMap::new(),
            operations: operations(&file["operations"]),
            groups: None,
        };
        for (module, said) in entries(&file["modules"]) {
            policy.module(&module, &said, &type_names);
        }
        for (name, said) in entries(&file["restrictions"]) {
            policy.restrictions.insert(name, expand(&said["removes"], &policy.permissions));
        }
        for (name, said) in entries(&file["resources"]) {
            let bare = ResourceType {
                parent: Some(word(&said["parent"])).filter(|parent| !parent.is_empty()),
                free: word(&said["ids"]) == "free",
                assignable: Vec::new(),
                operations: operations(&said["operations"]),
                roles: BTreeMap::new(),
            };
            policy.types.insert(name, bare);
        }
        roles::fill(&mut policy, &file);
        policy
    }

    fn module(&mut self, module: &str, said: &Yaml, types: &[String]) {
        let mut actions: Vec<(String, Yaml)> = entries(&said["actions"]);
        for item in said["actions"].as_array().into_iter().flatten() {
            match item {
                Yaml::Object(_) => actions.extend(entries(item)),
                other => actions.push((word(other), Yaml::Null)),
            }
        }
        for (action, detail) in actions {
            let name = format!("{module}.{action}");
            let on = if detail["on"].is_null() { &said["on"] } else { &detail["on"] };
            self.about.insert(name.clone(), all_or(words(on), types));
            let requires = [requirements(&said["requires"]), requirements(&detail["requires"])].concat();
            self.requires.insert(name.clone(), requires);
            self.permissions.push(name);
        }
    }

    /// Whether the second type is the first or can be inside of it.
    pub fn is_within(&self, outer: &str, inner: &str) -> bool {
        let parent = self.types.get(inner).and_then(|kind| kind.parent.clone());
        outer == inner || parent.is_some_and(|parent| self.is_within(outer, &parent))
    }

    /// Whether an account with these attributes has what is required.
    pub fn met(&self, requirements: &[Requirement], attributes: &BTreeMap<String, Value>) -> bool {
        requirements.iter().all(|requirement| {
            let attribute = &self.attributes[&requirement.attribute];
            let value = attributes.get(&requirement.attribute).or(attribute.default.as_ref());
            requirement.wanted.iter().any(|wanted| match (attribute.kind.as_str(), value) {
                ("flag", value) => (value == Some(&Value::Flag(true))) == (wanted == "on"),
                (_, Some(_)) if wanted == "set" && attribute.kind != "choice" => true,
                ("number", Some(Value::Number(number))) => {
                    wanted.parse().is_ok_and(|least: i64| *number >= least)
                }
                ("choice", Some(Value::Text(text))) => text == wanted,
                _ => false,
            })
        })
    }
}

fn attribute(said: &Yaml) -> Attribute {
    let kinds = ["choice", "flag", "number", "text", "domain"];
    let kind = kinds.into_iter().find(|kind| !said[*kind].is_null()).expect("an attribute has a kind");
    let default = match (kind, &said["default"]) {
        (_, Yaml::Null) => None,
        ("flag", value) => Some(Value::Flag(is_on(value))),
        ("number", value) => value.as_i64().map(Value::Number),
        (_, value) => Some(Value::Text(word(value))),
    };
    Attribute {
        kind: kind.to_owned(),
        choices: words(&said["choice"]),
        default,
        changed_by: Some(word(&said["changed_by"])).filter(|name| !name.is_empty()),
        only_upwards: is_on(&said["only_upwards"]),
    }
}

fn operations(said: &Yaml) -> BTreeMap<String, Operation> {
    let operation = |said: &Yaml| match said {
        Yaml::Object(_) => Operation {
            needs: word(&said["needs"]),
            requires: requirements(&said["requires"]),
            at_most: entries(&said["at_most"])
                .into_iter()
                .map(|(kind, most)| {
                    (kind, usize::try_from(most.as_u64().expect("a number")).expect("a small one"))
                })
                .collect(),
        },
        one => Operation { needs: word(one), requires: Vec::new(), at_most: BTreeMap::new() },
    };
    entries(said).into_iter().map(|(name, said)| (name, operation(&said))).collect()
}

pub(super) fn requirements(said: &Yaml) -> Vec<Requirement> {
    let entries = entries(said).into_iter();
    entries.map(|(attribute, wanted)| Requirement { attribute, wanted: words(&wanted) }).collect()
}

/// The names; `*` among them stands for all.
pub(super) fn all_or(names: Vec<String>, all: &[String]) -> Vec<String> {
    if names.iter().any(|name| name == "*") { all.to_vec() } else { names }
}

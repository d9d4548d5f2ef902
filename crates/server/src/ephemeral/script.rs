//! From fixtures to commands, in an order in which each finds what it rests on.

mod account;
mod group;
mod member;
mod person;

use std::collections::BTreeMap;

use mandate_domain::command::Command;
use mandate_domain::id::{AccountId, IdError, UserId};
use mandate_domain::plan::Policies;
use mandate_domain::policy::reader::{Fields, Reader};
use mandate_domain::policy::yaml::{Node, join};
use mandate_domain::refusal::Refusal;
use mandate_proto::v1;

use super::names;
use super::output::Cast;
use crate::auth::{Scope, ScopeSet};
use crate::error::Error;

/// What to carry out.
pub(super) struct Script {
    pub(super) steps: Vec<Step>,
    pub(super) cast: Cast,
}

/// One command.
pub(super) struct Step {
    /// Where the fixtures ask for it (`accounts.hansen.members.ben`).
    pub(super) path: String,
    /// The paths of what has to be there first.
    pub(super) needs: Vec<String>,
    /// The command, or what is wrong with its fields.
    pub(super) command: Result<Command, Error>,
}

/// Reads the fixtures.
pub(super) fn read(reader: &mut Reader<'_>, root: &Node, policies: &Policies) -> Script {
    let fields = reader.fields(root, &["services", "people", "accounts", "groups"]);
    let mut author = Author {
        reader,
        policies,
        people: BTreeMap::new(),
        accounts: BTreeMap::new(),
        steps: Vec::new(),
        last: Vec::new(),
        cast: Cast::default(),
    };
    if let Some(node) = fields.get("services") {
        author.services(node);
    }
    if let Some(node) = fields.get("people") {
        author.people(node);
    }
    if let Some(node) = fields.get("accounts") {
        author.accounts(node);
    }
    if let Some(node) = fields.get("groups") {
        author.groups(node);
    }
    let Author { mut steps, last, cast, .. } = author;
    steps.extend(last);
    Script { steps, cast }
}

/// Tells what is wrong with what stands at a path.
pub(super) fn report(reader: &mut Reader<'_>, path: &str, error: Error) {
    match error {
        Error::Refused(Refusal::Invalid(fields)) => {
            for field in fields {
                reader.error_at(&join(path, &dotted(&field.path)), field.message, "");
            }
        }
        error => reader.error_at(path, error.to_string(), ""),
    }
}

/// The path of a field of a message as paths of files have it: `attributes[tier]` is `attributes.tier`.
fn dotted(path: &str) -> String {
    let mut dotted = String::with_capacity(path.len());
    for part in path.split_inclusive('[') {
        let Some((key, rest)) = part.split_once(']') else {
            dotted.push_str(part);
            continue;
        };
        if key.parse::<usize>().is_ok() {
            dotted.push_str(key);
            dotted.push(']');
        } else {
            dotted.pop();
            dotted.push('.');
            dotted.push_str(key);
        }
        dotted.push_str(rest);
    }
    dotted
}

/// What was read so far.
struct Author<'a, 'r> {
    reader: &'a mut Reader<'r>,
    policies: &'a Policies,
    people: BTreeMap<String, UserId>,
    accounts: BTreeMap<String, AccountId>,
    steps: Vec<Step>,
    /// Suspensions: what is suspended must first have become what it is.
    last: Vec<Step>,
    cast: Cast,
}

impl Author<'_, '_> {
    fn services(&mut self, node: &Node) {
        let mut services = BTreeMap::new();
        for (name, node) in self.reader.named(node, "a service") {
            let mut scopes = ScopeSet::EMPTY;
            let items = self.reader.items(node);
            if items.is_empty() {
                self.reader
                    .error(node, "a service needs at least one scope: without, its token is a person's");
            }
            for item in items {
                match self.reader.word(item).map(str::parse::<Scope>) {
                    Some(Ok(scope)) => scopes = scopes.with(scope),
                    Some(Err(error)) => self.reader.error(item, error.to_string()),
                    None => {}
                }
            }
            services.insert(name.to_owned(), scopes);
        }
        self.cast.services = Some(services);
    }

    fn step(&mut self, path: &str, needs: &[&str], command: Result<Command, Error>) {
        let needs = needs.iter().map(|need| (*need).to_owned()).collect();
        self.steps.push(Step { path: path.to_owned(), needs, command });
    }

    fn finally(&mut self, path: &str, needs: &[&str], command: Command) {
        let needs = needs.iter().map(|need| (*need).to_owned()).collect();
        self.last.push(Step { path: path.to_owned(), needs, command: Ok(command) });
    }

    /// The id that was given, or the one that follows from where it would have been.
    fn id<T>(&mut self, fields: Fields<'_>, path: &str, from_bits: impl Fn(u128) -> T) -> T
    where
        T: std::str::FromStr<Err = IdError>,
    {
        let given = fields.get("id").and_then(|node| Some((node, self.reader.word(node)?)));
        match given.map(|(node, text)| (node, text.parse::<T>())) {
            Some((_, Ok(id))) => return id,
            Some((node, Err(error))) => self.reader.error(node, error.to_string()),
            None => {}
        }
        from_bits(names::bits(path))
    }

    fn text(&mut self, fields: Fields<'_>, key: &str) -> Option<String> {
        self.reader.text(fields.get(key))
    }

    fn words(&mut self, fields: Fields<'_>, key: &str) -> Vec<String> {
        let Some(node) = fields.get(key) else { return Vec::new() };
        let items = self.reader.items(node);
        items.into_iter().filter_map(|item| self.reader.word(item).map(str::to_owned)).collect()
    }

    fn is_on(&mut self, fields: Fields<'_>, key: &str) -> bool {
        self.reader.switch(fields.get(key)).unwrap_or(false)
    }

    /// The person that a node names, and where the fixtures introduce them.
    fn person(&mut self, node: &Node) -> Option<(UserId, String)> {
        let names = self.people.keys().map(String::as_str);
        let index = self.reader.one_of(node, "person", names)?;
        self.people.iter().nth(index).map(|(name, id)| (*id, format!("people.{name}")))
    }

    /// The same where the name is the key of what stands under it.
    fn person_called(&mut self, name: &str, node: &Node) -> Option<(UserId, String)> {
        let known = self.people.get(name).copied();
        if known.is_none() {
            self.reader.error(node, format!("no person `{name}`: introduce them under `people`"));
        }
        known.map(|id| (id, format!("people.{name}")))
    }

    /// A resource, written `TYPE/ID`.
    fn resource(&mut self, text: &str, node: &Node) -> Option<v1::ResourceRef> {
        match text.split_once('/') {
            Some((kind, id)) => Some(v1::ResourceRef { r#type: kind.to_owned(), id: id.to_owned() }),
            None => {
                self.reader.error(node, format!("`{text}` is no resource; write its type and id as TYPE/ID"));
                None
            }
        }
    }

    fn assignments(&mut self, fields: Fields<'_>) -> Vec<v1::NewAssignment> {
        let Some(node) = fields.get("assignments") else { return Vec::new() };
        let items = self.reader.items(node);
        items.into_iter().filter_map(|item| self.assignment(item)).collect()
    }

    /// `TYPE/ID`, or a map that also says what the assignment carries.
    fn assignment(&mut self, node: &Node) -> Option<v1::NewAssignment> {
        use mandate_domain::policy::yaml::Content;
        if let Content::Scalar(text) = &node.content {
            return Some(v1::NewAssignment {
                resource: Some(self.resource(text, node)?),
                ..Default::default()
            });
        }
        let fields = self.reader.fields(node, &["resource", "roles", "permissions"]);
        let Some(resource) = fields.get("resource") else {
            self.reader.error(node, "an assignment needs a `resource`");
            return None;
        };
        let text = self.reader.word(resource)?;
        let resource = Some(self.resource(text, resource)?);
        let (roles, permissions) = (self.words(fields, "roles"), self.words(fields, "permissions"));
        Some(v1::NewAssignment { resource, roles, permissions })
    }
}

/// What a person, account or group is called where the fixtures do not say: their name there, with a capital letter.
fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_messages_are_those_of_the_file() {
        for (message, file) in [
            ("roles[1]", "roles[1]"),
            ("attributes[tier]", "attributes.tier"),
            ("attributes[tier].text", "attributes.tier.text"),
            ("assignments[0].resource.type", "assignments[0].resource.type"),
        ] {
            assert_eq!(dotted(message), file);
        }
    }
}

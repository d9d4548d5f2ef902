//! Account groups.

use mandate_domain::command::Command;
use mandate_domain::id::GroupId;
use mandate_domain::policy::yaml::{Node, join};
use mandate_proto::v1;

use super::{Author, capital};
use crate::convert;
use crate::convert::group::CreateGroup;
use crate::ephemeral::output::Group;
use crate::error::Error;

const FIELDS: &[&str] = &["id", "display_name", "founder", "accounts", "users"];

impl Author<'_, '_> {
    pub(super) fn groups(&mut self, node: &Node) {
        for (name, node) in self.reader.named(node, "an account group") {
            let fields = self.reader.fields(node, FIELDS);
            let id = self.id(fields, &format!("groups.{name}"), GroupId::from_bits);
            self.cast.groups.insert(name.to_owned(), Group { id });
            let mut needs = Vec::new();
            let founder = fields.get("founder").and_then(|node| self.person(node));
            let (founder, introduced) = founder.map(|(id, path)| (id.to_string(), path)).unzip();
            needs.extend(introduced);
            if fields.get("founder").is_some() && founder.is_none() {
                needs.push(String::new());
            }
            let mut accounts = Vec::new();
            for item in fields.get("accounts").map(|node| self.reader.items(node)).unwrap_or_default() {
                let names = self.accounts.keys().map(String::as_str);
                let index = self.reader.one_of(item, "account", names);
                match index.and_then(|index| self.accounts.iter().nth(index)) {
                    Some((name, id)) => {
                        accounts.push(id.to_string());
                        needs.push(format!("accounts.{name}"));
                    }
                    None => needs.push(String::new()),
                }
            }
            let message = v1::CreateAccountGroupRequest {
                display_name: self.text(fields, "display_name").unwrap_or_else(|| capital(name)),
                accounts,
                founder: founder.unwrap_or_default(),
                ..Default::default()
            };
            let command = convert::group::create(message).and_then(
                |CreateGroup { display_name, accounts, founder }| match founder {
                    Some(founder) => Ok(Command::CreateGroup { id, display_name, accounts, founder }),
                    None => Err(Error::field("founder", "is required: a person who owns the accounts")),
                },
            );
            let needs: Vec<&str> = needs.iter().map(String::as_str).collect();
            self.step(&node.path, &needs, command);
            if let Some(users) = fields.get("users") {
                self.group_users(users, id, &node.path);
            }
        }
    }

    /// Who is in it beside its founder, each with their role.
    fn group_users(&mut self, node: &Node, group: GroupId, founded: &str) {
        for (name, node) in self.reader.named(node, "a person") {
            let Some((user, introduced)) = self.person_called(name, node) else { continue };
            let Some(role) = self.reader.word(node).map(str::to_owned) else { continue };
            let message = v1::AddAccountGroupUserRequest {
                group: group.to_string(),
                user: user.to_string(),
                role,
                ..Default::default()
            };
            let path = join(founded, &format!("users.{name}"));
            self.step(&path, &[founded, &introduced], convert::group::add_user(message));
        }
    }
}

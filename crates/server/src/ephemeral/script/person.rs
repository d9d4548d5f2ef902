//! People.

use mandate_domain::command::Command;
use mandate_domain::id::UserId;
use mandate_domain::policy::yaml::{Node, join};
use mandate_proto::v1;

use super::{Author, capital};
use crate::convert;
use crate::convert::identity::CreateUser;
use crate::ephemeral::output::Person;

const FIELDS: &[&str] = &["id", "display_name", "email", "avatar_url", "identities", "suspended"];

impl Author<'_, '_> {
    pub(super) fn people(&mut self, node: &Node) {
        for (name, node) in self.reader.named(node, "a person") {
            let fields = self.reader.fields(node, FIELDS);
            let id = self.id(fields, &format!("people.{name}"), UserId::from_bits);
            let email = self.text(fields, "email").unwrap_or_else(|| format!("{name}@example.com"));
            let message = v1::CreateUserRequest {
                email: email.clone(),
                display_name: self.text(fields, "display_name").unwrap_or_else(|| capital(name)),
                avatar_url: self.text(fields, "avatar_url").unwrap_or_default(),
                identities: fields.get("identities").map(|node| self.identities(node)).unwrap_or_default(),
                ..Default::default()
            };
            let command = convert::identity::create(message).map(
                |CreateUser { email, display_name, avatar_url, identities }| Command::CreateUser {
                    id,
                    email,
                    display_name,
                    avatar_url,
                    identities,
                },
            );
            self.step(&node.path, &[], command);
            if self.is_on(fields, "suspended") {
                let path = join(&node.path, "suspended");
                self.finally(&path, &[&node.path], Command::SuspendUser { user: id });
            }
            self.people.insert(name.to_owned(), id);
            self.cast.people.insert(name.to_owned(), Person { id, email });
        }
    }

    /// Logins at other issuers.
    fn identities(&mut self, node: &Node) -> Vec<v1::Identity> {
        let mut identities = Vec::new();
        for item in self.reader.items(node) {
            let fields = self.reader.fields(item, &["issuer", "subject"]);
            let issuer = self.text(fields, "issuer").unwrap_or_default();
            let subject = self.text(fields, "subject").unwrap_or_default();
            identities.push(v1::Identity { issuer, subject });
        }
        identities
    }
}

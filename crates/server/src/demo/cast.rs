//! Who and what the stories name, with the ids that the server gave them.

use std::collections::HashMap;

use anyhow::Context as _;

use super::story::Person;

/// Ids by name, and back.
#[derive(Default)]
pub(super) struct Cast {
    people: HashMap<&'static str, Player>,
    /// Accounts (`acc_…`) and groups (`grp_…`).
    places: HashMap<&'static str, String>,
}

/// A person of a story who is a user of the server.
pub(super) struct Player {
    /// The user's id (`usr_…`).
    pub(super) id: String,
    /// A token of that person.
    pub(super) token: String,
    part: &'static str,
}

impl Cast {
    pub(super) fn enter(&mut self, person: &Person, id: String, token: String) {
        self.people.insert(person.name, Player { id, token, part: person.part });
    }

    pub(super) fn found(&mut self, name: &'static str, id: String) {
        self.places.insert(name, id);
    }

    pub(super) fn player(&self, name: &str) -> anyhow::Result<&Player> {
        self.people.get(name).with_context(|| format!("no story has introduced {name}"))
    }

    pub(super) fn user(&self, name: &str) -> anyhow::Result<String> {
        Ok(self.player(name)?.id.clone())
    }

    pub(super) fn id_of(&self, place: &str) -> anyhow::Result<String> {
        self.places.get(place).cloned().with_context(|| format!("no story has founded {place}"))
    }

    /// The name and the part of somebody, for people to read.
    pub(super) fn titled(&self, name: &str) -> String {
        match self.people.get(name) {
            Some(Player { part, .. }) => format!("{name}, {part}"),
            None => "platform operator".to_owned(),
        }
    }

    /// The name of the place with this id, or the id.
    pub(super) fn name_of<'a>(&'a self, id: &'a str) -> &'a str {
        self.places.iter().find(|(_, place)| *place == id).map_or(id, |(name, _)| name)
    }
}

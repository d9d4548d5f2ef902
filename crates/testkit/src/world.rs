//! What the server has told of its world.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use crate::StartError;

/// The file of `--seed-output`.
#[derive(Debug, Deserialize)]
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) mail: PathBuf,
    pub(crate) operator: Bearer,
    pub(crate) services: Named<Bearer>,
    pub(crate) people: Named<Person>,
    pub(crate) accounts: Named<Account>,
    pub(crate) groups: Named<Group>,
}

#[derive(Deserialize)]
pub(crate) struct Bearer {
    pub(crate) token: String,
}

impl std::fmt::Debug for Bearer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bearer(…)")
    }
}

#[derive(Deserialize)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) token: String,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Person").field(&self.id).finish()
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) contacts: Named<String>,
    pub(crate) invitations: Named<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Group {
    pub(crate) id: String,
}

/// Things under their names in the fixtures.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Named<T>(BTreeMap<String, T>);

impl<T> Named<T> {
    /// The one of this name.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub(crate) fn of(&self, name: &str) -> &T {
        let names: Vec<&str> = self.0.keys().map(String::as_str).collect();
        match self.0.get(name) {
            Some(found) => found,
            #[expect(clippy::panic, reason = "a test that names nobody has failed")]
            None => panic!("the fixtures have no `{name}` there, but {names:?}"),
        }
    }
}

impl World {
    pub(crate) fn read(told: &[u8]) -> Result<Self, StartError> {
        serde_json::from_slice(told).map_err(|error| {
            StartError::new(format!("the server is of a version that tells its world otherwise: {error}"))
        })
    }
}

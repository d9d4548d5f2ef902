//! Reading a TOML table key by key, collecting every mistake instead of stopping at the first.

use toml::{Table, Value};

use super::config::ConfigProblem;
use super::nearest::did_you_mean;

/// A table of the file, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Fields<'t> {
    table: &'t Table,
    /// The path of the table, such as `issuer[0]`; empty for the file itself.
    at: String,
}

/// The mistakes found so far.
#[derive(Debug, Default)]
pub(super) struct Problems(pub(super) Vec<ConfigProblem>);

impl Problems {
    pub(super) fn add(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.0.push(ConfigProblem { key: key.into(), place: None, message: message.into() });
    }
}

impl<'t> Fields<'t> {
    pub(super) fn new(table: &'t Table, at: impl Into<String>) -> Self {
        Self { table, at: at.into() }
    }

    /// The path of one of the table's keys.
    pub(super) fn path(&self, key: &str) -> String {
        if self.at.is_empty() { key.to_owned() } else { format!("{}.{key}", self.at) }
    }

    /// Refuses keys that are not among `known`.
    pub(super) fn refuse_unknown(&self, known: &[&'static str], problems: &mut Problems) {
        for key in self.table.keys() {
            if !known.contains(&key.as_str()) {
                let hint = did_you_mean(key, known.iter().copied());
                let known = known.join(", ");
                problems.add(self.path(key), format!("is not a key of this table{hint}; it has: {known}"));
            }
        }
    }

    /// A key's value, if the key is there.
    pub(super) fn value(&self, key: &str) -> Option<&'t Value> {
        self.table.get(key)
    }

    /// A string that is not blank; `None` when it is absent or was found wrong.
    pub(super) fn text(&self, key: &str, problems: &mut Problems) -> Option<&'t str> {
        match self.value(key)? {
            Value::String(text) if !text.trim().is_empty() => Some(text),
            _ => {
                problems.add(self.path(key), "must be a string that is not empty; write it in quotes");
                None
            }
        }
    }

    /// One string or a list of at least one, each with its path; `None` when absent or found wrong.
    pub(super) fn texts(&self, key: &str, problems: &mut Problems) -> Option<Vec<(String, &'t str)>> {
        let Value::Array(values) = self.value(key)? else {
            return self.text(key, problems).map(|text| vec![(self.path(key), text)]);
        };
        if values.is_empty() {
            problems.add(self.path(key), "must not be empty; list at least one, or leave the key out");
        }
        let mut texts = Vec::new();
        for (position, value) in values.iter().enumerate() {
            let path = format!("{}[{position}]", self.path(key));
            match value {
                Value::String(text) if !text.trim().is_empty() => {
                    texts.push((path, text.as_str()));
                }
                _ => problems.add(path, "must be a string that is not empty; write it in quotes"),
            }
        }
        (texts.len() == values.len() && !texts.is_empty()).then_some(texts)
    }
}

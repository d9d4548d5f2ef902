//! A TOML file as a list of what it says, each with its place.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Place;

/// What a file says.
#[derive(Debug, Default)]
pub struct Document {
    /// In the order of the file.
    pub entries: Vec<Entry>,
}

/// One key of the file, of whatever depth.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where it stands in the tree: `database.url`, `issuer[0].keys.pem`.
    pub path: String,
    /// Where its key is, in a list the value.
    pub key: Place,
    /// Where its value is.
    pub value: Place,
    /// What it says.
    pub written: Written,
}

/// A value as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// A string.
    Text(String),
    /// A number, `true` or `false`.
    Word(String),
    /// A date or a time, which no setting is.
    Date,
    /// A list of values; its members are entries as well.
    List(Vec<Written>),
    /// A table; its keys are entries as well.
    Table,
}

impl Document {
    /// Reads a file, as much of it as can be read, and says what cannot.
    #[must_use]
    pub fn parse(text: &str) -> (Self, Vec<(Place, String)>) {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut walk = Walk { text, entries: Vec::new() };
        walk.table("", table.get_ref());
        let mut entries = walk.entries;
        entries.sort_by_key(|entry| entry.key);
        let told = |error: toml::de::Error| {
            (place(text, error.span().map_or(0, |span| span.start)), error.message().to_owned())
        };
        (Self { entries }, errors.into_iter().map(told).collect())
    }

    /// Where a key is; if it is not there, where the nearest table around it begins.
    #[must_use]
    pub fn place(&self, path: &str) -> Option<Place> {
        let mut path = path;
        loop {
            if let Some(entry) = self.entries.iter().find(|entry| entry.path == path) {
                return Some(entry.key);
            }
            let end = path.rfind(['.', '['])?;
            path = path.get(..end)?;
        }
    }
}

struct Walk<'t> {
    text: &'t str,
    entries: Vec<Entry>,
}

impl Walk<'_> {
    fn table(&mut self, at: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = key.get_ref();
            let path = if at.is_empty() { name.to_string() } else { format!("{at}.{name}") };
            self.value(path, place(self.text, key.span().start), value);
        }
    }

    fn value(&mut self, path: String, key: Place, value: &Spanned<DeValue<'_>>) {
        let span = place(self.text, value.span().start);
        let written = written(value.get_ref());
        self.entries.push(Entry { path: path.clone(), key, value: span, written });
        match value.get_ref() {
            DeValue::Table(table) => self.table(&path, table),
            DeValue::Array(values) => {
                for (position, value) in values.iter().enumerate() {
                    let span = place(self.text, value.span().start);
                    self.value(format!("{path}[{position}]"), span, value);
                }
            }
            _ => {}
        }
    }
}

fn written(value: &DeValue<'_>) -> Written {
    match value {
        DeValue::String(text) => Written::Text(Cow::clone(text).into_owned()),
        DeValue::Integer(number) => {
            let value = i128::from_str_radix(number.as_str(), number.radix());
            Written::Word(value.map_or_else(|_| number.as_str().to_owned(), |value| value.to_string()))
        }
        DeValue::Float(number) => Written::Word(number.as_str().to_owned()),
        DeValue::Boolean(value) => Written::Word(value.to_string()),
        DeValue::Datetime(_) => Written::Date,
        DeValue::Array(values) => {
            Written::List(values.iter().map(|value| written(value.get_ref())).collect())
        }
        DeValue::Table(_) => Written::Table,
    }
}

/// Line and column of a byte.
fn place(text: &str, at: usize) -> Place {
    let before = text.get(..at).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    Place { line: before.matches('\n').count() + 1, column: line.chars().count() + 1 }
}

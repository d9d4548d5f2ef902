//! Reading fields: each rule once, each mistake with its path.

use std::fmt;
use std::str::FromStr;

use mandate_domain::id::IdError;
use mandate_domain::refusal::{FieldError, Refusal};
use mandate_domain::search::Infix;
use prost_types::Timestamp;

use crate::error::Error;
use crate::passwords::Password;

/// Longest password, in characters.
const MAX_PASSWORD: usize = 128;
/// Longest name of a role, permission, restriction, resource type or policy, in bytes.
const MAX_NAME: usize = 128;

/// Where a field is in a message (`assignments[2].resource.type`). Nothing is allocated until it is shown.
#[derive(Debug, Clone, Copy)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Field(&'a str),
    Index(usize),
    Key(&'a str),
}

impl<'a> Path<'a> {
    /// A field of the message itself.
    #[must_use]
    pub const fn of(field: &'a str) -> Self {
        Self { parent: None, step: Step::Field(field) }
    }

    /// A field of the message at this path.
    #[must_use]
    pub const fn field(&'a self, field: &'a str) -> Path<'a> {
        Path { parent: Some(self), step: Step::Field(field) }
    }

    /// An element of the list at this path.
    #[must_use]
    pub const fn index(&'a self, index: usize) -> Path<'a> {
        Path { parent: Some(self), step: Step::Index(index) }
    }

    /// An entry of the map at this path.
    #[must_use]
    pub const fn key(&'a self, key: &'a str) -> Path<'a> {
        Path { parent: Some(self), step: Step::Key(key) }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match (self.step, self.parent) {
            (Step::Field(field), None) => f.write_str(field),
            (Step::Field(field), Some(_)) => write!(f, ".{field}"),
            (Step::Index(index), _) => write!(f, "[{index}]"),
            (Step::Key(key), _) => write!(f, "[{key}]"),
        }
    }
}

/// The mistakes found so far. Each reader returns the value, or notes a mistake and returns a stand-in that
/// [`Fields::finish`] keeps from being used.
#[derive(Debug, Default)]
pub struct Fields(Vec<FieldError>);

impl Fields {
    /// Notes a mistake.
    pub fn reject(&mut self, path: Path<'_>, message: impl Into<String>) {
        self.0.push(FieldError::new(path.to_string(), message));
    }

    /// The value that was read, if there was no mistake.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every mistake.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Error> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            None if self.0.is_empty() => {
                Err(Error::Defect("a field was refused without a reason".to_owned()))
            }
            _ => Err(Refusal::Invalid(self.0).into()),
        }
    }

    /// An id. Required.
    pub fn id<T: FromStr<Err = IdError>>(&mut self, path: Path<'_>, text: &str) -> Option<T> {
        match text.parse() {
            Ok(id) => Some(id),
            Err(_) if text.is_empty() => self.none(path, "is required"),
            Err(error) => self.none(path, error.to_string()),
        }
    }

    /// An id, or `Some(None)` when it was left out.
    pub fn optional_id<T: FromStr<Err = IdError>>(
        &mut self,
        path: Path<'_>,
        text: &str,
    ) -> Option<Option<T>> {
        if text.is_empty() { Some(None) } else { self.id(path, text).map(Some) }
    }

    /// What people call something: 1 to 200 characters. Required.
    pub fn title(&mut self, path: Path<'_>, text: String) -> Option<String> {
        if text.trim().is_empty() {
            return self.none(path, "is required: 1 to 200 characters that can be seen");
        }
        self.optional_title(path, text)
    }

    /// What people call something: at most 200 characters.
    pub fn optional_title(&mut self, path: Path<'_>, text: String) -> Option<String> {
        let length = text.chars().count();
        if length > 200 {
            return self.none(path, format!("has {length} characters; at most 200 are kept"));
        }
        self.printable(path, text)
    }

    /// A text that comes from outside and is compared byte for byte: 1 to `most` bytes. Required.
    pub fn opaque(&mut self, path: Path<'_>, text: String, most: usize) -> Option<String> {
        match text.len() {
            0 => self.none(path, format!("is required: 1 to {most} bytes")),
            length if length > most => {
                self.none(path, format!("has {length} bytes; at most {most} are kept"))
            }
            _ => self.printable(path, text),
        }
    }

    /// The name of a role, permission, resource type or policy. Required.
    pub fn name(&mut self, path: Path<'_>, text: String) -> Option<String> {
        self.opaque(path, text, MAX_NAME)
    }

    /// A list of names: at most `most`.
    pub fn names(&mut self, path: Path<'_>, names: Vec<String>, most: usize) -> Option<Vec<String>> {
        self.at_most(path, names.len(), most)?;
        let names: Vec<_> =
            names.into_iter().enumerate().map(|(index, name)| self.name(path.index(index), name)).collect();
        names.into_iter().collect()
    }

    /// A list of names: 1 to `most`.
    pub fn some_names(&mut self, path: Path<'_>, names: Vec<String>, most: usize) -> Option<Vec<String>> {
        if names.is_empty() {
            return self.none(path, format!("is required: 1 to {most} names"));
        }
        self.names(path, names, most)
    }

    /// Whether a list is short enough to be read at all.
    pub fn at_most(&mut self, path: Path<'_>, length: usize, most: usize) -> Option<()> {
        if length > most {
            return self.none(path, format!("has {length} entries; send at most {most} in one call"));
        }
        Some(())
    }

    /// A text to search for in names and addresses, or `Some(None)` when it was left out.
    pub fn search(&mut self, path: Path<'_>, text: &str) -> Option<Option<Infix>> {
        if text.is_empty() {
            return Some(None);
        }
        match Infix::new(text) {
            Some(infix) => Some(Some(infix)),
            None => {
                let (least, most) = (Infix::LEAST, Infix::MOST);
                self.none(
                    path,
                    format!("searches for {least} to {most} characters; type more, or leave it out"),
                )
            }
        }
    }

    /// A time in microseconds since the Unix epoch, or `Some(None)` when it was left out.
    pub fn optional_time(&mut self, path: Path<'_>, time: Option<Timestamp>) -> Option<Option<i64>> {
        let Some(Timestamp { seconds, nanos }) = time else { return Some(None) };
        // The years 1 to 9999, as google.protobuf.Timestamp has them.
        let good =
            (-62_135_596_800..=253_402_300_799).contains(&seconds) && (0..1_000_000_000).contains(&nanos);
        match good {
            true => Some(Some(seconds * 1_000_000 + i64::from(nanos) / 1_000)),
            false => self.none(path, "is no time of the years 1 to 9999, with 0 to 999,999,999 nanoseconds"),
        }
    }

    /// A message that must be there.
    pub fn required<T>(&mut self, path: Path<'_>, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.reject(path, "is required");
        }
        value
    }

    /// A value of an enum that is not its zero value; `of` turns the number into one.
    pub fn choice<E, T>(&mut self, path: Path<'_>, number: i32, of: impl FnOnce(E) -> Option<T>) -> Option<T>
    where
        E: TryFrom<i32>,
    {
        match E::try_from(number).ok().and_then(of) {
            Some(value) => Some(value),
            None => {
                self.none(path, format!("{number} is no value of this enum that can be sent; see the protos"))
            }
        }
    }

    /// A text of several lines: 1 to `most` bytes. Required.
    pub fn text(&mut self, path: Path<'_>, text: String, most: usize) -> Option<String> {
        match text.len() {
            0 => self.none(path, format!("is required: 1 to {most} bytes")),
            length if length > most => {
                self.none(path, format!("has {length} bytes; at most {most} are kept"))
            }
            _ if text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) => {
                self.none(path, "holds control characters; leave them out")
            }
            _ => Some(text),
        }
    }

    /// A password of a person's or a provisioner's choosing: `least` to 128 characters. Its bytes are kept as they are
    /// (NIST SP 800-63B §5.1.1: length counts, and no rules of composition).
    pub fn password(&mut self, path: Path<'_>, text: String, least: usize) -> Option<Password> {
        let length = text.chars().count();
        let first = text.chars().next();
        if !(least..=MAX_PASSWORD).contains(&length) {
            return self.none(path, format!("is too weak: {least} to {MAX_PASSWORD} characters are needed"));
        }
        if text.chars().all(|character| Some(character) == first) {
            return self.none(path, "is too weak: one character over and over is guessed at once");
        }
        self.printable(path, text).map(Password::new)
    }

    /// Control characters cannot be shown to anybody, and one of them cannot be stored everywhere.
    fn printable(&mut self, path: Path<'_>, text: String) -> Option<String> {
        if text.contains(char::is_control) {
            return self.none(path, "holds control characters; leave them out");
        }
        Some(text)
    }

    /// Notes a mistake and returns that there is no value.
    pub fn none<T>(&mut self, path: Path<'_>, message: impl Into<String>) -> Option<T> {
        self.reject(path, message);
        None
    }
}

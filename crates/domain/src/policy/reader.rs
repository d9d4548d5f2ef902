//! Reads single values out of the tree, and collects what is wrong with them.

use std::collections::HashMap;

use super::diagnostic::{Diagnostic, Severity, suggestion};
use super::yaml::{Content, Key, Node, Position};

/// Longest name of anything in a policy, in bytes.
pub const MAX_NAME: usize = 63;
/// Longest title or description, in bytes.
const MAX_TEXT: usize = 500;

/// Collects the diagnostics of one file.
#[derive(Debug)]
pub struct Reader<'a> {
    file: &'a str,
    places: HashMap<String, Position>,
    found: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    /// Of the file of this name, which is only used to name places.
    #[must_use]
    pub fn new(file: &'a str) -> Self {
        Self { file, places: HashMap::new(), found: Vec::new() }
    }

    /// Remembers where every path of the tree stands, so that a contradiction found later has a place.
    pub fn remember(&mut self, node: &Node) {
        self.places.insert(node.path.clone(), node.at);
        match &node.content {
            Content::Nothing | Content::Scalar(_) => {}
            Content::List(items) => items.iter().for_each(|item| self.remember(item)),
            Content::Map(entries) => entries.iter().for_each(|(_, value)| self.remember(value)),
        }
    }

    /// Whether the file says anything at that path.
    pub fn says(&self, path: &str) -> bool {
        self.places.contains_key(path)
    }

    /// Everything found, in the order of the file.
    pub fn finish(mut self) -> Vec<Diagnostic> {
        self.found.sort_by(|a, b| (a.line, a.column, &a.path).cmp(&(b.line, b.column, &b.path)));
        self.found.dedup();
        self.found
    }

    /// Whether something was found that keeps the file from being used.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.found.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// A mistake at a place.
    pub fn report(
        &mut self,
        at: Position,
        path: &str,
        severity: Severity,
        message: String,
        hint: Option<String>,
    ) {
        let (file, path) = (self.file.to_owned(), path.to_owned());
        self.found.push(Diagnostic { file, line: at.line, column: at.column, path, severity, message, hint });
    }

    /// An error at a node.
    pub fn error(&mut self, node: &Node, message: impl Into<String>) {
        self.report(node.at, &node.path, Severity::Error, message.into(), None);
    }

    /// An error at a node, with what to do about it.
    pub fn error_hint(&mut self, node: &Node, message: impl Into<String>, hint: Option<String>) {
        self.report(node.at, &node.path, Severity::Error, message.into(), hint);
    }

    /// A warning at a node.
    pub fn warn(&mut self, node: &Node, message: impl Into<String>) {
        self.report(node.at, &node.path, Severity::Warning, message.into(), None);
    }

    /// An error at a path; one that the file does not spell out is placed at the nearest thing above it.
    pub fn error_at(&mut self, path: &str, message: impl Into<String>, hint: &str) {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        self.report(self.position(path), path, Severity::Error, message.into(), hint);
    }

    /// A warning at a path.
    pub fn warn_at(&mut self, path: &str, message: impl Into<String>, hint: &str) {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        self.report(self.position(path), path, Severity::Warning, message.into(), hint);
    }

    fn position(&self, path: &str) -> Position {
        let mut path = path;
        loop {
            if let Some(at) = self.places.get(path) {
                return *at;
            }
            match path.rfind(['.', '[']).and_then(|end| path.get(..end)) {
                Some(above) => path = above,
                None => return self.places.get("").copied().unwrap_or(Position { line: 1, column: 1 }),
            }
        }
    }

    /// The entries of a map; anything else is reported.
    pub fn entries<'n>(&mut self, node: &'n Node) -> &'n [(Key, Node)] {
        match &node.content {
            Content::Map(entries) => entries,
            other => {
                self.error(node, format!("this takes a map, not {}", kind(other)));
                &[]
            }
        }
    }

    /// The entries of a map whose keys are names that the file makes up; misspelt ones are reported and left out.
    pub fn named<'n>(&mut self, node: &'n Node, what: &str) -> Vec<(&'n str, &'n Node)> {
        let mut named = Vec::new();
        for (key, value) in self.entries(node) {
            if self.spelling(key, &value.path, what) {
                named.push((key.text.as_str(), value));
            }
        }
        named
    }

    fn spelling(&mut self, key: &Key, path: &str, what: &str) -> bool {
        let fine = is_name(&key.text);
        if !fine {
            let message = format!("`{}` cannot be the name of {what}", key.text);
            let hint = format!(
                "write a lower-case letter, then up to {} lower-case letters, digits and underscores",
                MAX_NAME - 1
            );
            self.report(key.at, path, Severity::Error, message, Some(hint));
        }
        fine
    }

    /// The fields of a map with known keys; unknown ones are reported with the nearest known one.
    pub fn fields<'n>(&mut self, node: &'n Node, known: &[&str]) -> Fields<'n> {
        let entries = match &node.content {
            Content::Nothing => &[],
            _ => self.entries(node),
        };
        for (key, value) in entries {
            if !known.contains(&key.text.as_str()) {
                let message = format!("`{}` means nothing here", key.text);
                let hint = suggestion(&key.text, known.iter().copied());
                self.report(key.at, &value.path, Severity::Error, message, hint);
            }
        }
        Fields { entries }
    }

    /// The items of a list; a single scalar is a list of one, nothing a list of none.
    pub fn items<'n>(&mut self, node: &'n Node) -> Vec<&'n Node> {
        match &node.content {
            Content::Nothing => Vec::new(),
            Content::Scalar(_) => vec![node],
            Content::List(items) => items.iter().collect(),
            Content::Map(_) => {
                self.error(node, "this takes a list, not a map");
                Vec::new()
            }
        }
    }

    /// A scalar, whatever it spells.
    pub fn word<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        match &node.content {
            Content::Scalar(text) => Some(text),
            other => {
                self.error(node, format!("this takes a word, not {}", kind(other)));
                None
            }
        }
    }

    /// A text for people.
    pub fn text(&mut self, node: Option<&Node>) -> Option<String> {
        let node = node?;
        let text = self.word(node)?;
        if text.len() > MAX_TEXT {
            self.error(node, format!("this text has {} bytes; it may have {MAX_TEXT}", text.len()));
        }
        Some(text.to_owned())
    }

    /// Yes or no; `None` if nothing (or nothing sensible) was written.
    pub fn switch(&mut self, node: Option<&Node>) -> Option<bool> {
        let node = node?;
        match self.word(node)? {
            "true" | "on" | "yes" => Some(true),
            "false" | "off" | "no" => Some(false),
            other => {
                self.error(node, format!("this is `true` or `false`, not `{other}`"));
                None
            }
        }
    }

    /// A whole number between two bounds.
    pub fn number(&mut self, node: Option<&Node>, least: i64, most: i64) -> Option<i64> {
        let node = node?;
        let word = self.word(node)?;
        match word.parse::<i64>() {
            Ok(number) if (least..=most).contains(&number) => Some(number),
            Ok(number) => {
                self.error(node, format!("{number} is out of range: this takes {least} to {most}"));
                None
            }
            Err(_) => {
                self.error(node, format!("this takes a whole number, not `{word}`"));
                None
            }
        }
    }

    /// Which of some names a node gives; another one is reported with the nearest.
    pub fn one_of<'n>(
        &mut self,
        node: &Node,
        what: &str,
        names: impl Iterator<Item = &'n str> + Clone,
    ) -> Option<usize> {
        let word = self.word(node)?;
        let index = names.clone().position(|name| name == word);
        if index.is_none() {
            self.error_hint(node, format!("no {what} `{word}`"), suggestion(word, names));
        }
        index
    }
}

/// The fields of one map.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'n> {
    entries: &'n [(Key, Node)],
}

impl<'n> Fields<'n> {
    /// Those of a node, whatever they are; none, if it is no map.
    pub(super) fn of(node: &'n Node) -> Self {
        match &node.content {
            Content::Map(entries) => Self { entries },
            Content::Nothing | Content::Scalar(_) | Content::List(_) => Self { entries: &[] },
        }
    }

    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<&'n Node> {
        self.entries.iter().find(|(own, _)| own.text == key).map(|(_, value)| value)
    }
}

fn kind(content: &Content) -> &'static str {
    match content {
        Content::Nothing => "nothing",
        Content::Scalar(_) => "a word",
        Content::List(_) => "a list",
        Content::Map(_) => "a map",
    }
}

/// Whether a word can name a module, action, role, type, attribute or restriction.
pub fn is_name(word: &str) -> bool {
    word.len() <= MAX_NAME
        && word.starts_with(|first: char| first.is_ascii_lowercase())
        && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

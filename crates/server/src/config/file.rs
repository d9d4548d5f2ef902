//! The file: which of its keys are settings, which are mistakes, and what was probably meant.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::document::{Document, Entry, Written};
use super::judge::{Wrong, expected, judge};
use super::problem::{About, Place, Problem};
use super::setting::Setting;
use super::{CONFIG, ISSUER};
use crate::auth::nearest;

/// What a file sets.
#[derive(Debug, Default)]
pub struct File {
    /// The settings that hold, by their ids.
    pub values: Vec<Value>,
    /// Every mistake, in the order of the file.
    pub problems: Vec<Problem>,
    /// Where its first issuer stands, if it has any.
    pub issuer: Option<Place>,
}

/// What a file says of a setting.
#[derive(Debug, Clone)]
pub struct Value {
    /// The setting's [`Setting::id`].
    pub id: String,
    /// One value, or those of a list.
    pub texts: Vec<OsString>,
    /// Where it says so.
    pub place: Place,
}

impl File {
    /// Reads a file.
    #[must_use]
    pub fn read(path: &Path, settings: &[Setting]) -> Self {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text, settings),
            Err(error) => {
                let message = format!("cannot be read ({error})");
                let hint = Some("check --config and MANDATE_CONFIG".to_owned());
                let about = About::File(path.to_owned(), None);
                Self {
                    problems: vec![Problem { about, key: String::new(), message, hint }],
                    ..Self::default()
                }
            }
        }
    }

    /// Judges what a file says; paths in it are relative to its folder.
    #[must_use]
    pub fn parse(path: &Path, text: &str, settings: &[Setting]) -> Self {
        let (document, errors) = Document::parse(text);
        let mut reader = Reader { path, settings, file: Self::default() };
        let mut lines: Vec<usize> = Vec::new();
        for (place, message) in errors {
            // What follows a mistake in its line is not told besides.
            if !lines.contains(&place.line) {
                let hint = hint_of_form(text, place);
                reader.problem(place, "", format!("this is no TOML: {message}"), hint);
            }
            lines.push(place.line);
        }
        // Other lines mean what they say, unless it cannot be told in which table they stand.
        let is_header = |line: &usize| line_of(text, *line).starts_with('[');
        if !lines.iter().any(is_header) {
            let whole = document.entries.into_iter().filter(|entry| !lines.contains(&entry.key.line));
            reader.document(&Document { entries: whole.collect() });
        }
        reader.file.problems.sort();
        reader.file
    }
}

/// A line, which counts from 1, without the spaces in front of it.
fn line_of(text: &str, line: usize) -> &str {
    text.lines().nth(line.saturating_sub(1)).unwrap_or_default().trim_start()
}

/// What is probably wrong where a line is no TOML.
fn hint_of_form(text: &str, place: Place) -> Option<String> {
    let line = line_of(text, place.line);
    let (key, value) = line.split_once('=').map_or((line, None), |(key, value)| (key, Some(value.trim())));
    match value {
        None if key.contains(':') => Some("write KEY = VALUE, with = and not :".to_owned()),
        None => Some("write KEY = VALUE, or [TABLE]".to_owned()),
        Some("") => Some("write the value behind the =".to_owned()),
        Some(value) if !value.starts_with(['"', '\'', '[', '{']) => {
            Some(format!("text stands in quotes: {} = {value:?}", key.trim()))
        }
        Some(_) => None,
    }
}

/// What a table that is not known was meant to be.
enum Meant {
    /// This one, by which its keys are judged.
    Table(String),
    /// A setting, which has no keys.
    Setting,
    /// Nobody knows; its keys are told where they belong.
    Unknown,
}

struct Reader<'s> {
    path: &'s Path,
    settings: &'s [Setting],
    file: File,
}

impl Reader<'_> {
    fn problem(&mut self, place: Place, key: &str, message: impl Into<String>, hint: Option<String>) {
        let about = About::File(self.path.to_owned(), Some(place));
        self.file.problems.push(Problem { about, key: key.to_owned(), message: message.into(), hint });
    }

    fn document(&mut self, document: &Document) {
        let mut mistyped: Vec<(String, Meant)> = Vec::new();
        for entry in &document.entries {
            let (first, rest) = split(&entry.path);
            if first == ISSUER {
                self.file.issuer.get_or_insert(entry.key);
            } else if entry.path.contains('[') {
                // A member of a list is judged with its list.
            } else if let Some((_, meant)) = mistyped.iter().find(|(table, _)| table == first) {
                match (meant, rest) {
                    (Meant::Table(meant), Some(rest)) => {
                        self.leaf(&Entry { path: format!("{meant}.{rest}"), ..entry.clone() });
                    }
                    (Meant::Unknown, _) => self.unknown(entry),
                    (Meant::Setting | Meant::Table(_), _) => {}
                }
            } else if entry.written == Written::Table && rest.is_none() && !self.is_table(first) {
                let meant = match (self.setting(first).map(expected), self.named(first)) {
                    (Some(hint), _) => {
                        self.problem(entry.key, first, "is no table", Some(hint));
                        Meant::Setting
                    }
                    (None, Some(setting)) => {
                        let hint = format!("{}; {}", written(setting, None), expected(setting));
                        self.problem(entry.key, first, "is no table, but a setting", Some(hint));
                        Meant::Setting
                    }
                    (None, None) => self.unknown_table(entry),
                };
                mistyped.push((first.to_owned(), meant));
            } else if entry.written != Written::Table || rest.is_some() {
                self.leaf(entry);
            }
        }
    }

    fn leaf(&mut self, entry: &Entry) {
        let Some(setting) = self.setting(&entry.path).cloned() else { return self.unknown(entry) };
        let wrong = |message: &str| Wrong { message: message.to_owned(), hint: expected(&setting) };
        let texts = match &entry.written {
            Written::List(values) if setting.is_list() => values.iter().map(text).collect(),
            Written::List(values) if setting.id() == "issuers" && values.contains(&Written::Table) => {
                Err("is the path of a file; the table of an issuer is written [[issuer]]")
            }
            Written::List(_) => Err("takes one value, not a list"),
            one => text(one).map(|text| vec![text]),
        };
        let texts = match texts.map_err(wrong) {
            Ok(texts) => texts,
            Err(Wrong { message, hint }) => {
                return self.problem(entry.value, &entry.path, message, Some(hint));
            }
        };
        let mut good = true;
        for text in &texts {
            if let Err(Wrong { message, hint }) = judge(&setting, text) {
                self.problem(entry.value, &entry.path, message, Some(hint));
                good = false;
            }
        }
        if good {
            let texts = texts.into_iter().map(|text| self.relative(&setting, text)).collect();
            self.file.values.push(Value { id: setting.id().to_owned(), texts, place: entry.key });
        }
    }

    /// A path of the file is relative to the file, so that it means the same wherever the server is started.
    fn relative(&self, setting: &Setting, text: OsString) -> OsString {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        match folder {
            Some(folder) if setting.is_path() => folder.join(PathBuf::from(text)).into_os_string(),
            _ => text,
        }
    }

    fn unknown_table(&mut self, entry: &Entry) -> Meant {
        let mut names: Vec<&str> =
            self.settings.iter().filter_map(|setting| setting.table.as_deref()).collect();
        names.dedup();
        let (hint, meant) = match nearest(&entry.path, names.iter().copied().chain([ISSUER])) {
            Some(ISSUER) => ("a table for each issuer is written [[issuer]]".to_owned(), Meant::Setting),
            Some(near) => (format!("did you mean [{near}]?"), Meant::Table(near.to_owned())),
            None => {
                let hint = format!("the tables are [{}]; other keys stand at the top", names.join("], ["));
                (hint, Meant::Unknown)
            }
        };
        self.problem(entry.key, &entry.path, "there is no such table", Some(hint));
        meant
    }

    fn unknown(&mut self, entry: &Entry) {
        let hint = self.meant(&entry.path);
        self.problem(entry.key, &entry.path, "there is no such setting", Some(hint));
    }

    /// What somebody who wrote this probably meant.
    fn meant(&self, path: &str) -> String {
        let (table, key) = path.rsplit_once('.').map_or((None, path), |(table, key)| (Some(table), key));
        if key == CONFIG {
            return "a file names no other one; give --config or MANDATE_CONFIG".to_owned();
        }
        // The flag's or the variable's name, or the right key in another place. All of what was written says more than its end.
        let elsewhere = |setting: &&Setting| setting.key == flat(key);
        // The first word of one is more than a few letters that are alike.
        let begun = |setting: &&Setting| {
            setting.table.as_deref() == table && setting.key.starts_with(&format!("{}_", flat(key)))
        };
        let mut found = self.named(path).or_else(|| self.named(key));
        found = found.or_else(|| self.settings.iter().find(elsewhere));
        if let Some(setting) = found.or_else(|| self.settings.iter().find(begun)) {
            return written(setting, table);
        }
        let around: Vec<&Setting> =
            self.settings.iter().filter(|setting| setting.table.as_deref() == table).collect();
        if let Some(near) = nearest(key, around.iter().map(|setting| setting.key.as_str())) {
            return format!("did you mean `{near}`?");
        }
        let paths: Vec<(String, &Setting)> = self
            .settings
            .iter()
            .flat_map(|setting| [(setting.path(), setting), (setting.key.clone(), setting)])
            .collect();
        let near = nearest(path, paths.iter().map(|(path, _)| path.as_str()))
            .or_else(|| nearest(key, paths.iter().map(|(path, _)| path.as_str())));
        match near.and_then(|near| paths.iter().find(|(path, _)| path == near)) {
            Some((_, setting)) => written(setting, table),
            None if around.is_empty() => "`mandate config reference` lists all settings".to_owned(),
            None => {
                let keys: Vec<&str> = around.iter().map(|setting| setting.key.as_str()).collect();
                let place =
                    table.map_or("at the top of the file".to_owned(), |table| format!("in [{table}]"));
                format!("{place} there are: {}", keys.join(", "))
            }
        }
    }

    /// The setting whose flag, variable or path this is, however its words are joined.
    fn named(&self, name: &str) -> Option<&Setting> {
        let name = flat(name);
        self.settings.iter().find(|setting| {
            let variable = setting.variable().map(str::to_ascii_lowercase);
            [flat(setting.flag()), flat(&setting.path())].contains(&name) || variable.as_ref() == Some(&name)
        })
    }

    fn is_table(&self, name: &str) -> bool {
        self.settings.iter().any(|setting| setting.table.as_deref() == Some(name))
    }

    fn setting(&self, path: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.path() == path)
    }
}

/// A name with its words joined in one way.
fn flat(name: &str) -> String {
    name.replace(['.', '-'], "_").to_ascii_lowercase()
}

/// How a setting is written; `table` is where somebody looked for it.
fn written(setting: &Setting, table: Option<&str>) -> String {
    match &setting.table {
        Some(name) if Some(name.as_str()) == table => format!("did you mean `{}`?", setting.key),
        Some(name) => format!("write it as `{}` under [{name}]", setting.key),
        None if table.is_some() => {
            format!("`{}` stands at the top of the file, in front of the first [table]", setting.key)
        }
        None => format!("did you mean `{}`?", setting.key),
    }
}

/// The first key of a path, without the position in a list, and what follows.
fn split(path: &str) -> (&str, Option<&str>) {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    (first.split_once('[').map_or(first, |(name, _)| name), rest)
}

/// A single value as the command line would have it.
fn text(written: &Written) -> Result<OsString, &'static str> {
    match written {
        Written::Text(text) | Written::Word(text) => Ok(text.into()),
        Written::Date => Err("is a date or a time; write it in quotes if that is meant"),
        Written::List(_) => Err("is a list in a list"),
        Written::Table => Err("is a table, not a value"),
    }
}

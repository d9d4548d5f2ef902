//! `mandate config show`: what holds, as a file that could be used, and who said it.

use std::fmt::Write as _;

use clap::ArgMatches;

use super::layers::{Loaded, Origin};
use super::mask::mask;
use super::setting::Setting;

/// How far to the right the origins stand, unless a value reaches further.
const COLUMN: usize = 48;

/// Every setting with its value and its origin. Secrets are masked.
///
/// `matches` are those of a command that takes all settings.
#[must_use]
pub fn show(settings: &[Setting], loaded: &Loaded, matches: &ArgMatches) -> String {
    let mut text =
        String::from("# What holds, and who said it: a flag, a variable, a file, or nobody (default).\n");
    // TOML has the keys without a table first.
    let mut tables: Vec<Option<&str>> = vec![None];
    for setting in settings {
        if !tables.contains(&setting.table.as_deref()) {
            tables.push(setting.table.as_deref());
        }
    }
    for table in tables {
        if let Some(table) = table {
            let _ = write!(text, "\n[{table}]\n");
        }
        for setting in settings.iter().filter(|setting| setting.table.as_deref() == table) {
            let line = match value(setting, matches) {
                Some(value) => format!("{} = {value}", setting.key),
                None => format!("# {} =", setting.key),
            };
            let _ = writeln!(text, "{line:<COLUMN$} # {}", told(loaded.origin(setting.id()), setting));
        }
    }
    if let (Some(file), Some(place)) = (&loaded.file, loaded.issuer) {
        let _ = write!(text, "\n# [[issuer]]: {}:{} and below\n", file.display(), place.line);
    }
    text
}

fn told(origin: &Origin, setting: &Setting) -> String {
    match origin {
        Origin::Flag => format!("--{}", setting.flag()),
        Origin::Variable(name) => name.clone(),
        Origin::File(file, place) => format!("{}:{}", file.display(), place.line),
        Origin::Default if setting.default().is_none() => "not set".to_owned(),
        Origin::Default => "default".to_owned(),
    }
}

/// As the file would have it.
fn value(setting: &Setting, matches: &ArgMatches) -> Option<String> {
    let raw = matches.try_get_raw(setting.id()).ok()??;
    let values: Vec<String> = raw
        .map(|value| value.to_string_lossy().into_owned())
        .map(|value| if setting.is_secret() { mask(&value) } else { value })
        .map(|value| written(&value))
        .collect();
    match (setting.is_list(), values.as_slice()) {
        (true, values) => Some(format!("[{}]", values.join(", "))),
        (false, [value, ..]) => Some(value.clone()),
        (false, []) => None,
    }
}

/// A number or a truth value bare, anything else in quotes.
fn written(value: &str) -> String {
    let is_bare = value.parse::<toml::Value>().is_ok_and(|parsed| match parsed {
        toml::Value::Integer(number) => number.to_string() == value,
        toml::Value::Boolean(_) => true,
        toml::Value::Float(_) => value.chars().all(|letter| letter.is_ascii_digit() || letter == '.'),
        _ => false,
    });
    // TOML reads the escapes of JSON.
    if is_bare { value.to_owned() } else { serde_json::Value::from(value).to_string() }
}

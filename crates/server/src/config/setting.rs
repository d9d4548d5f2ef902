//! What settings there are: the arguments of `mandate serve`, and the rule that makes keys of their names.

use std::ffi::OsStr;

use clap::{Arg, ArgAction, Args as _, ValueHint};

use super::CONFIG;
use crate::serve::Settings;

/// One setting, as clap describes it.
#[derive(Debug, Clone)]
pub struct Setting {
    arg: Arg,
    /// Its table in the file; none: it stands at the top.
    pub table: Option<String>,
    /// Its key in the table.
    pub key: String,
}

/// All settings, in the order of `mandate serve --help`.
#[must_use]
pub fn settings() -> Vec<Setting> {
    let command = Settings::augment_args(clap::Command::new("serve"));
    command
        .get_arguments()
        .filter(|arg| arg.get_id() != CONFIG && arg.get_long().is_some() && !arg.is_hide_set())
        .cloned()
        .map(Setting::new)
        .collect()
}

impl Setting {
    /// The heading is the table, and what the flag's name has beyond it the key; a flag that is named like its table
    /// is there under the name of its value: `--database URL` is `url` of `[database]`.
    fn new(arg: Arg) -> Self {
        let table = arg.get_help_heading().map(in_file);
        let name = in_file(arg.get_long().unwrap_or_default());
        let beyond = table.as_ref().and_then(|table| name.strip_prefix(table.as_str()));
        let key = match beyond {
            Some("") => in_file(value_name(&arg)),
            Some(rest) => rest.strip_prefix('_').map_or_else(|| name.clone(), str::to_owned),
            None => name,
        };
        Self { arg, table, key }
    }

    /// Where it stands in the file: `listen`, `database.url`.
    #[must_use]
    pub fn path(&self) -> String {
        match &self.table {
            Some(table) => format!("{table}.{}", self.key),
            None => self.key.clone(),
        }
    }

    /// The name by which clap knows it.
    #[must_use]
    pub fn id(&self) -> &str {
        self.arg.get_id().as_str()
    }

    /// Its flag, without the dashes.
    #[must_use]
    pub fn flag(&self) -> &str {
        self.arg.get_long().unwrap_or_default()
    }

    /// Its environment variable.
    #[must_use]
    pub fn variable(&self) -> Option<&str> {
        self.arg.get_env().and_then(OsStr::to_str)
    }

    /// Whether it may hold a secret: clap does not show such values either.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.arg.is_hide_env_values_set()
    }

    /// Whether it is a path, which is relative to the file it stands in.
    #[must_use]
    pub fn is_path(&self) -> bool {
        matches!(
            self.arg.get_value_hint(),
            ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath | ValueHint::ExecutablePath
        )
    }

    /// Whether its flag stands without a value: the file says true or false.
    #[must_use]
    pub fn is_switch(&self) -> bool {
        matches!(self.arg.get_action(), ArgAction::SetTrue)
    }

    /// Whether it takes several values: the file lists them.
    #[must_use]
    pub fn is_list(&self) -> bool {
        matches!(self.arg.get_action(), ArgAction::Append) || self.arg.get_value_delimiter().is_some()
    }

    /// What its value is called in the help.
    #[must_use]
    pub fn value_name(&self) -> &str {
        if self.is_switch() { "true or false" } else { value_name(&self.arg) }
    }

    /// What holds where nobody says anything.
    #[must_use]
    pub fn default(&self) -> Option<String> {
        if self.is_switch() {
            return Some("false".to_owned());
        }
        let values: Vec<_> =
            self.arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        (!values.is_empty()).then(|| values.join(","))
    }

    /// What it is, in a sentence or two.
    #[must_use]
    pub fn help(&self) -> String {
        let mut text = self.arg.get_help().map(ToString::to_string).unwrap_or_default();
        // clap takes the full stop from a summary.
        if !text.is_empty() && !text.ends_with(['.', '!', ')']) {
            text.push('.');
        }
        text
    }

    /// All that the help says of it, paragraph by paragraph.
    #[must_use]
    pub fn long_help(&self) -> String {
        self.arg.get_long_help().map_or_else(|| self.help(), ToString::to_string)
    }

    /// clap's description.
    pub(super) fn arg(&self) -> &Arg {
        &self.arg
    }
}

fn value_name(arg: &Arg) -> &str {
    arg.get_value_names().and_then(<[_]>::first).map_or("VALUE", |name| name.as_str())
}

/// A name as the file has it.
fn in_file(name: &str) -> String {
    name.chars()
        .map(|letter| if letter.is_alphanumeric() { letter.to_ascii_lowercase() } else { '_' })
        .collect()
}

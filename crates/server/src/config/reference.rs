//! CONFIGURATION.md: every setting, out of clap's description of the command line.

use std::ffi::OsStr;
use std::fmt::Write as _;

use clap::{Arg, Command};

use super::setting::{Setting, settings};

const HEAD: &str = include_str!("reference_head.md");

/// The whole reference in Markdown.
#[must_use]
pub fn reference(command: &Command) -> String {
    let settings = settings();
    let mut text = HEAD.to_owned();
    let mut tables: Vec<Option<&str>> = vec![None];
    for setting in &settings {
        if !tables.contains(&setting.table.as_deref()) {
            tables.push(setting.table.as_deref());
        }
    }
    for table in tables {
        let _ = match table {
            Some(table) => write!(text, "\n## `[{table}]`\n\n"),
            None => write!(text, "\n## At the top of the file\n\n"),
        };
        text.push_str("| key | flag, variable | default | meaning |\n| --- | --- | --- | --- |\n");
        for setting in settings.iter().filter(|setting| setting.table.as_deref() == table) {
            row(&mut text, setting);
        }
    }
    others(&mut text, command, &settings);
    text
}

fn row(text: &mut String, setting: &Setting) {
    let variable = setting.variable().map(|name| format!("<br>`{name}`")).unwrap_or_default();
    let default = setting.default().map(|default| format!("`{default}`")).unwrap_or_default();
    let value = if setting.is_switch() { String::new() } else { format!(" {}", setting.value_name()) };
    let secret = if setting.is_secret() { " May hold a secret, which is never shown." } else { "" };
    let _ = writeln!(
        text,
        "| `{}` | `--{}{value}`{variable} | {default} | {}{secret} |",
        setting.key,
        setting.flag(),
        cell(&setting.long_help()),
    );
}

/// Variables that other commands read.
fn others(text: &mut String, command: &Command, settings: &[Setting]) {
    let mut rows = String::new();
    walk(&mut rows, command, "", settings);
    text.push_str("\n## Variables of other commands\n\n| variable | flag | default | meaning |\n| --- | --- | --- | --- |\n");
    text.push_str(&rows);
    text.push_str(
        "| `MANDATE_LOG` | | `info` | How much all commands tell on stderr: error, warn, info or debug. |\n",
    );
}

fn walk(rows: &mut String, command: &Command, path: &str, settings: &[Setting]) {
    for arg in command.get_arguments() {
        let Some(name) = arg.get_env().and_then(OsStr::to_str) else { continue };
        let is_setting = settings.iter().any(|setting| setting.variable() == Some(name));
        if is_setting || name == "MANDATE_CONFIG" {
            continue;
        }
        let default: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let default = if default.is_empty() { String::new() } else { format!("`{}`", default.join(",")) };
        let help =
            arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(rows, "| `{name}` | `{path} --{}` | {default} | {} |", long(arg), cell(&help));
    }
    for command in command.get_subcommands() {
        let path = if path.is_empty() {
            command.get_name().to_owned()
        } else {
            format!("{path} {}", command.get_name())
        };
        walk(rows, command, &path, settings);
    }
}

fn long(arg: &Arg) -> &str {
    arg.get_long().unwrap_or_default()
}

/// A text in the cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

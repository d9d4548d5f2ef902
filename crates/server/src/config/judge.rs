//! Judging a value by the parser that clap has for it, before anything is started.

use std::error::Error as _;
use std::ffi::{OsStr, OsString};
use std::net::AddrParseError;
use std::num::{IntErrorKind, ParseIntError};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command};

use super::setting::Setting;

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// What it is.
    pub message: String,
    /// What is expected in its place.
    pub hint: String,
}

/// Whether the setting takes this value.
///
/// # Errors
/// Why it does not. A secret is not repeated.
pub fn judge(setting: &Setting, value: &OsStr) -> Result<(), Wrong> {
    let told = if setting.is_secret() { "the value".to_owned() } else { format!("{value:?}") };
    parse(setting, value)
        .map_err(|reason| Wrong { message: format!("{told} {reason}"), hint: expected(setting) })
}

/// Whether a switch is on.
#[must_use]
pub fn is_on(value: &OsStr) -> bool {
    value.to_str().is_some_and(|text| text.eq_ignore_ascii_case("true") || text == "1")
}

/// What a setting takes.
#[must_use]
pub fn expected(setting: &Setting) -> String {
    let default = setting.default().map(|default| format!(" Default: {default}")).unwrap_or_default();
    format!("expected {}: {}{default}", setting.value_name(), setting.help())
}

fn parse(setting: &Setting, value: &OsStr) -> Result<(), String> {
    let arg = Arg::new("value")
        .long("value")
        .action(ArgAction::Set)
        .allow_hyphen_values(true)
        .value_parser(setting.arg().get_value_parser().clone());
    let mut argument = OsString::from("--value=");
    argument.push(value);
    let command = Command::new("judge").no_binary_name(true).disable_help_flag(true).arg(arg);
    let Err(error) = command.try_get_matches_from([argument]) else { return Ok(()) };
    if let Some(source) = error.source() {
        if let Some(reason) = of_form(source) {
            return Err(reason.to_owned());
        }
        let reason = source.to_string();
        // The parsers of this service begin with what the value is not.
        return Err(if reason.starts_with("is ") { reason } else { format!("does not fit: {reason}") });
    }
    if value.is_empty() {
        return Err("is empty".to_owned());
    }
    match (error.kind(), error.get(ContextKind::ValidValue)) {
        (ErrorKind::InvalidValue, Some(ContextValue::Strings(valid))) => {
            let near = crate::auth::did_you_mean(&value.to_string_lossy(), valid.iter().map(String::as_str));
            Err(format!("is none of {}{near}", valid.join(", ")))
        }
        _ => Err("does not fit".to_owned()),
    }
}

/// What the parsers of the standard library mean, in words that tell what to write.
fn of_form(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    if error.is::<AddrParseError>() {
        return Some(
            "is no address: write IP:PORT, such as 127.0.0.1:50051, 0.0.0.0:50051 or [::1]:50051, and no name of a host",
        );
    }
    match error.downcast_ref::<ParseIntError>()?.kind() {
        IntErrorKind::InvalidDigit | IntErrorKind::Empty => {
            Some("is no whole number: write digits alone, without a unit")
        }
        IntErrorKind::Zero => Some("is less than 1"),
        IntErrorKind::PosOverflow => Some("is too large"),
        _ => None,
    }
}

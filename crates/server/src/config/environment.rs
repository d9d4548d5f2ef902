//! The environment: what it sets, and what it was probably meant to set.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use clap::Command;

use crate::auth::nearest;

/// The variables whose names begin with [`PREFIX`]. One that is empty counts as not set, as containers pass them on.
#[derive(Debug, Default)]
pub struct Variables(BTreeMap<String, OsString>);

/// How the names of this service's variables begin.
pub const PREFIX: &str = "MANDATE_";

/// The level of the log, which is read before anything else.
const LOG: &str = "MANDATE_LOG";

/// Of the tests, the benchmarks and the scripts that start servers.
const OF_OTHERS: [&str; 8] = ["TEST", "BENCH", "CLUSTER", "POSTGRES", "ORACLE", "SABOTAGE", "BIN", "COMMIT"];

impl Variables {
    /// Those of this process.
    #[must_use]
    pub fn of_process() -> Self {
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect()
    }

    /// The value of a variable, if it has one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(name).map(OsString::as_os_str)
    }

    /// A sentence for each variable that nothing reads: a mistyped name would do nothing and say nothing.
    #[must_use]
    pub fn unknown(&self, command: &Command) -> Vec<String> {
        let mut known = vec![LOG.to_owned()];
        names(command, &mut known);
        let unknown =
            self.0.iter().filter(|(name, value)| !known.contains(name) && !is_of_others(name, value));
        let told = |name: &str| match nearest(name, known.iter().map(String::as_str)) {
            Some(near) => format!("the variable {name} sets nothing; did you mean {near}?"),
            None => {
                format!("the variable {name} sets nothing; `mandate config reference` lists those that do")
            }
        };
        unknown.map(|(name, _)| told(name)).collect()
    }
}

impl FromIterator<(String, OsString)> for Variables {
    fn from_iter<T: IntoIterator<Item = (String, OsString)>>(variables: T) -> Self {
        let ours = |(name, value): &(String, OsString)| name.starts_with(PREFIX) && !value.is_empty();
        Self(variables.into_iter().filter(ours).collect())
    }
}

/// All variables that a command and those below it read.
fn names(command: &Command, found: &mut Vec<String>) {
    let own = command.get_arguments().filter_map(|arg| arg.get_env().and_then(OsStr::to_str));
    found.extend(own.map(str::to_owned));
    for command in command.get_subcommands() {
        names(command, found);
    }
}

/// Whether somebody else set it: a script, or Kubernetes, which tells each container of the services beside it
/// (`MANDATE_SERVICE_HOST`, `MANDATE_PORT=tcp://…`).
fn is_of_others(name: &str, value: &OsStr) -> bool {
    let rest = name.strip_prefix(PREFIX).unwrap_or_default();
    let first = rest.split('_').next().unwrap_or_default();
    let value = value.to_string_lossy();
    OF_OTHERS.contains(&first)
        || ["SERVICE_HOST", "SERVICE_PORT", "_TCP", "_UDP"].iter().any(|part| rest.contains(part))
        || value.starts_with("tcp://")
        || value.starts_with("udp://")
}

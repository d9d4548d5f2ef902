//! Flags before variables before the file, by putting what variables and file say in front of the command line.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use super::environment::Variables;
use super::file::File;
use super::judge::{Wrong, is_on, judge};
use super::problem::{About, Place, Problem};
use super::setting::{Setting, settings};
use super::{CONFIG, ISSUER};

/// What a command line comes to, with what variables and file say.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The arguments that clap is to read, with [`without_variables`].
    pub arguments: Vec<OsString>,
    /// The file, if the command takes one and one was named.
    pub file: Option<PathBuf>,
    /// Where the file has its first issuer.
    pub issuer: Option<Place>,
    /// Every mistake of file and variables. What is wrong is not among the arguments.
    pub problems: Vec<Problem>,
    /// Variables that set nothing.
    pub warnings: Vec<String>,
    origins: HashMap<String, Origin>,
}

/// Who said what a setting is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The command line.
    Flag,
    /// This variable.
    Variable(String),
    /// The file, at this place.
    File(PathBuf, Place),
    /// Nobody.
    Default,
}

impl Loaded {
    /// Who said what the setting of this id is.
    #[must_use]
    pub fn origin(&self, id: &str) -> &Origin {
        self.origins.get(id).unwrap_or(&Origin::Default)
    }

    /// Where somebody finds the setting who is to correct it.
    #[must_use]
    pub fn about(&self, id: &str) -> About {
        match self.origin(id) {
            Origin::File(file, place) => About::File(file.clone(), Some(*place)),
            Origin::Variable(name) => About::Variable(name.clone()),
            Origin::Flag | Origin::Default => About::Settings,
        }
    }
}

/// Reads the command line, and file and variables if the command has settings.
///
/// # Errors
/// clap's, of the command line: help that was asked for, an unknown flag, a flag's wrong value.
pub fn load(
    command: &Command,
    arguments: Vec<OsString>,
    variables: &Variables,
) -> Result<Loaded, clap::Error> {
    let settings = settings();
    let matches = match without_variables(command.clone()).try_get_matches_from(&arguments) {
        Ok(matches) => matches,
        // Help tells the variables, too.
        Err(error) if !error.use_stderr() => {
            return Err(command.clone().try_get_matches_from(&arguments).err().unwrap_or(error));
        }
        Err(error) => return Err(error),
    };
    let (leaf, matches, depth) = leaf(command, &matches, 0);
    let mut loaded = Loaded { arguments, ..Loaded::default() };
    let Some(config) = leaf.get_arguments().find(|arg| arg.get_id() == CONFIG) else { return Ok(loaded) };
    let mut said = Vec::new();
    let named = matches.get_raw(CONFIG).and_then(|mut values| values.next()).map(OsStr::to_owned);
    let by_variable = config.get_env().and_then(OsStr::to_str).and_then(|name| variables.get(name));
    if let (None, Some(value)) = (&named, by_variable) {
        said.push(flag(CONFIG, value));
    }
    loaded.file = named.or_else(|| by_variable.map(OsStr::to_owned)).map(PathBuf::from);
    let file = loaded.file.as_deref().map(|path| File::read(path, &settings)).unwrap_or_default();
    let mut taken = 0;
    for arg in leaf.get_arguments() {
        let Some(setting) = settings.iter().find(|setting| is_of(setting, arg)) else { continue };
        taken += 1;
        let flagged = matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
        let (origin, texts) = if flagged {
            (Origin::Flag, Vec::new())
        } else if let Some((name, value)) = variable(setting, variables) {
            if let Err(Wrong { message, hint }) = judge(setting, value) {
                let (about, hint) = (About::Variable(name.to_owned()), Some(hint));
                loaded.problems.push(Problem { about, key: String::new(), message, hint });
                continue;
            }
            (Origin::Variable(name.to_owned()), vec![value.to_owned()])
        } else if let (Some(path), Some(value)) =
            (&loaded.file, file.values.iter().find(|value| value.id == setting.id()))
        {
            (Origin::File(path.clone(), value.place), value.texts.clone())
        } else {
            continue;
        };
        let long = arg.get_long().unwrap_or_default();
        for text in texts {
            match setting.is_switch() {
                true if is_on(&text) => said.push(format!("--{long}").into()),
                true => {}
                false => said.push(flag(long, &text)),
            }
        }
        loaded.origins.insert(setting.id().to_owned(), origin);
    }
    loaded.issuer = file.issuer;
    if let (Some(place), Origin::File(path, _)) = (file.issuer, loaded.origin("issuers")) {
        loaded.problems.push(Problem {
            about: About::File(path.clone(), Some(place)),
            key: ISSUER.to_owned(),
            message: "there is a file of issuers (`issuers`), too, and these would not be read".to_owned(),
            hint: Some("write all of them here, or all of them there".to_owned()),
        });
    }
    loaded.problems.extend(file.problems);
    if taken == settings.len() {
        loaded.warnings = variables.unknown(command);
    }
    // In front of whatever follows the command's name.
    let rest = loaded.arguments.split_off((1 + depth).min(loaded.arguments.len()));
    loaded.arguments.extend(said.into_iter().chain(rest));
    Ok(loaded)
}

/// The same command, which does not look at the variables of settings: they are among the arguments.
#[must_use]
pub fn without_variables(command: Command) -> Command {
    let mut names: Vec<String> = settings().iter().filter_map(Setting::variable).map(str::to_owned).collect();
    names.push("MANDATE_CONFIG".to_owned());
    strip(command, &names)
}

fn strip(command: Command, names: &[String]) -> Command {
    let strip_arg = |arg: Arg| match arg.get_env().and_then(OsStr::to_str) {
        Some(name) if names.iter().any(|known| known == name) => arg.env(None::<&'static str>),
        _ => arg,
    };
    command.mut_args(strip_arg).mut_subcommands(|command| strip(command, names))
}

/// The command that was called, what it was called with, and how many names that took.
fn leaf<'a>(
    command: &'a Command,
    matches: &'a ArgMatches,
    depth: usize,
) -> (&'a Command, &'a ArgMatches, usize) {
    match matches.subcommand() {
        Some((name, matches)) => match command.find_subcommand(name) {
            Some(command) => leaf(command, matches, depth + 1),
            None => (command, matches, depth),
        },
        None => (command, matches, depth),
    }
}

/// A command shares a setting with `mandate serve` when both read the same variable.
fn is_of(setting: &Setting, arg: &Arg) -> bool {
    match (setting.variable(), arg.get_env().and_then(OsStr::to_str)) {
        (Some(one), Some(other)) => one == other,
        _ => setting.id() == arg.get_id().as_str(),
    }
}

fn variable<'v>(setting: &'v Setting, variables: &'v Variables) -> Option<(&'v str, &'v OsStr)> {
    let name = setting.variable()?;
    variables.get(name).map(|value| (name, value))
}

fn flag(long: &str, value: &OsStr) -> OsString {
    let mut flag = OsString::from(format!("--{long}="));
    flag.push(value);
    flag
}

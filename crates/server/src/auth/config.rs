//! The file of `--issuers`, or the part of the configuration file that is about them: whose tokens are believed.
//!
//! ```toml
//! [[issuer]]
//! issuer = "https://login.example.com/"          # the claim `iss`, compared byte for byte
//! audience = "mandate"                           # the claim `aud`: one or a list
//! keys = { jwks_url = "https://login.example.com/.well-known/jwks.json" }  # or { jwks = FILE } or { pem = FILE }
//! algorithms = ["RS256"]                         # default: EdDSA, ES256
//! callers = ["person"]                           # default: person; also service, operator
//! leeway_seconds = 30                            # default: 30, at most 300
//! ```

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use jsonwebtoken::{Algorithm, AlgorithmFamily};
use toml::{Table, Value};

use super::caller::CallerKind;
use super::config_fields::{Fields, Problems};
use super::config_keys::{KeySource, check_fit, key_source};
use super::issuer::{EMBEDDED_ISSUER, Issuer, Issuers};
use super::keys::Keys;
use super::nearest::did_you_mean;
use super::unverified::MICROS;
use crate::config::document::Document;
use crate::config::problem::Place;

const FILE_KEYS: [&str; 1] = ["issuer"];
const ISSUER_KEYS: [&str; 6] = ["issuer", "audience", "keys", "algorithms", "callers", "leeway_seconds"];
const ALGORITHMS: [&str; 9] =
    ["EdDSA", "ES256", "ES384", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
const DEFAULT_ALGORITHMS: [Algorithm; 2] = [Algorithm::EdDSA, Algorithm::ES256];

/// How far an issuer's clock may be from ours in seconds, unless told otherwise.
pub(super) const DEFAULT_LEEWAY_SECONDS: u64 = 30;

/// The most it may be told to be.
pub(super) const MAX_LEEWAY_SECONDS: u64 = 300;
const MAX_NAME_BYTES: usize = 255;

/// One mistake in the issuers' file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The path of the key, such as `issuer[0].keys.pem`; empty for the file as a whole.
    pub key: String,
    /// Where it stands, or the table that lacks it.
    pub place: Option<Place>,
    /// What is wrong with it and what to do.
    pub message: String,
}

/// Every mistake in the issuers' file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    /// The file.
    pub file: PathBuf,
    /// The mistakes, at least one.
    pub problems: Vec<ConfigProblem>,
}

/// One line for each mistake: file, key, what to do.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.problems.iter().enumerate() {
            let separator = if position > 0 { "\n" } else { "" };
            write!(f, "{separator}{}:", self.file.display())?;
            if let Some(Place { line, column }) = problem.place {
                write!(f, "{line}:{column}:")?;
            }
            f.write_str(" ")?;
            if problem.key.is_empty() {
                f.write_str(&problem.message)?;
            } else {
                write!(f, "{}: {}", problem.key, problem.message)?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// What a file holds beside issuers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// Nothing: it is the file of `--issuers`.
    Nothing,
    /// Settings: it is the file of `--config`, which need not have any issuer.
    Settings,
}

impl Issuers {
    /// Reads the file of `--issuers` and the key files it names, which are relative to its folder.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn load(file: &Path) -> Result<Self, ConfigErrors> {
        Self::load_with(file, Beside::Nothing, Duration::from_secs(DEFAULT_LEEWAY_SECONDS))
    }

    /// The same of a file that may hold other things, with another `leeway` for issuers that have none of their own.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn load_with(file: &Path, beside: Beside, leeway: Duration) -> Result<Self, ConfigErrors> {
        let mut problems = Problems::default();
        let issuers = read(file, beside, leeway, &mut problems);
        if problems.0.is_empty() {
            return Ok(Self(issuers));
        }
        Err(ConfigErrors { file: file.to_owned(), problems: problems.0 })
    }
}

fn read(file: &Path, beside: Beside, leeway: Duration, problems: &mut Problems) -> Vec<Issuer> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            problems.add("", format!("cannot be read ({error}); check --issuers"));
            return Vec::new();
        }
    };
    let table: Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            problems.add("", format!("is not TOML: {error}"));
            return Vec::new();
        }
    };
    let root = Fields::new(&table, "");
    match beside {
        Beside::Nothing => root.refuse_unknown(&FILE_KEYS, problems),
        Beside::Settings if root.value("issuer").is_none() => return Vec::new(),
        Beside::Settings => {}
    }
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut issuers: Vec<Issuer> = Vec::new();
    for fields in issuer_tables(&root, problems) {
        if let Some(issuer) = issuer(&fields, folder, leeway, problems) {
            if issuers.iter().any(|other| other.name == issuer.name) {
                problems.add(fields.path("issuer"), "is listed twice; join the two tables");
            }
            issuers.push(issuer);
        }
    }
    if !problems.0.is_empty() {
        let (document, _) = Document::parse(&text);
        for problem in &mut problems.0 {
            problem.place = document.place(&problem.key);
        }
    }
    issuers
}

fn issuer_tables<'t>(root: &Fields<'t>, problems: &mut Problems) -> Vec<Fields<'t>> {
    let Some(Value::Array(values)) = root.value("issuer") else {
        problems.add("issuer", "there is no issuer; write a table [[issuer]] for each, or leave it out");
        return Vec::new();
    };
    let mut tables = Vec::new();
    for (position, value) in values.iter().enumerate() {
        let at = format!("issuer[{position}]");
        match value {
            Value::Table(table) => tables.push(Fields::new(table, at)),
            _ => problems.add(at, "must be a table; write [[issuer]]"),
        }
    }
    tables
}

/// One issuer, or `None` when a mistake leaves no way to build it. Every key is looked at in either case.
fn issuer(fields: &Fields<'_>, folder: &Path, leeway: Duration, problems: &mut Problems) -> Option<Issuer> {
    fields.refuse_unknown(&ISSUER_KEYS, problems);
    let name = name(fields, problems);
    let audiences = audiences(fields, problems);
    let algorithms = algorithms(fields, problems);
    let callers = callers(fields, problems);
    let leeway_micros = leeway_micros(fields, leeway, problems);
    let source = key_source(fields, folder, problems);
    let algorithms = algorithms?;
    let (keys, remote) = match source? {
        KeySource::Read(keys) => (keys, None),
        KeySource::Fetch(remote) => (Vec::new(), Some(remote)),
    };
    check_fit(fields, &keys, &algorithms, problems);
    Some(Issuer {
        name: name?.into(),
        audiences: audiences?,
        algorithms,
        callers: callers?,
        leeway_micros: leeway_micros?,
        keys: Keys::new(keys),
        remote,
    })
}

fn name<'t>(fields: &Fields<'t>, problems: &mut Problems) -> Option<&'t str> {
    if fields.value("issuer").is_none() {
        problems.add(fields.path("issuer"), "is missing; write the `iss` of the tokens");
    }
    let name = fields.text("issuer", problems)?;
    if name == EMBEDDED_ISSUER {
        problems.add(
            fields.path("issuer"),
            format!("`{EMBEDDED_ISSUER}` is the name of the service's own issuer; use another"),
        );
    } else if name.len() > MAX_NAME_BYTES {
        problems
            .add(fields.path("issuer"), format!("is longer than {MAX_NAME_BYTES} bytes; use a shorter one"));
    }
    Some(name)
}

fn audiences(fields: &Fields<'_>, problems: &mut Problems) -> Option<Vec<String>> {
    if fields.value("audience").is_none() {
        problems.add(
            fields.path("audience"),
            "is missing; write the `aud` that the issuer puts into tokens for this service",
        );
    }
    let texts = fields.texts("audience", problems)?;
    Some(texts.iter().map(|(_, text)| (*text).to_owned()).collect())
}

fn algorithms(fields: &Fields<'_>, problems: &mut Problems) -> Option<Vec<Algorithm>> {
    if fields.value("algorithms").is_none() {
        return Some(DEFAULT_ALGORITHMS.to_vec());
    }
    let texts = fields.texts("algorithms", problems)?;
    let mut algorithms = Vec::new();
    for (path, name) in &texts {
        match Algorithm::from_str(name) {
            Ok(algorithm) if algorithm.family() != AlgorithmFamily::Hmac => {
                algorithms.push(algorithm);
            }
            _ if is_forbidden(name) => problems.add(
                path,
                format!("`{name}` is never accepted: whoever can verify could sign; use EdDSA or ES256"),
            ),
            _ => {
                let hint = did_you_mean(name, ALGORITHMS);
                let known = ALGORITHMS.join(", ");
                problems.add(path, format!("`{name}` is not an algorithm{hint}; use: {known}"));
            }
        }
    }
    (algorithms.len() == texts.len()).then_some(algorithms)
}

fn is_forbidden(algorithm: &str) -> bool {
    let algorithm = algorithm.to_ascii_uppercase();
    algorithm == "NONE" || algorithm.starts_with("HS")
}

fn callers(fields: &Fields<'_>, problems: &mut Problems) -> Option<Vec<CallerKind>> {
    if fields.value("callers").is_none() {
        return Some(vec![CallerKind::Person]);
    }
    let texts = fields.texts("callers", problems)?;
    let mut callers = Vec::new();
    for (path, name) in &texts {
        match CallerKind::ALL.into_iter().find(|kind| kind.name() == *name) {
            Some(kind) => callers.push(kind),
            None => {
                let kinds = CallerKind::ALL.map(CallerKind::name);
                let hint = did_you_mean(name, kinds);
                let kinds = kinds.join(", ");
                problems.add(path, format!("`{name}` is not a kind of caller{hint}; use: {kinds}"));
            }
        }
    }
    (callers.len() == texts.len()).then_some(callers)
}

fn leeway_micros(fields: &Fields<'_>, leeway: Duration, problems: &mut Problems) -> Option<i64> {
    let most = i64::try_from(MAX_LEEWAY_SECONDS).unwrap_or(i64::MAX);
    let seconds = match fields.value("leeway_seconds") {
        None => return i64::try_from(leeway.as_micros()).ok(),
        Some(Value::Integer(seconds)) if (0..=most).contains(seconds) => *seconds,
        Some(_) => {
            problems.add(
                fields.path("leeway_seconds"),
                format!("must be a whole number from 0 to {MAX_LEEWAY_SECONDS}"),
            );
            return None;
        }
    };
    Some(seconds * MICROS)
}

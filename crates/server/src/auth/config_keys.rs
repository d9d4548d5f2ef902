//! The key `keys` of an issuer: a PEM file, a JWKS file or the URL of a JWKS.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use jsonwebtoken::Algorithm;
use reqwest::Url;
use toml::Value;

use super::config_fields::{Fields, Problems};
use super::issuer::Remote;
use super::jwks_url::is_loopback;
use super::keys::{KeyError, VerificationKey, parse_jwks};

const KEY_SOURCES: [&str; 3] = ["pem", "jwks", "jwks_url"];

/// More than any key file has, in bytes.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// What `keys` gives: keys at once, or a place to fetch them from.
#[derive(Debug)]
pub(super) enum KeySource {
    Read(Vec<VerificationKey>),
    Fetch(Remote),
}

/// Reads `keys`; `None` when it is absent or was found wrong.
pub(super) fn key_source(issuer: &Fields<'_>, folder: &Path, problems: &mut Problems) -> Option<KeySource> {
    let Some(Value::Table(table)) = issuer.value("keys") else {
        problems.add(
            issuer.path("keys"),
            "must be one of { pem = \"FILE\" }, { jwks = \"FILE\" } and { jwks_url = \"https://…\" }",
        );
        return None;
    };
    let fields = Fields::new(table, issuer.path("keys"));
    fields.refuse_unknown(&KEY_SOURCES, problems);
    let mut named = KEY_SOURCES.into_iter().filter(|key| fields.value(key).is_some());
    let (Some(key), None) = (named.next(), named.next()) else {
        let sources = KEY_SOURCES.join(", ");
        problems.add(issuer.path("keys"), format!("must have exactly one of: {sources}"));
        return None;
    };
    let text = fields.text(key, problems)?;
    let source = match key {
        "pem" => read_keys(&folder.join(text), |bytes| VerificationKey::from_pem(bytes).map(|key| vec![key])),
        "jwks" => read_keys(&folder.join(text), parse_jwks),
        _ => jwks_url(text),
    };
    source.map_err(|message| problems.add(fields.path(key), message)).ok()
}

fn read_keys(
    file: &Path,
    parse: impl FnOnce(&[u8]) -> Result<Vec<VerificationKey>, KeyError>,
) -> Result<KeySource, String> {
    let name = file.display();
    let bytes = read_bounded(file)
        .map_err(|error| format!("the file {name} cannot be read ({error}); check its path and mode"))?;
    parse(&bytes).map(KeySource::Read).map_err(|error| format!("the file {name} {error}"))
}

fn read_bounded(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn jwks_url(text: &str) -> Result<KeySource, String> {
    let url = Url::parse(text).map_err(|error| format!("is not a URL ({error}); write https://HOST/PATH"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or password; keys are public".to_owned());
    }
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => {
            return Err(
                "is fetched in clear, so that anybody between could put in keys of their own; write https:// \
                 (http:// is for this machine only)"
                    .to_owned(),
            );
        }
        other => return Err(format!("has the scheme `{other}`; write https://HOST/PATH")),
    }
    Ok(KeySource::Fetch(Remote::new(url)))
}

/// Refuses keys of a file that none of the allowed algorithms can use: every token would be refused later.
pub(super) fn check_fit(
    issuer: &Fields<'_>,
    keys: &[VerificationKey],
    algorithms: &[Algorithm],
    problems: &mut Problems,
) {
    let fits = |key: &VerificationKey| algorithms.iter().any(|algorithm| key.fits(*algorithm));
    if keys.is_empty() || keys.iter().any(fits) {
        return;
    }
    let mut possible: Vec<String> = keys
        .iter()
        .flat_map(VerificationKey::possible_algorithms)
        .map(|algorithm| format!("\"{algorithm:?}\""))
        .collect();
    possible.sort_unstable();
    possible.dedup();
    problems.add(
        issuer.path("algorithms"),
        format!("none of them is for the keys given; write algorithms = [{}]", possible.join(", ")),
    );
}

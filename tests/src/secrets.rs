//! What no server may keep in clear or tell: whatever secret a test was given or made up is looked for in the logs and the
//! database of each server when it ends. So the whole suite looks for them, whatever a test is about.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use mandate_proto::v1::Tokens;

/// What is secret in a token has at least so many characters.
const LEAST: usize = 20;

/// The secrets of all tests of this process: what one server was told is no other one's business either.
#[derive(Debug, Default)]
struct Known {
    /// Runs of letters, digits, `-` and `_`.
    words: HashSet<String>,
    /// Texts that may have spaces.
    phrases: HashSet<String>,
}

static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);

fn known() -> MutexGuard<'static, Known> {
    // What is in it is whole, whatever became of the test that held it.
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Remembers what is secret in a token: what stands behind its last dot, without which it is worth nothing.
pub(crate) fn token(token: &str) {
    let secret = token.rsplit('.').next().unwrap_or_default();
    if secret.len() >= LEAST && secret.bytes().all(is_of_a_word) {
        known().words.insert(secret.to_owned());
    }
}

/// Remembers both tokens of a session.
pub(crate) fn tokens(tokens: &Tokens) {
    token(&tokens.access_token);
    token(&tokens.refresh_token);
}

/// Remembers a password that was good.
pub(crate) fn password(password: &str) {
    known().phrases.insert(password.to_owned());
}

/// Remembers the keys in a server's folder.
pub(crate) fn keys(data: &Path) {
    for file in ["signing-key.pem", "mail-secret.key"] {
        let Ok(bytes) = std::fs::read(data.join(file)) else { continue };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for line in text.lines().filter(|line| !line.starts_with("-----")) {
            known().words.extend(words(line).filter(|word| word.len() >= LEAST).map(str::to_owned));
        }
    }
}

/// Where a text tells a secret, by lines counted from 1, and of what kind it is; the secret itself is not repeated.
pub(crate) fn told(text: &str) -> Vec<(usize, &'static str)> {
    let known = known();
    let mut found = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        if words(line).any(|word| known.words.contains(word)) {
            found.push((number, "a token or key"));
        }
        if known.phrases.iter().any(|phrase| line.contains(phrase.as_str())) {
            found.push((number, "a password"));
        }
    }
    found
}

/// Where a text tells a mail address.
pub(crate) fn addresses(text: &str) -> Vec<(usize, &'static str)> {
    let lines = text.lines().zip(1..).filter(|(line, _)| has_address(line));
    lines.map(|(_, number)| (number, "a mail address")).collect()
}

fn has_address(line: &str) -> bool {
    line.match_indices('@').any(|(at, _)| {
        let before = line[..at].bytes().next_back().is_some_and(is_of_a_word);
        let domain =
            line[at + 1..].split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '.').next();
        let last = domain.unwrap_or_default().trim_end_matches('.').rsplit_once('.').map(|(_, last)| last);
        before
            && last.is_some_and(|last| last.len() > 1 && last.bytes().all(|byte| byte.is_ascii_alphabetic()))
    })
}

fn is_of_a_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_remembered_is_found_and_not_repeated() {
        token("inv_01.a-secret-of-some-length");
        token("a.b.short");
        password("the password of this test");
        let text = "nothing\nlink=x.a-secret-of-some-length&y\nshort\n\"the password of this test\"";
        assert_eq!(told(text), [(2, "a token or key"), (4, "a password")]);
        assert_eq!(told("a-secret-of-some-lengthier"), []);
    }

    #[test]
    fn an_address_is_told_from_a_host() {
        assert_eq!(addresses("to <ada.l+x@mail.example.com>.\nfine").len(), 1);
        assert_eq!(addresses("postgres://mandate@127.0.0.1:5432/x @ @example.com\nuser@localhost"), []);
    }
}

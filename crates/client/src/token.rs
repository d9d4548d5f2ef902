//! Where the token of each call comes from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderValue;

/// How often a file is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Why there is no token to send.
#[derive(Debug, Clone)]
pub struct TokenError(String);

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TokenError {}

/// Where the token of each call comes from. It is never shown.
#[derive(Clone)]
pub struct TokenSource(Source);

#[derive(Clone)]
enum Source {
    None,
    Fixed(String),
    File(std::sync::Arc<TokenFile>),
}

/// A file that somebody else replaces.
struct TokenFile {
    path: PathBuf,
    read: Mutex<Option<Read>>,
}

struct Read {
    at: Instant,
    header: HeaderValue,
}

impl TokenSource {
    /// Calls have none.
    #[must_use]
    pub fn none() -> Self {
        Self(Source::None)
    }

    /// Always this one.
    #[must_use]
    pub fn fixed(token: impl Into<String>) -> Self {
        Self(Source::Fixed(token.into()))
    }

    /// What is in this file, which is read again once a second while calls are made, so that whoever renews the token
    /// needs to tell nobody. While it cannot be read, the last token that it held is sent.
    #[must_use]
    pub fn file(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref().to_owned();
        Self(Source::File(std::sync::Arc::new(TokenFile { path, read: Mutex::new(None) })))
    }

    /// What `authorization` is to say; `None`: nothing.
    pub(crate) fn header(&self) -> Result<Option<HeaderValue>, TokenError> {
        match &self.0 {
            Source::None => Ok(None),
            Source::Fixed(token) => bearer(token).map(Some),
            Source::File(file) => file.header().map(Some),
        }
    }
}

impl TokenFile {
    fn header(&self) -> Result<HeaderValue, TokenError> {
        // What is in it is whole at any time.
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Read { at, header }) = read.as_ref()
            && at.elapsed() < LOOK
        {
            return Ok(header.clone());
        }
        let text = std::fs::read_to_string(&self.path)
            .map_err(|error| TokenError(format!("{}: no token can be read ({error})", self.path.display())));
        match (text.and_then(|text| bearer(text.trim())), read.as_mut()) {
            (Ok(header), _) => {
                *read = Some(Read { at: Instant::now(), header: header.clone() });
                Ok(header)
            }
            (Err(error), Some(last)) => {
                tracing::warn!(%error, "the last token goes on being sent");
                last.at = Instant::now();
                Ok(last.header.clone())
            }
            (Err(error), None) => Err(error),
        }
    }
}

fn bearer(token: &str) -> Result<HeaderValue, TokenError> {
    if token.is_empty() {
        return Err(TokenError("the token is empty".to_owned()));
    }
    let mut header = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| TokenError("the token has characters that no header can carry".to_owned()))?;
    header.set_sensitive(true);
    Ok(header)
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::None => f.write_str("TokenSource(none)"),
            Source::Fixed(_) => f.write_str("TokenSource(…)"),
            Source::File(file) => f.debug_tuple("TokenSource").field(&file.path).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(source: &TokenSource) -> String {
        source.header().unwrap().unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn a_file_is_read_again_and_its_last_token_outlives_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let source = TokenSource::file(file.path());
        assert!(source.header().is_err(), "an empty file holds no token");
        std::fs::write(file.path(), "first\n").unwrap();
        assert_eq!(sent(&source), "Bearer first");
        std::fs::write(file.path(), "second").unwrap();
        let end = Instant::now() + Duration::from_secs(20);
        while sent(&source) != "Bearer second" {
            assert!(Instant::now() < end, "it is read again");
            std::thread::sleep(Duration::from_millis(50));
        }
        drop(file);
        std::thread::sleep(LOOK);
        assert_eq!(sent(&source), "Bearer second");
    }

    #[test]
    fn it_is_shown_to_nobody() {
        assert_eq!(format!("{:?}", TokenSource::fixed("secret")), "TokenSource(…)");
        assert!(TokenSource::fixed("a\nb").header().is_err());
    }
}

//! Paging (AIP-158): sizes, and tokens that say where the next page starts and of which query.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Fields, Path};
use crate::error::Error;

/// The size of a page when none is asked for.
const DEFAULT_SIZE: u32 = 50;
/// The largest page.
const MAX_SIZE: i32 = 1_000;
/// No token given out here is longer, in bytes.
const MAX_TOKEN: usize = 2_048;

/// A query, for telling its page tokens from those of another one.
#[derive(Debug, Clone)]
pub struct Query {
    digest: Sha256,
}

/// Which page of a query to return.
#[derive(Debug, Clone)]
pub struct Paging<K> {
    query: Query,
    /// Most items to return.
    pub limit: u32,
    /// The key of the last item of the page before; `None`: the first page.
    pub after: Option<K>,
}

/// What a token says, under base64url.
#[derive(Serialize, Deserialize)]
struct Token<K> {
    /// The key of the last item.
    k: K,
    /// The check sum that binds it to its query.
    c: String,
}

impl Query {
    /// The query of this name with these parameters: all of them but size and token.
    #[must_use]
    pub fn new(name: &str, parameters: &[&str]) -> Self {
        let mut digest = Sha256::new();
        for part in std::iter::once(&name).chain(parameters) {
            // Lengths keep ("a", "bc") from ("ab", "c").
            digest.update(part.len().to_le_bytes());
            digest.update(part);
        }
        Self { digest }
    }

    /// Reads the fields `page_size` and `page_token`.
    pub fn paging<K: Serialize + DeserializeOwned>(
        self,
        fields: &mut Fields,
        size: i32,
        token: &str,
    ) -> Option<Paging<K>> {
        let limit = match size {
            0 => Some(DEFAULT_SIZE),
            1..=MAX_SIZE => u32::try_from(size).ok(),
            _ => fields
                .none(Path::of("page_size"), format!("is {size}; ask for 1 to {MAX_SIZE}, or leave it out")),
        };
        let after = match token {
            "" => Some(None),
            token => match self.key(token) {
                Some(key) => Some(Some(key)),
                None => fields.none(
                    Path::of("page_token"),
                    "is not a token that this query gave out; send next_page_token of its last answer unchanged, \
                     with the same other fields, or leave it out to start again",
                ),
            },
        };
        Some(Paging { query: self, limit: limit?, after: after? })
    }

    fn key<K: Serialize + DeserializeOwned>(&self, token: &str) -> Option<K> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let Token { k, c } = serde_json::from_slice(&bytes).ok()?;
        (c == self.checksum(&k)?).then_some(k)
    }

    fn checksum<K: Serialize>(&self, key: &K) -> Option<String> {
        let mut digest = self.digest.clone();
        digest.update(serde_json::to_vec(key).ok()?);
        let sum = digest.finalize();
        Some(URL_SAFE_NO_PAD.encode(sum.get(..12)?))
    }
}

impl<K: Serialize> Paging<K> {
    /// The token of the page behind the item with this key; empty if this page was the last.
    ///
    /// # Errors
    /// [`Error::Defect`] when there is a next page and no token for it: a list is never silently cut.
    pub fn next(&self, last: Option<K>, more: More) -> Result<String, Error> {
        match more {
            More::No => Ok(String::new()),
            More::Yes => last
                .and_then(|key| self.token(key))
                .ok_or_else(|| Error::Defect("no token could be made for the next page".to_owned())),
        }
    }

    fn token(&self, key: K) -> Option<String> {
        let c = self.query.checksum(&key)?;
        Some(URL_SAFE_NO_PAD.encode(serde_json::to_vec(&Token { k: key, c }).ok()?))
    }
}

/// Whether there are items behind a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum More {
    /// There are.
    Yes,
    /// It is the last page.
    No,
}

impl From<bool> for More {
    fn from(more: bool) -> Self {
        if more { Self::Yes } else { Self::No }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: Query, size: i32, token: &str) -> Result<Paging<String>, Error> {
        let mut fields = Fields::default();
        let paging = query.paging(&mut fields, size, token);
        fields.finish(paging)
    }

    fn query(account: &str) -> Query {
        Query::new("ListThings", &[account])
    }

    #[test]
    fn a_token_leads_its_own_query_to_the_next_page() {
        let first = read(query("a"), 0, "").unwrap();
        assert_eq!((first.limit, first.after.as_deref()), (50, None));
        let token = first.next(Some("last".into()), More::Yes).unwrap();
        let second = read(query("a"), 1_000, &token).unwrap();
        assert_eq!((second.limit, second.after.as_deref()), (1_000, Some("last")));
        assert_eq!(second.next(Some("end".into()), More::No).unwrap(), "");
        assert!(second.next(None, More::Yes).is_err(), "a list is never silently cut");
    }

    #[test]
    fn a_token_of_another_query_or_of_nobody_is_refused() {
        let token = read(query("a"), 0, "").unwrap().next(Some("last".into()), More::Yes).unwrap();
        assert!(read(query("b"), 0, &token).is_err());
        assert!(read(Query::new("ListOthers", &["a"]), 0, &token).is_err());
        for forged in [token.trim_start_matches('e'), "e30", "not base64", &"A".repeat(5_000)] {
            assert!(read(query("a"), 0, forged).is_err(), "{forged}");
        }
    }

    #[test]
    fn sizes_out_of_range_are_refused() {
        for size in [-1, i32::MIN, 1_001, i32::MAX] {
            assert!(read(query("a"), size, "").is_err(), "{size}");
        }
    }
}

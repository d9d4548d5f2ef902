//! Page tokens: what every list gives out and takes back.

use mandate_domain::id::{AccountId, UserId};
use mandate_server::convert::Fields;
use mandate_server::convert::page::{More, Paging, Query};
use mandate_server::convert::people::PersonKey;
use mandate_server::policies::EffectsFrom;
use mandate_storage::Way;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A token leads its own query, and no other one, to the key that it was made of.
pub fn run(data: &[u8]) {
    as_key::<AccountId>(data);
    as_key::<UserId>(data);
    as_key::<i64>(data);
    as_key::<String>(data);
    as_key::<PersonKey>(data);
    as_key::<EffectsFrom>(data);
    as_key::<Way>(data);
}

fn query(account: &str) -> Query {
    Query::new("ListThings", &[account])
}

fn read<K: Serialize + DeserializeOwned>(query: Query, token: &str) -> Option<Paging<K>> {
    let mut fields = Fields::default();
    let paging = query.paging(&mut fields, 0, token);
    fields.finish(paging).ok()
}

/// The bytes as a token, and as the key that a token is made of.
fn as_key<K: Serialize + DeserializeOwned>(data: &[u8]) {
    if let Some(key) = std::str::from_utf8(data).ok().and_then(|text| read::<K>(query("a"), text)?.after) {
        round_trip(key);
    }
    if let Ok(key) = serde_json::from_slice::<K>(data) {
        round_trip(key);
    }
}

fn round_trip<K: Serialize + DeserializeOwned>(key: K) {
    let written = serde_json::to_vec(&key).unwrap_or_default();
    // No key is near this long: a resource's id has 255 bytes at most.
    if written.len() > 1_400 {
        return;
    }
    let Some(first) = read::<K>(query("a"), "") else { panic!("the first page needs no token") };
    let Ok(token) = first.next(Some(key), More::Yes) else { panic!("no token was made") };
    let Some(second) = read::<K>(query("a"), &token) else { panic!("{token} was given out and is refused") };
    let after = second.after.and_then(|key| serde_json::to_vec(&key).ok());
    assert_eq!(after, Some(written), "the key is another one");
    assert!(read::<K>(query("b"), &token).is_none(), "another query takes {token}");
}

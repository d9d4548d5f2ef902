//! Ids as texts: `acc_…` and its kin.

use std::fmt::Display;
use std::str::FromStr;

use mandate_domain::id::{
    AccountId, ContactId, GroupId, IdError, InvitationId, PasswordId, SessionId, UserId,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A text is the id of one kind at most, and the only spelling of that id; any 128 bits are an id.
pub fn run(data: &[u8]) {
    if let Some((bits, [])) = data.split_first_chunk::<16>() {
        let bits = u128::from_be_bytes(*bits);
        whole(AccountId::from_bits(bits));
        whole(PasswordId::from_bits(bits));
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let kinds = [
        read::<AccountId>(text),
        read::<UserId>(text),
        read::<ContactId>(text),
        read::<GroupId>(text),
        read::<InvitationId>(text),
        read::<SessionId>(text),
        read::<PasswordId>(text),
    ];
    assert!(kinds.into_iter().filter(|is| *is).count() <= 1, "{text} is an id of two kinds");
}

/// What holds of every kind of id.
trait Id: Display + FromStr<Err = IdError> + PartialEq + std::fmt::Debug + Serialize + DeserializeOwned {}

impl<T: Display + FromStr<Err = IdError> + PartialEq + std::fmt::Debug + Serialize + DeserializeOwned> Id
    for T
{
}

/// Whether the text is an id of this kind.
fn read<T: Id>(text: &str) -> bool {
    match text.parse::<T>() {
        Ok(id) => {
            assert_eq!(id.to_string(), text, "an id has one spelling");
            whole(id);
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

/// An id is the same after it was written and read, as a text and in JSON.
fn whole<T: Id>(id: T) {
    assert_eq!(id.to_string().parse::<T>().as_ref(), Ok(&id));
    let json = serde_json::to_vec(&id).unwrap_or_default();
    assert_eq!(serde_json::from_slice::<T>(&json).ok(), Some(id));
}

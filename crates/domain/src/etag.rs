//! Etags (AIP-154): what a fact is worth at a moment, so that of two people who edit it the second one notices.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::account::Account;
use crate::contact::Contact;
use crate::membership::Membership;
use crate::resource::{Assignment, Resource};
use crate::user::User;

/// A fact that two people may edit.
pub trait Etag: Serialize {
    /// The same for as long as the fact is the same, on every replica: 16 hexadecimal digits of a hash.
    fn etag(&self) -> String {
        // Facts are structs of texts, numbers and lists, which always have a JSON form.
        let body = serde_json::to_vec(self).unwrap_or_default();
        Sha256::digest(body).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Etag for Account {}
impl Etag for User {}
impl Etag for Membership {}
impl Etag for Resource {}
impl Etag for Assignment {}
impl Etag for Contact {}

//! Accounts: the tenant and billable party, governed by exactly one policy.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, GroupId};

/// An account as it is stored and as the change feed carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// The name of the policy that governs it; never changes.
    pub policy: String,
    /// What people call it: 1 to 200 characters.
    pub display_name: String,
    /// Whether it is in use.
    pub state: AccountState,
    /// How it came to exist (GW-03).
    pub origin: Origin,
    /// The values of the policy's attributes that have been set.
    pub attributes: BTreeMap<String, AttributeValue>,
    /// The groups that contain it, ascending.
    pub groups: Vec<GroupId>,
    /// When it was created: microseconds since the Unix epoch.
    pub created_at: i64,
    /// When it was last changed: microseconds since the Unix epoch.
    pub updated_at: i64,
    /// When it was deleted, if it was: microseconds since the Unix epoch.
    pub deleted_at: Option<i64>,
    /// Which state an undelete takes it back to: what it was deleted in. Rows of versions that did not keep it
    /// were in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_in: Option<AccountState>,
}

/// Whether an account is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// In use.
    Active,
    /// Every Check is denied until it is reinstated.
    Suspended,
    /// Every Check is denied; it can be taken back for 30 days.
    Deleted,
}

/// How an account came to exist (GW-03).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Origin {
    /// Ahead of any order.
    Registration,
    /// In the course of an order.
    Order {
        /// The order's reference: 1 to 255 bytes.
        reference: String,
    },
}

/// The value of an account's attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AttributeValue {
    /// Of a flag.
    Flag(bool),
    /// Of a number.
    Number(i64),
    /// Of a choice, text or domain.
    Text(String),
}

impl Account {
    /// The value of an attribute that has been set.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<AttributeValue> {
        self.attributes.get(name).cloned()
    }
}

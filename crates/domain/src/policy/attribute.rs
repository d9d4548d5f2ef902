//! What is declared about accounts beside their name, and what they can be required to fulfil.

use super::set::PermissionId;
use crate::account::AttributeValue;

/// What is declared about an account beside its name.
#[derive(Debug, Clone)]
pub struct Attribute {
    /// Its name (`tier`).
    pub name: String,
    /// What a person calls it.
    pub title: String,
    /// Which values it takes.
    pub kind: AttributeKind,
    /// The value at birth; `None`: unset.
    pub default: Option<AttributeValue>,
    /// The permission a member needs to change it; `None`: platform operators alone change it.
    pub changed_by: Option<PermissionId>,
    /// Whether a choice may only move towards the end of its list (personal → business).
    pub only_upwards: bool,
}

/// The values an attribute takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttributeKind {
    /// One of these words, in rising order.
    Choice(Vec<String>),
    /// On or off.
    Flag,
    /// A whole number.
    Number,
    /// Any text of up to 255 bytes.
    Text,
    /// A DNS name, kept as lower-case A-labels (RFC 5890).
    Domain,
}

/// One thing an account must fulfil.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Index into [`Policy::attributes`].
    pub attribute: usize,
    /// What its value must be.
    pub expected: Expected,
}

/// What the value of a required attribute must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// A choice is one of these words.
    OneOf(Vec<String>),
    /// A flag is on (`true`) or off.
    Flag(bool),
    /// A text, domain or number has been set.
    Set,
    /// A number is at least this.
    AtLeast(i64),
}

//! What is in order in an account and yet worth saying (RE-03): a role that would be refused its next loss.

use crate::policy::model::{Policy, Role};
use crate::records::HolderCount;

/// A role whose active holders are as few as the policy allows, though there could be more of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advisory {
    /// The role.
    pub role: String,
    /// Its active holders now.
    pub holders: u32,
}

/// The roles of which an advisory may be given: they have a least, and room for more holders. A role that one
/// member holds by rule (GW-02) is as it should be.
pub fn advised_roles(policy: &Policy) -> impl Iterator<Item = &Role> {
    policy.roles.iter().filter(|role| {
        let holders = role.holders;
        holders.least > 0 && holders.most.is_none_or(|most| most > holders.least)
    })
}

/// Judges one role by its count; `None`: there is nothing to say.
#[must_use]
pub fn advisory(role: &Role, count: HolderCount) -> Option<Advisory> {
    (count.active <= role.holders.least).then(|| Advisory { role: role.name.clone(), holders: count.active })
}

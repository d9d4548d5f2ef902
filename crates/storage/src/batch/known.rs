//! What a batch has read ahead, for as long as nothing that it writes changes it.

use std::collections::BTreeMap;

use mandate_domain::change::Change;
use mandate_domain::records::{Key, Record};

/// What was read ahead.
#[derive(Debug, Default)]
pub(crate) struct Known(BTreeMap<Key, Record>);

impl Known {
    /// This was read.
    pub(crate) fn of(found: Vec<(Key, Record)>) -> Self {
        Self(found.into_iter().collect())
    }

    /// Whether it is known what the key names.
    pub(crate) fn has(&self, key: &Key) -> bool {
        self.0.contains_key(key)
    }

    /// What the key names, if it is known.
    pub(crate) fn get(&self, key: &Key) -> Option<Record> {
        self.0.get(key).cloned()
    }

    /// These changes are going to be written: what was read before is not true any more.
    ///
    /// INVARIANT: nothing stays that a change may change. Whatever a key does not simply name, such as a count, goes
    /// with every change.
    pub(crate) fn outdate(&mut self, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        self.0.retain(|key, _| {
            changes.iter().all(|change| match (key, change) {
                (Key::User(id), Change::User(user)) => *id != user.id,
                (Key::UserByEmail(email), Change::User(user)) => *email != user.email,
                (Key::User(_) | Key::UserByEmail(_), Change::Membership(_)) => true,
                (Key::Account(_) | Key::Membership(..), Change::User(_)) => true,
                (Key::Account(_), Change::Membership(_)) => true,
                (Key::Membership(account, user), Change::Membership(after)) => {
                    (*account, *user) != (after.account, after.user)
                }
                _ => false,
            })
        });
    }
}

#[cfg(test)]
mod tests {
    use mandate_domain::id::{AccountId, UserId};
    use mandate_domain::membership::{MemberState, Membership};

    use super::*;

    #[test]
    fn a_change_leaves_what_has_nothing_to_do_with_it() {
        let (account, other) = (AccountId::from_bits(1), AccountId::from_bits(2));
        let (ada, bob) = (UserId::from_bits(1), UserId::from_bits(2));
        let membership = Membership {
            account,
            user: ada,
            state: MemberState::Active,
            roles: Vec::new(),
            grants: Vec::new(),
            restrictions: Vec::new(),
            created_at: 0,
            updated_at: 0,
        };
        let keys = [
            Key::User(ada),
            Key::Account(account),
            Key::Membership(account, ada),
            Key::Membership(other, ada),
            Key::Membership(account, bob),
            Key::Holders(account, "member".to_owned(), 0),
        ];
        let mut known = Known::of(keys.iter().map(|key| (key.clone(), Record::User(None))).collect());
        known.outdate(&[]);
        assert!(keys.iter().all(|key| known.has(key)));
        known.outdate(&[Change::Membership(membership)]);
        let left: Vec<bool> = keys.iter().map(|key| known.has(key)).collect();
        assert_eq!(left, [true, true, false, true, true, false]);
        known.outdate(&[Change::MembershipEnded { account, user: bob }]);
        assert!(!keys.iter().any(|key| known.has(key)));
    }
}

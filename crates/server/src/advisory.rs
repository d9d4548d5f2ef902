//! Advisories on an account (RE-03): which role has as few holders as it may, counted when somebody looks.

use mandate_domain::account::Account;
use mandate_domain::advisory::{Advisory, advised_roles, advisory};
use mandate_domain::records::{Key, Record};
use mandate_proto::v1;

use crate::clock::now_micros;
use crate::convert;
use crate::error::Error;
use crate::facts::Facts;

/// The account as a message, with its advisories.
///
/// # Errors
/// Those of the store.
pub(crate) async fn advised(facts: &Facts, account: Account) -> Result<v1::Account, Error> {
    let advisories = advisories(facts, &account).await?;
    let mut message = convert::account::to_message(account);
    message.advisories = advisories.into_iter().map(convert::account::to_advisory).collect();
    Ok(message)
}

async fn advisories(facts: &Facts, account: &Account) -> Result<Vec<Advisory>, Error> {
    let policies = facts.policies();
    let Some(policy) = policies.get(&account.policy) else { return Ok(Vec::new()) };
    let now = now_micros();
    let keys: Vec<Key> =
        advised_roles(policy).map(|role| Key::Holders(account.id, role.name.clone(), now)).collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let counts = facts.store().read(&keys).await?;
    let count_of = |name: &str| {
        counts.iter().find_map(|(key, record)| match (key, record) {
            (Key::Holders(_, role, _), Record::Count(count)) if role == name => Some(*count),
            _ => None,
        })
    };
    let found = advised_roles(policy).filter_map(|role| advisory(role, count_of(&role.name)?));
    Ok(found.collect())
}

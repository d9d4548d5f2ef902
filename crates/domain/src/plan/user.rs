//! Plans that make people known.

use super::Context;
use super::scene::operators_only;
use crate::change::Change;
use crate::command::{Actor, Command};
use crate::records::Stop;
use crate::refusal::Refusal;
use crate::user::{User, UserState};

pub(super) fn draft(context: Context<'_>, command: &Command) -> Result<Vec<Change>, Stop> {
    let Command::CreateUser { id, email, display_name, identities } = command else { return Ok(Vec::new()) };
    if let Actor::Person { .. } | Actor::Link { .. } = context.actor {
        return Err(operators_only(command.name()).into());
    }
    if context.records.user_by_email(email)?.is_some() {
        return Err(
            Refusal::AlreadyExists { what: "a user with the e-mail address", id: email.clone() }.into()
        );
    }
    for identity in identities {
        if context.records.user_by_identity(identity)?.is_some() {
            let id = format!("{} of {}", identity.subject, identity.issuer);
            return Err(Refusal::AlreadyExists { what: "a user with the login", id }.into());
        }
    }
    let mut identities = identities.clone();
    identities.sort();
    identities.dedup();
    Ok(vec![Change::User(User {
        id: *id,
        email: email.clone(),
        display_name: display_name.clone(),
        state: UserState::Active,
        identities,
        seats: Vec::new(),
        created_at: context.now,
    })])
}

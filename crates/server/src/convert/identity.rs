//! Users and their logins.

use email_address::{EmailAddress, Options};
use mandate_domain::id::UserId;
use mandate_domain::user::{Identity, User, UserState};
use mandate_proto::v1;

use super::{Fields, Path, timestamp};
use crate::error::Error;

/// Most logins of one user.
const MAX_IDENTITIES: usize = 16;
/// Longest e-mail address, in bytes (RFC 5321 §4.5.3.1.3, without its brackets).
const MAX_EMAIL: usize = 254;
/// Longest issuer and longest subject, in bytes.
const MAX_LOGIN: usize = 255;

/// What a new user is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateUser {
    /// The e-mail address, lower-case.
    pub email: String,
    /// What people call them.
    pub display_name: String,
    /// Logins that are this person.
    pub identities: Vec<Identity>,
}

/// Reads a `CreateUserRequest`.
///
/// # Errors
/// Every bad field.
pub fn create(message: v1::CreateUserRequest) -> Result<CreateUser, Error> {
    let v1::CreateUserRequest { email, display_name, identities } = message;
    let mut fields = Fields::default();
    let email = self::email(&mut fields, Path::of("email"), &email);
    let display_name = fields.title(Path::of("display_name"), display_name);
    let identities = self::identities(&mut fields, Path::of("identities"), identities);
    let create =
        (|| Some(CreateUser { email: email?, display_name: display_name?, identities: identities? }))();
    fields.finish(create)
}

/// An e-mail address, in lower case.
pub fn email(fields: &mut Fields, path: Path<'_>, text: &str) -> Option<String> {
    if text.is_empty() {
        return fields.none(path, "is required");
    }
    let lower = text.to_lowercase();
    if text.len() > MAX_EMAIL || lower.len() > MAX_EMAIL {
        return fields.none(path, format!("has more than {MAX_EMAIL} bytes"));
    }
    let options = Options::default().without_display_text().without_domain_literal().with_required_tld();
    match EmailAddress::parse_with_options(&lower, options) {
        Ok(_) => Some(lower),
        Err(error) => {
            fields.none(path, format!("is not an e-mail address such as name@example.com: {error}"))
        }
    }
}

fn identities(fields: &mut Fields, path: Path<'_>, messages: Vec<v1::Identity>) -> Option<Vec<Identity>> {
    fields.at_most(path, messages.len(), MAX_IDENTITIES)?;
    let mut read: Vec<Identity> = Vec::with_capacity(messages.len());
    let mut all_good = true;
    for (index, message) in messages.into_iter().enumerate() {
        match identity(fields, path.index(index), message) {
            Some(identity) if read.contains(&identity) => {
                fields.reject(path.index(index), "is the same login as one before it");
            }
            Some(identity) => read.push(identity),
            None => all_good = false,
        }
    }
    all_good.then_some(read)
}

/// A login.
pub fn identity(fields: &mut Fields, path: Path<'_>, message: v1::Identity) -> Option<Identity> {
    let v1::Identity { issuer, subject } = message;
    let issuer = fields.opaque(path.field("issuer"), issuer, MAX_LOGIN);
    let subject = fields.opaque(path.field("subject"), subject, MAX_LOGIN);
    Some(Identity { issuer: issuer?, subject: subject? })
}

/// The user asked about; `None`: the calling person.
///
/// Reads a `GetUserRequest`.
///
/// # Errors
/// Every bad field.
pub fn get(message: v1::GetUserRequest) -> Result<Option<UserId>, Error> {
    let v1::GetUserRequest { user } = message;
    let mut fields = Fields::default();
    let user = fields.optional_id(Path::of("user"), &user);
    fields.finish(user)
}

/// A user as messages have it. Which groups they belong to is told by the groups.
#[must_use]
pub fn to_message(user: User) -> v1::User {
    let User { id, email, display_name, state, identities, seats: _, created_at } = user;
    v1::User {
        id: id.to_string(),
        email,
        display_name,
        state: to_state(state).into(),
        identities: identities.into_iter().map(to_identity).collect(),
        create_time: Some(timestamp(created_at)),
    }
}

fn to_state(state: UserState) -> v1::UserState {
    match state {
        UserState::Active => v1::UserState::Active,
        UserState::Suspended => v1::UserState::Suspended,
    }
}

fn to_identity(identity: Identity) -> v1::Identity {
    let Identity { issuer, subject } = identity;
    v1::Identity { issuer, subject }
}

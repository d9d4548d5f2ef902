//! Users and their logins.

use email_address::{EmailAddress, Options};
use mandate_domain::command::Command;
use mandate_domain::etag::Etag as _;
use mandate_domain::id::UserId;
use mandate_domain::user::{Identity, User, UserState};
use mandate_proto::v1;
use mandate_storage::{Activity, UserExport};
use prost_types::Struct;
use prost_types::value::Kind;
use serde_json::json;

use super::page::{Paging, Query};
use super::{Fields, Path, avatar, timestamp};
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
    /// Where a picture of them is; empty: nowhere.
    pub avatar_url: String,
    /// Logins that are this person.
    pub identities: Vec<Identity>,
}

/// Reads a `CreateUserRequest`.
///
/// # Errors
/// Every bad field.
pub fn create(message: v1::CreateUserRequest) -> Result<CreateUser, Error> {
    let v1::CreateUserRequest {
        email,
        display_name,
        identities,
        avatar_url,
        request_id: _,
        validate_only: _,
    } = message;
    let mut fields = Fields::default();
    let email = self::email(&mut fields, Path::of("email"), &email);
    let display_name = fields.title(Path::of("display_name"), display_name);
    let avatar_url = avatar::url(&mut fields, Path::of("avatar_url"), avatar_url);
    let identities = self::identities(&mut fields, Path::of("identities"), identities);
    let create = (|| {
        let (email, display_name) = (email?, display_name?);
        Some(CreateUser { email, display_name, avatar_url: avatar_url?, identities: identities? })
    })();
    fields.finish(create)
}

/// An e-mail address, lower-case. Required.
pub(super) fn email(fields: &mut Fields, path: Path<'_>, text: &str) -> Option<String> {
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

/// The one user a request names.
///
/// # Errors
/// Every bad field.
fn one(user: &str) -> Result<UserId, Error> {
    let mut fields = Fields::default();
    let user = fields.id(Path::of("user"), user);
    fields.finish(user)
}

/// # Errors
/// Every bad field.
pub fn suspend(message: v1::SuspendUserRequest) -> Result<Command, Error> {
    let v1::SuspendUserRequest { user, request_id: _, validate_only: _, override_reason: _ } = message;
    Ok(Command::SuspendUser { user: one(&user)? })
}

/// # Errors
/// Every bad field.
pub fn reinstate(message: v1::ReinstateUserRequest) -> Result<Command, Error> {
    let v1::ReinstateUserRequest { user, request_id: _, validate_only: _, override_reason: _ } = message;
    Ok(Command::ReinstateUser { user: one(&user)? })
}

/// # Errors
/// Every bad field.
pub fn erase(message: v1::EraseUserRequest) -> Result<Command, Error> {
    let v1::EraseUserRequest { user, request_id: _, validate_only: _, override_reason: _ } = message;
    Ok(Command::EraseUser { user: one(&user)? })
}

/// What of a profile is to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateUser {
    /// The user; `None`: the calling person.
    pub user: Option<UserId>,
    /// The new name, if it is to change.
    pub display_name: Option<String>,
    /// The new language tag, if it is to change.
    pub locale: Option<String>,
    /// The new picture's URL, if it is to change.
    pub avatar_url: Option<String>,
}

/// # Errors
/// Every bad field.
pub fn update(message: v1::UpdateUserRequest) -> Result<UpdateUser, Error> {
    let v1::UpdateUserRequest {
        user,
        display_name,
        locale,
        update_mask,
        avatar_url,
        request_id: _,
        validate_only: _,
        etag: _,
    } = message;
    let mut fields = Fields::default();
    let user = fields.optional_id(Path::of("user"), &user);
    let (mut new_name, mut new_locale, mut new_avatar) = (None, None, None);
    for (index, path) in super::membership::mask(&mut fields, update_mask).into_iter().enumerate() {
        let at = Path::of("update_mask");
        match path.as_str() {
            "display_name" => new_name = fields.title(Path::of("display_name"), display_name.clone()),
            "locale" => new_locale = self::locale(&mut fields, &locale),
            "avatar_url" => {
                new_avatar = avatar::url(&mut fields, Path::of("avatar_url"), avatar_url.clone());
            }
            "email" => fields.reject(
                at.field("paths").index(index),
                "an e-mail address never changes; a new address is a new user: create one and give it what this one has",
            ),
            _ => fields.reject(
                at.field("paths").index(index),
                format!("\"{path}\" cannot be changed; name display_name, locale or avatar_url"),
            ),
        }
    }
    let update =
        |user| UpdateUser { user, display_name: new_name, locale: new_locale, avatar_url: new_avatar };
    fields.finish(user.map(update))
}

/// A BCP 47 tag, as far as its form can be told without the registry of subtags.
fn locale(fields: &mut Fields, text: &str) -> Option<String> {
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or_default();
    let is_language =
        (2..=8).contains(&language.len()) && language.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_subtag =
        |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_tag = text.len() <= 35 && is_language && parts.all(is_subtag);
    match text.is_empty() || is_tag {
        true => Some(text.to_owned()),
        false => {
            fields.none(Path::of("locale"), "is no BCP 47 tag such as de or de-CH, at most 35 characters")
        }
    }
}

/// Which users to list.
#[derive(Debug, Clone)]
pub struct ListUsers {
    /// Only the user with this e-mail address, lower-case.
    pub email: Option<String>,
    /// Which page; its key is the last user of the page before.
    pub paging: Paging<UserId>,
}

/// # Errors
/// Every bad field.
pub fn list(message: v1::ListUsersRequest) -> Result<ListUsers, Error> {
    let v1::ListUsersRequest { email, page_size, page_token } = message;
    let mut fields = Fields::default();
    let paging = Query::new("ListUsers", &[&email]).paging(&mut fields, page_size, &page_token);
    let email = if email.is_empty() {
        Some(None)
    } else {
        self::email(&mut fields, Path::of("email"), &email).map(Some)
    };
    let list = (|| Some(ListUsers { email: email?, paging: paging? }))();
    fields.finish(list)
}

/// Whom to export.
#[derive(Debug, Clone)]
pub struct ExportUser {
    /// The user; `None`: the calling person.
    pub user: Option<UserId>,
    /// Which page of the activity log; its key is the place of an entry in the log.
    pub paging: Paging<i64>,
}

/// # Errors
/// Every bad field.
pub fn export(message: v1::ExportUserRequest) -> Result<ExportUser, Error> {
    let v1::ExportUserRequest { user, page_size, page_token } = message;
    let mut fields = Fields::default();
    let paging = Query::new("ExportUser", &[&user]).paging(&mut fields, page_size, &page_token);
    let user = fields.optional_id(Path::of("user"), &user);
    let export = (|| Some(ExportUser { user: user?, paging: paging? }))();
    fields.finish(export)
}

/// Everything known of a person, as JSON; `None`: a later page, which has activity alone.
#[must_use]
pub fn to_export(known: Option<UserExport>, activity: Vec<Activity>) -> Struct {
    let mut data = json!({ "activity": activity.into_iter().map(to_deed).collect::<Vec<_>>() });
    if let (Some(UserExport { user, credential, sessions, memberships, assignments }), Some(data)) =
        (known, data.as_object_mut())
    {
        data.insert("groups".to_owned(), json!(user.seats));
        data.insert("profile".to_owned(), json!(User { seats: Vec::new(), ..user }));
        data.insert("password".to_owned(), json!(credential));
        data.insert("sessions".to_owned(), json!(sessions));
        data.insert("memberships".to_owned(), json!(memberships));
        data.insert("assignments".to_owned(), json!(assignments));
    }
    match super::activity::value(data).kind {
        Some(Kind::StructValue(data)) => data,
        _ => Struct::default(),
    }
}

/// What somebody did; what it changed for others is theirs.
fn to_deed(activity: Activity) -> serde_json::Value {
    let Activity {
        seq: _,
        at,
        account,
        actor_kind: _,
        actor: _,
        through,
        operation,
        subject,
        changes: _,
        override_reason: _,
    } = activity;
    json!({ "at": at, "account": account, "through": through, "operation": operation, "subject": subject })
}

/// A user as messages have it. Which groups they belong to is told by the groups.
#[must_use]
pub fn to_message(user: User) -> v1::User {
    let etag = user.etag();
    let User { id, email, display_name, locale, avatar_url, state, identities, seats: _, created_at } = user;
    v1::User {
        id: id.to_string(),
        email,
        display_name,
        locale,
        avatar_url,
        state: to_state(state).into(),
        identities: identities.into_iter().map(to_identity).collect(),
        create_time: Some(timestamp(created_at)),
        etag,
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

//! The activation of contacts' logins, and new initial passwords.

use mandate_domain::command::{Access, Command, ResetOf};
use mandate_domain::credential::InitialPassword;
use mandate_domain::id::{AccountId, ContactId, InvitationId};
use mandate_domain::mail::Locale;
use mandate_domain::resource::ResourceRef;
use mandate_proto::v1;

use super::membership::{MAX_GRANTS, MAX_ROLES};
use super::{Fields, Path, contact, invitation, resource};
use crate::error::Error;

/// What a contact is to become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activate {
    /// The account.
    pub account: AccountId,
    /// The contact.
    pub contact: ContactId,
    /// What they are offered.
    pub access: Access,
    /// The contact's new name, if it is to change.
    pub display_name: Option<String>,
    /// The contact's new details, if they are to change.
    pub details: Option<String>,
    /// The language of the mail; `None`: the account's.
    pub locale: Option<Locale>,
}

/// Reads an `ActivateContactRequest`.
///
/// # Errors
/// Every bad field.
pub fn activate(message: v1::ActivateContactRequest) -> Result<Activate, Error> {
    let v1::ActivateContactRequest {
        account,
        contact,
        roles,
        grants,
        restrictions,
        assignments,
        display_name,
        details,
        language,
        request_id: _,
        validate_only: _,
        etag: _,
        override_reason: _,
    } = message;
    let mut fields = Fields::default();
    let account = fields.id(Path::of("account"), &account);
    let contact = fields.id(Path::of("contact"), &contact);
    let roles = fields.some_names(Path::of("roles"), roles, MAX_ROLES);
    let grants = fields.names(Path::of("grants"), grants, MAX_GRANTS);
    let restrictions = fields.names(Path::of("restrictions"), restrictions, MAX_ROLES);
    let assignments = resource::new_assignments(&mut fields, Path::of("assignments"), assignments);
    let display_name = match display_name.as_str() {
        "" => Some(None),
        _ => fields.title(Path::of("display_name"), display_name).map(Some),
    };
    let details = match details.as_str() {
        "" => Some(None),
        _ => contact::details(&mut fields, details).map(Some),
    };
    let locale = invitation::locale(&mut fields, &language);
    let activate = (|| {
        let access =
            Access { roles: roles?, grants: grants?, restrictions: restrictions?, assignments: assignments? };
        Some(Activate {
            account: account?,
            contact: contact?,
            access,
            display_name: display_name?,
            details: details?,
            locale: locale?,
        })
    })();
    fields.finish(activate)
}

impl Activate {
    /// The command, by an invitation of this id.
    #[must_use]
    pub fn command(self, id: InvitationId, initial: InitialPassword) -> Command {
        let Self { account, contact, access, display_name, details, locale } = self;
        Command::ActivateContact { id, account, contact, access, display_name, details, locale, initial }
    }
}

/// Who gets a new initial password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reset {
    /// The account in whose right it is done.
    pub account: AccountId,
    /// Who.
    pub of: ResetOf,
}

/// Reads a `ResetInitialPasswordRequest`.
///
/// # Errors
/// Every bad field.
pub fn reset(message: v1::ResetInitialPasswordRequest) -> Result<Reset, Error> {
    use v1::reset_initial_password_request::Of;
    let v1::ResetInitialPasswordRequest { account, of, request_id: _, validate_only: _ } = message;
    let mut fields = Fields::default();
    let account = fields.id(Path::of("account"), &account);
    let of = match of {
        None => fields.none(Path::of("of"), "is required: set user or contact"),
        Some(Of::User(user)) => fields.id(Path::of("user"), &user).map(ResetOf::Member),
        Some(Of::Contact(contact)) => fields.id(Path::of("contact"), &contact).map(ResetOf::Contact),
    };
    fields.finish(account.zip(of).map(|(account, of)| Reset { account, of }))
}

/// What somebody may do once they have come in, as messages have it.
#[must_use]
pub fn to_permissions(
    everywhere: v1::LookupPermissionsResponse,
    resources: Vec<(ResourceRef, v1::LookupPermissionsResponse)>,
) -> v1::OfferedPermissions {
    let v1::LookupPermissionsResponse { permissions, modules, reason: _, consistency_token: _, stale_for: _ } =
        everywhere;
    let on = |(resource, held): (ResourceRef, v1::LookupPermissionsResponse)| v1::ResourcePermissions {
        resource: Some(resource::to_reference(resource)),
        permissions: held.permissions,
    };
    v1::OfferedPermissions { permissions, modules, resources: resources.into_iter().map(on).collect() }
}

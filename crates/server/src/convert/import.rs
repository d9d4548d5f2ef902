//! Rows of an import.

use mandate_domain::change::Change;
use mandate_domain::command::{Command, ExistingMember};
use mandate_domain::id::UserId;
use mandate_proto::v1;
use mandate_storage::{BatchItem, Effects, Judged, Then};

use super::membership::{MAX_GRANTS, MAX_ROLES};
use super::{Fields, Path, identity, terms};
use crate::error::Error;

/// Longest name of a row, in bytes.
const MAX_ROW_ID: usize = 128;

/// Reads an `ImportMembersRequest`; `newcomer` is the id of the user who is made if the address is nobody's.
///
/// # Errors
/// Every bad field.
pub fn row(message: v1::ImportMembersRequest, newcomer: UserId) -> Result<BatchItem, Error> {
    let v1::ImportMembersRequest {
        row_id,
        account,
        email,
        display_name,
        roles,
        grants,
        restrictions,
        existing,
        validate_only,
    } = message;
    let mut fields = Fields::default();
    if row_id.len() > MAX_ROW_ID {
        fields.reject(Path::of("row_id"), format!("has {} bytes; at most {MAX_ROW_ID} fit", row_id.len()));
    }
    let account = fields.id(Path::of("account"), &account);
    let email = identity::email(&mut fields, Path::of("email"), &email);
    let display_name = fields.optional_title(Path::of("display_name"), display_name);
    let display_name = email.as_deref().zip(display_name).map(|(email, name)| called(email, name));
    let roles = fields.names(Path::of("roles"), roles, MAX_ROLES);
    let grants = fields.names(Path::of("grants"), grants, MAX_GRANTS);
    let restrictions = fields.names(Path::of("restrictions"), restrictions, MAX_ROLES);
    let existing = fields
        .choice(Path::of("existing"), existing, |choice: v1::ExistingMember| Some(from_existing(choice)));
    let command = (|| {
        Some(Command::ImportMember {
            newcomer,
            account: account?,
            email: email?,
            display_name: display_name?,
            roles: roles?,
            grants: grants?,
            restrictions: restrictions?,
            existing: existing?,
        })
    })();
    let then = if validate_only { Then::Leave } else { Then::Write };
    Ok(BatchItem { command: fields.finish(command)?, then })
}

/// The name given, or the address up to its `@`.
fn called(email: &str, name: String) -> String {
    if !name.trim().is_empty() {
        return name;
    }
    // At most 64 bytes by RFC 5321, so it fits whatever it is.
    email.rsplit_once('@').map_or(email, |(local, _)| local).to_owned()
}

fn from_existing(choice: v1::ExistingMember) -> ExistingMember {
    match choice {
        v1::ExistingMember::Unspecified | v1::ExistingMember::Refuse => ExistingMember::Refuse,
        v1::ExistingMember::Replace => ExistingMember::Replace,
    }
}

/// The result of a row, as messages have it, with the consistency token of its commit.
#[must_use]
pub fn result(
    row_id: String,
    then: Then,
    judged: Result<Judged, Error>,
    token: &str,
) -> v1::ImportMembersResponse {
    let judged = match judged {
        Ok(judged) => judged,
        Err(error) => {
            let outcome = v1::ImportOutcome::Refused.into();
            let error = Some(error.into());
            return v1::ImportMembersResponse { row_id, outcome, error, ..Default::default() };
        }
    };
    let outcome = outcome(&judged);
    // A user who would have to be made has no id yet, and nothing to lose.
    let nobody = then == Then::Leave && outcome == v1::ImportOutcome::Created;
    let Judged { plan, records: _, effects: Effects { effects, more } } = judged;
    let effects = if nobody { Vec::new() } else { effects };
    v1::ImportMembersResponse {
        row_id,
        outcome: outcome.into(),
        user: plan.subject.filter(|_| !nobody).unwrap_or_default(),
        error: None,
        effects: effects.into_iter().map(terms::to_effect).collect(),
        more_effects: more,
        consistency_token: token.to_owned(),
    }
}

fn outcome(judged: &Judged) -> v1::ImportOutcome {
    let changes = || judged.plan.changes.iter();
    if changes().any(|change| matches!(change, Change::User(_))) {
        return v1::ImportOutcome::Created;
    }
    let after = changes().find_map(|change| match change {
        Change::Membership(after) => Some(after),
        _ => None,
    });
    match after.map(|after| judged.records.membership(after.account, after.user)) {
        None => v1::ImportOutcome::Unchanged,
        Some(Ok(Some(_))) => v1::ImportOutcome::Updated,
        Some(_) => v1::ImportOutcome::Added,
    }
}

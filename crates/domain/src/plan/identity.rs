//! Whose an identity is: nobody's yet, one account's to help with its first password, or the person's alone (IX-10).
//!
//! INVARIANT: no account sets off a password for somebody who has a way to sign in, or an account, beside it. Else one
//! account's admin would take over another's user.

use super::Context;
use crate::credential::{Activation, Credential, CredentialKind};
use crate::id::{AccountId, UserId};
use crate::records::Stop;
use crate::user::{User, UserState};

/// Whether the account may have a new initial password mailed to its member.
pub(super) fn is_resettable(context: Context<'_>, account: AccountId, user: &User) -> Result<bool, Stop> {
    if matches!(context.records.credential(user.id)?, Some(Credential { kind: CredentialKind::Own, .. })) {
        return Ok(false);
    }
    let elsewhere = context.records.memberships_of(user.id)?.iter().any(|found| found.account != account);
    Ok(!elsewhere && signs_in_here_alone(user) && !is_invited_beside(context, account, user)?)
}

/// Whether whoever has the address was made known by the activation of a login and has never come in: then this
/// activation, too, brings an initial password.
pub(super) fn is_unclaimed(context: Context<'_>, user: UserId, by: Activation) -> Result<bool, Stop> {
    let (found, credential) = (context.records.user(user)?, context.records.credential(user)?);
    let Some(user) = found else { return Ok(false) };
    let Some(Credential { kind: CredentialKind::Initial { activation: Some(before), .. }, .. }) = credential
    else {
        return Ok(false);
    };
    let active = user.state == UserState::Active;
    if !active || !signs_in_here_alone(user) || !context.records.memberships_of(user.id)?.is_empty() {
        return Ok(false);
    }
    // The password that this activation brought can be replaced by it, whoever else has invited since.
    Ok(*before == by || !is_invited_beside(context, by.account, user)?)
}

/// Neither a login at another issuer nor a place in an account group.
fn signs_in_here_alone(user: &User) -> bool {
    user.identities.is_empty() && user.seats.is_empty()
}

/// Whether another account has invited the address. That is read without a lock: an account that invites at the same
/// moment does so either before this or after it, and does not depend on it.
fn is_invited_beside(context: Context<'_>, account: AccountId, user: &User) -> Result<bool, Stop> {
    let mut pending = context.records.pending_invitations_to(&user.email)?.iter();
    Ok(pending.any(|found| found.account != account && found.is_open(context.now)))
}

//! The mail that a plan causes. Most of it follows from the changes, whichever command made them, so that no path
//! forgets it; it is written to the outbox with them.

use super::Context;
use super::scene::operators_only;
use crate::account::{Account, AccountState};
use crate::change::Change;
use crate::command::{Actor, Command};
use crate::credential::{Credential, CredentialKind};
use crate::id::{AccountId, PasswordId, UserId};
use crate::invitation::{Invitation, InvitationState, Inviter, Proof};
use crate::mail::{Locale, Mail, MailContent, Occasion};
use crate::membership::Membership;
use crate::policy::model::{MailTopic, Policy};
use crate::records::{Key, Stop};
use crate::refusal::Refusal;

/// All mail of a plan.
pub(super) fn of(context: Context<'_>, command: &Command, changes: &[Change]) -> Result<Vec<Mail>, Stop> {
    if let Command::SendBillingMail { account, subject, text } = command {
        return billing(context, *account, subject, text);
    }
    let mut mails = Vec::new();
    for change in changes {
        match change {
            Change::Invitation(invitation) => mails.extend(invited(context, invitation)?),
            Change::Membership(after) => mails.extend(roles_changed(context, after)?),
            // Whoever is erased is not written to: the mail would outlast their address.
            Change::MembershipEnded { user, .. } if is_erased(changes, *user) => {}
            Change::MembershipEnded { account, user } => {
                mails.extend(to_member(context, *account, *user, MailContent::MemberRemoved)?);
            }
            Change::Account(_)
            | Change::User(_)
            | Change::Resource(_)
            | Change::ResourceDeleted { .. }
            | Change::Assignment(_)
            | Change::AssignmentEnded { .. }
            | Change::Contact(_)
            | Change::ContactRemoved { .. }
            | Change::UserErased { .. }
            | Change::Credential(_)
            | Change::Session(_)
            | Change::SessionEnded { .. }
            | Change::Group(_)
            | Change::GroupDeleted { .. } => {}
        }
    }
    if let Command::ResetInitialPassword { account, initial, .. } = command {
        mails.extend(renewed(context, *account, initial.id, changes)?);
    }
    Ok(mails)
}

/// A member's new initial password. That of a pending activation goes out as an invitation does.
fn renewed(
    context: Context<'_>,
    account: AccountId,
    password: PasswordId,
    changes: &[Change],
) -> Result<Option<Mail>, Stop> {
    for change in changes {
        if let Change::Credential(Credential {
            user,
            kind: CredentialKind::Initial { expires_at, activation: None },
            ..
        }) = change
        {
            let (occasion, expires_at) = (Occasion::Renewed, *expires_at);
            return to_member(
                context,
                account,
                *user,
                MailContent::InitialPassword { password, occasion, expires_at },
            );
        }
    }
    Ok(None)
}

fn is_erased(changes: &[Change], user: UserId) -> bool {
    changes.iter().any(|change| matches!(change, Change::UserErased { user: erased, .. } if *erased == user))
}

/// A link that is new.
fn invited(context: Context<'_>, invitation: &Invitation) -> Result<Option<Mail>, Stop> {
    let key = Key::Invitation(invitation.account, invitation.id);
    let before = if context.records.has(&key) {
        context.records.invitation(invitation.account, invitation.id)?
    } else {
        None
    };
    let is_sent = before.is_some_and(|before| before.generation == invitation.generation);
    if is_sent || invitation.state != InvitationState::Pending {
        return Ok(None);
    }
    let Some((account, _)) = account(context, invitation.account)? else { return Ok(None) };
    let inviter = match &invitation.invited_by {
        Inviter::Person(user) => context.records.recipient(*user)?.map(|user| user.display_name.clone()),
        Inviter::Operator(_) => None,
    };
    Ok(Some(Mail {
        account: account.id,
        account_name: account.display_name.clone(),
        recipient: invitation.email.clone(),
        recipient_name: None,
        // Whoever is known gets their own language. The invitation does not say so: it would tell that they are known.
        locale: context
            .records
            .user_by_email(&invitation.email)?
            .and_then(|user| Locale::from_tag(&user.locale))
            .unwrap_or(invitation.locale),
        content: match invitation.proof {
            Proof::Link => MailContent::Invitation {
                invitation: invitation.id,
                generation: invitation.generation,
                inviter,
                expires_at: invitation.expires_at,
            },
            Proof::InitialPassword { password, .. } => MailContent::InitialPassword {
                password,
                occasion: Occasion::Activated { by: inviter },
                expires_at: invitation.expires_at,
            },
        },
    }))
}

/// A member of before whose roles are others now.
fn roles_changed(context: Context<'_>, after: &Membership) -> Result<Option<Mail>, Stop> {
    if !context.records.has(&Key::Membership(after.account, after.user)) {
        return Ok(None);
    }
    let before = context.records.membership(after.account, after.user)?;
    if before.is_none_or(|before| before.roles == after.roles) {
        return Ok(None);
    }
    let Some((_, policy)) = account(context, after.account)? else { return Ok(None) };
    let title =
        |name: &str| policy.roles.iter().find(|role| role.name == name).map(|role| role.title.clone());
    let roles = after.roles.iter().map(|name| title(name).unwrap_or_else(|| name.clone())).collect();
    to_member(context, after.account, after.user, MailContent::RolesChanged { roles })
}

fn to_member(
    context: Context<'_>,
    id: AccountId,
    user: UserId,
    content: MailContent,
) -> Result<Option<Mail>, Stop> {
    let Some((account, policy)) = account(context, id)? else { return Ok(None) };
    let Some(user) = context.records.recipient(user)? else { return Ok(None) };
    Ok(Some(Mail {
        account: id,
        account_name: account.display_name.clone(),
        recipient: user.email.clone(),
        recipient_name: Some(user.display_name.clone()),
        locale: Locale::from_tag(&user.locale).unwrap_or_else(|| Locale::of(policy, account)),
        content,
    }))
}

/// The account and its policy. One that the plan itself creates has nobody to write to yet.
fn account<'a>(context: Context<'a>, id: AccountId) -> Result<Option<(&'a Account, &'a Policy)>, Stop> {
    if !context.records.has(&Key::Account(id)) {
        return Ok(None);
    }
    let found = context.records.account(id)?;
    Ok(found.and_then(|account| Some((account, &**context.policies.get(&account.policy)?))))
}

/// SH-04: one mail to each active holder of a role that receives such mail, whatever the policy calls it.
fn billing(context: Context<'_>, id: AccountId, subject: &str, text: &str) -> Result<Vec<Mail>, Stop> {
    match context.actor {
        Actor::Operator { .. } | Actor::Service { .. } => {}
        Actor::Person { .. } | Actor::Link { .. } => return Err(operators_only("mail.billing").into()),
    }
    let not_found = || Refusal::NotFound { what: "account", id: id.to_string() };
    context.records.account(id)?.ok_or_else(not_found)?;
    let (account, policy) = account(context, id)?.ok_or_else(not_found)?;
    if account.state == AccountState::Deleted {
        return Err(Refusal::WrongState(format!("account {id} was deleted")).into());
    }
    let mut recipients = std::collections::BTreeMap::new();
    for role in policy.roles.iter().filter(|role| role.receives.contains(&MailTopic::Billing)) {
        for user in context.records.active_holders(id, &role.name)? {
            recipients.insert(user.id, user);
        }
    }
    if recipients.is_empty() {
        let message =
            "nobody in this account holds a role that receives billing mail; give one to a member first";
        return Err(Refusal::WrongState(message.to_owned()).into());
    }
    let mail = |user: &crate::user::User| Mail {
        account: id,
        account_name: account.display_name.clone(),
        recipient: user.email.clone(),
        recipient_name: Some(user.display_name.clone()),
        // The account's: the text within was written for it.
        locale: Locale::of(policy, account),
        content: MailContent::Billing { subject: subject.to_owned(), text: text.to_owned() },
    };
    Ok(recipients.into_values().map(mail).collect())
}

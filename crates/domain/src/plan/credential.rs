//! Plans of passwords and of the sessions they open. That a password fits its hash was found out before; here
//! it is judged whether that hash is still the user's, and what may follow.

use super::scene::{active_user, operators_only};
use super::user::{existing, not_by_a_person};
use super::{Context, acceptance};
use crate::change::Change;
use crate::command::Command;
use crate::credential::{Credential, CredentialKind, InitialLifetime, Secret};
use crate::id::{SessionId, UserId};
use crate::records::Stop;
use crate::refusal::Refusal;
use crate::session::{LONGEST, Purpose, Session, Sessions};

/// Most sessions of one user: what signs in and never out again must not pile up.
const MOST_SESSIONS: usize = 100;

/// A day in microseconds.
const DAY: i64 = 24 * 60 * 60 * 1_000_000;

pub(super) fn draft(context: Context<'_>, command: &Command) -> Result<Vec<Change>, Stop> {
    match command {
        Command::SetInitialPassword { user, hash, lifetime } => {
            not_by_a_person(context, command)?;
            set_initial(context, *user, hash, *lifetime)
        }
        Command::SetPassword { user, proven, hash, keep } => {
            oneself(context, *user, command)?;
            set_own(context, *user, proven, hash, *keep)
        }
        Command::BeginSession { user, session, proven, refresh } => {
            oneself(context, *user, command)?;
            begin(context, *user, *session, proven, refresh)
        }
        Command::EndSessions { user, which } => {
            oneself(context, *user, command)?;
            end(context, *user, *which)
        }
        _ => Ok(Vec::new()),
    }
}

/// IX-10: never over a password of the user's own choosing, else whoever provisions takes their place.
fn set_initial(
    context: Context<'_>,
    user: UserId,
    hash: &Secret,
    lifetime: InitialLifetime,
) -> Result<Vec<Change>, Stop> {
    active_user(context, user)?;
    if let Some(Credential { kind: CredentialKind::Own, .. }) = context.records.credential(user)? {
        let message = format!("user {user} has chosen a password already; only they can replace it");
        return Err(Refusal::WrongState(message).into());
    }
    let days = match lifetime {
        InitialLifetime::Days(days) => days,
        InitialLifetime::OfAccount(id) => {
            let account = context.records.account(id)?;
            let policy = account.and_then(|account| context.policies.get(&account.policy));
            policy
                .ok_or_else(|| Refusal::NotFound { what: "account", id: id.to_string() })?
                .boarding
                .password_days
        }
    };
    let expires_at = context.now.saturating_add(DAY.saturating_mul(i64::from(days)));
    // The sessions that the password before this one opened end with it.
    let mut changes = end_all(context, user)?;
    let kind = CredentialKind::Initial { expires_at, activation: None };
    changes.push(Change::Credential(Credential { user, kind, hash: hash.clone(), set_at: context.now }));
    Ok(changes)
}

fn set_own(
    context: Context<'_>,
    user: UserId,
    proven: &Secret,
    hash: &Secret,
    keep: Option<SessionId>,
) -> Result<Vec<Change>, Stop> {
    active_user(context, user)?;
    // Whoever sets a password in the place of an initial one comes in where that was made up for (IX-02).
    let mut changes = match good_credential(context, user, proven)?.kind {
        CredentialKind::Initial { activation: Some(activation), .. } => {
            acceptance::accept_by_password(context, user, activation)?
        }
        CredentialKind::Initial { activation: None, .. } | CredentialKind::Own => Vec::new(),
    };
    for session in context.records.sessions_of(user)? {
        match session.purpose {
            _ if Some(session.id) != keep => changes.push(Change::SessionEnded { user, session: session.id }),
            // What an initial password opened opens up now, and lasts like any other from its beginning.
            Purpose::SetPassword => changes.push(Change::Session(Session {
                purpose: Purpose::Anything,
                ends_at: session.created_at.saturating_add(LONGEST),
                ..session.clone()
            })),
            Purpose::Anything => {}
        }
    }
    let kind = CredentialKind::Own;
    changes.push(Change::Credential(Credential { user, kind, hash: hash.clone(), set_at: context.now }));
    Ok(changes)
}

fn begin(
    context: Context<'_>,
    user: UserId,
    id: SessionId,
    proven: &Secret,
    refresh: &Secret,
) -> Result<Vec<Change>, Stop> {
    active_user(context, user)?;
    let latest = context.now.saturating_add(LONGEST);
    let (purpose, ends_at) = match good_credential(context, user, proven)?.kind {
        CredentialKind::Initial { expires_at, .. } => (Purpose::SetPassword, latest.min(expires_at)),
        CredentialKind::Own => (Purpose::Anything, latest),
    };
    // Nobody signs out everywhere: what has ended by itself goes now, and the oldest where there are too many.
    let mut all: Vec<&Session> = context.records.sessions_of(user)?.iter().collect();
    all.sort_by_key(|session| (session.created_at, session.id));
    let surplus = (all.len() + 1).saturating_sub(MOST_SESSIONS);
    let over = all
        .into_iter()
        .enumerate()
        .filter(|(place, session)| *place < surplus || session.ends_at <= context.now);
    let mut changes: Vec<_> =
        over.map(|(_, session)| Change::SessionEnded { user, session: session.id }).collect();
    let refresh = refresh.clone();
    changes.push(Change::Session(Session { id, user, purpose, created_at: context.now, ends_at, refresh }));
    Ok(changes)
}

fn end(context: Context<'_>, user: UserId, which: Sessions) -> Result<Vec<Change>, Stop> {
    existing(context, user)?;
    let all = context.records.sessions_of(user)?.iter();
    let ended = all.filter(|session| match which {
        Sessions::One(id) => session.id == id,
        Sessions::All => true,
    });
    Ok(ended.map(|session| Change::SessionEnded { user, session: session.id }).collect())
}

/// Ends every session of the user.
pub(super) fn end_all(context: Context<'_>, user: UserId) -> Result<Vec<Change>, Stop> {
    end(context, user, Sessions::All)
}

/// The password that was proven, if it is still the user's and good.
fn good_credential<'a>(context: Context<'a>, user: UserId, proven: &Secret) -> Result<&'a Credential, Stop> {
    let found = context.records.credential(user)?;
    let good = found.filter(|found| found.hash == *proven && found.is_good_at(context.now));
    Ok(good.ok_or_else(|| {
        let message = "the password was changed meanwhile or has expired; use the new one, or ask for a new initial password";
        Refusal::WrongState(message.to_owned())
    })?)
}

fn oneself(context: Context<'_>, user: UserId, command: &Command) -> Result<(), Refusal> {
    if context.actor.user() == Some(user) { Ok(()) } else { Err(operators_only(command.name())) }
}

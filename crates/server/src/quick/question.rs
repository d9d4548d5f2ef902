//! Plain questions, read where they lie. Source: the wire format of protocol buffers, and authz_service.proto.

use mandate_domain::id::{AccountId, UserId};

use crate::convert::authz::{MAX_BATCH, MAX_PERMISSION};

/// The fields of `CheckRequest`, `Subject` and `BatchCheckRequest` that plain questions have: number and wire type (2).
const ACCOUNT: u8 = 1 << 3 | 2;
const SUBJECT: u8 = 2 << 3 | 2;
const PERMISSION: u8 = 3 << 3 | 2;
const USER: u8 = 1 << 3 | 2;
const CHECKS: u8 = 1 << 3 | 2;

/// Whether a user holds a permission in an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Question<'a> {
    pub(super) account: AccountId,
    pub(super) user: UserId,
    pub(super) permission: &'a str,
}

/// The question of a `CheckRequest`; `None`: it is no plain one, or not well formed.
pub(super) fn read(mut message: &[u8]) -> Option<Question<'_>> {
    let (mut account, mut user, mut permission) = (None, None, None);
    while !message.is_empty() {
        // A field that comes twice means the last one. Whoever writes so is answered the ordinary way.
        match field(&mut message)? {
            (ACCOUNT, bytes) if account.is_none() => account = Some(text(bytes)?.parse().ok()?),
            (SUBJECT, bytes) if user.is_none() => user = Some(self::user(bytes)?),
            (PERMISSION, bytes) if permission.is_none() => permission = Some(text(bytes)?),
            _ => return None,
        }
    }
    let permission = permission.filter(|name| (1..=MAX_PERMISSION).contains(&name.len()))?;
    Some(Question { account: account?, user: user?, permission })
}

/// The questions of a `BatchCheckRequest`, each of which may be no plain one; `None`: it has other fields, or not as
/// many questions as it may.
pub(super) fn batch(message: &[u8]) -> Option<impl Iterator<Item = Option<Question<'_>>>> {
    let (mut rest, mut count) = (message, 0);
    while !rest.is_empty() {
        let (CHECKS, _) = field(&mut rest)? else { return None };
        count += 1;
    }
    let mut rest = message;
    let questions = (0..count).map(move |_| read(field(&mut rest)?.1));
    (1..=MAX_BATCH).contains(&count).then_some(questions)
}

fn user(mut subject: &[u8]) -> Option<UserId> {
    match field(&mut subject)? {
        (USER, bytes) if subject.is_empty() => text(bytes)?.parse().ok(),
        _ => None,
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// Takes one field whose key is one byte and whose value has a length below 16,384.
fn field<'a>(message: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (key, rest) = message.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..0x80 => (usize::from(*first), rest),
        _ => match rest.split_first()? {
            (second @ 1..0x80, rest) => (usize::from(first & 0x7f) | usize::from(*second) << 7, rest),
            _ => return None,
        },
    };
    let (value, rest) = rest.split_at_checked(length)?;
    *message = rest;
    Some((*key, value))
}

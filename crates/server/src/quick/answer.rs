//! Answers, written as they go out: the messages `CheckResponse` and `BatchCheckResult`.

use mandate_domain::decide::{Decision, Via};
use mandate_domain::facts::UserFact;
use mandate_domain::policy::Policy;
use prost::encoding::{encode_varint, message};

use crate::convert::authz::{to_reason, to_ways};

/// Fields: number and wire type (0 a number, 2 a length and bytes).
const ALLOWED: u8 = 1 << 3;
const REASON: u8 = 2 << 3;
const VIA: u8 = 3 << 3 | 2;
const TOKEN: u8 = 4 << 3 | 2;
const VIA_ROLE: u8 = 1 << 3 | 2;
const RESULTS: u8 = 1 << 3 | 2;
const RESPONSE: u8 = 1 << 3 | 2;

/// What an answer is written from, beside the decision.
#[derive(Clone, Copy)]
pub(super) struct Grounds<'a> {
    pub(super) policy: Option<&'a Policy>,
    pub(super) subject: Option<&'a UserFact>,
    pub(super) permission: &'a str,
    /// The consistency token.
    pub(super) token: &'a str,
}

/// Appends a `CheckResponse`.
pub(super) fn put(out: &mut Vec<u8>, decision: Decision, grounds: Grounds<'_>) {
    let Decision { reason, via } = decision;
    if reason.allows() {
        out.extend_from_slice(&[ALLOWED, 1]);
    }
    out.push(REASON);
    encode_varint(u64::try_from(i32::from(to_reason(reason))).unwrap_or_default(), out);
    if reason.allows() {
        ways(out, via, grounds);
    }
    if !grounds.token.is_empty() {
        put_bytes(out, TOKEN, grounds.token.as_bytes());
    }
}

/// Appends a `BatchCheckResult` of a `BatchCheckResponse` with this `CheckResponse`.
pub(super) fn put_result(out: &mut Vec<u8>, response: &[u8]) {
    out.push(RESULTS);
    encode_varint(framed(response.len()), out);
    put_bytes(out, RESPONSE, response);
}

fn ways(out: &mut Vec<u8>, via: Via, grounds: Grounds<'_>) {
    let Grounds { policy, subject, permission, token: _ } = grounds;
    // By roles alone is how nearly everything is held.
    if via != (Via { roles: via.roles, ..Via::default() }) {
        // A question that names no resource is decided on none.
        let ways = to_ways(via, policy, subject, |_| None, permission);
        return ways.iter().for_each(|way| message::encode(3, way, out));
    }
    for role in via.roles.iter() {
        let Some(role) = policy.and_then(|policy| policy.roles.get(usize::from(role))) else {
            continue;
        };
        out.push(VIA);
        encode_varint(framed(role.name.len()), out);
        put_bytes(out, VIA_ROLE, role.name.as_bytes());
    }
}

/// The length of a field with this many bytes.
fn framed(length: usize) -> u64 {
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    let digits = prost::encoding::encoded_len_varint(length);
    length + 1 + u64::try_from(digits).unwrap_or_default()
}

fn put_bytes(out: &mut Vec<u8>, key: u8, bytes: &[u8]) {
    out.push(key);
    encode_varint(u64::try_from(bytes.len()).unwrap_or_default(), out);
    out.extend_from_slice(bytes);
}

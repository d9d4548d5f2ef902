//! What was done and seen in one account, and when: a history.

use std::fmt;

use mandate_proto::v1::DecisionReason as Reason;

use super::model::{Question, Refusal, State, Who, Write};

/// Microseconds since the run began, of one clock that never goes back.
pub(super) type Time = u64;

/// The place of an operation in its history.
pub(super) type Id = usize;

/// One operation.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    /// Which client, of those of its account.
    pub(super) client: usize,
    /// Which server answered; `None`: more than one may have carried it out.
    pub(super) server: Option<usize>,
    /// When it was asked.
    pub(super) invoked: Time,
    /// When it was answered; `None`: it was not, and may take effect at any time after it was asked, or never.
    pub(super) returned: Option<Time>,
    pub(super) what: What,
}

/// What was asked, and what was answered.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// A write.
    Write(Write, Outcome),
    /// A Check, or one of a BatchCheck.
    Check(Who, Question, Freshness, Reason),
    /// Everybody who is a member, read from the database: always everything that was committed before.
    List(Seen),
    /// Everything, once nothing was under way any more.
    Final(State),
}

/// What a list tells: everything but what is assigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen(pub(super) State);

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was acknowledged.
    Done,
    /// It was refused.
    Refused(Refusal),
    /// Nobody knows.
    Unknown,
}

/// What a Check promises to have seen.
#[derive(Debug, Clone)]
pub(super) enum Freshness {
    /// Everything that was answered before it was asked (`fully_consistent`).
    Full,
    /// Everything that was acknowledged by the same server before, whatever was acknowledged before `bound` (as old as the
    /// answer says that it may be), and what the operations of `after` saw or did, from whose answers it had a token.
    Bounded { bound: Time, after: Option<Id> },
}

impl Operation {
    /// Whether it was acknowledged and may have changed something.
    pub(super) fn is_acknowledged_write(&self) -> bool {
        matches!(self.what, What::Write(_, Outcome::Done))
    }

    /// Whom it is about; `None`: everybody.
    pub(super) fn people(&self) -> Option<Vec<Who>> {
        match &self.what {
            What::Check(who, ..) => Some(vec![*who]),
            What::Write(write, _) => Some(match write {
                Write::Add(who, ..)
                | Write::Remove(who)
                | Write::SetRoles(who, _)
                | Write::Suspend(who)
                | Write::Reinstate(who)
                | Write::Assign(who)
                | Write::Unassign(who) => vec![*who],
                Write::Transfer { from, to } => vec![*from, *to],
            }),
            What::List(_) | What::Final(_) => None,
        }
    }
}

impl Seen {
    /// Whether a list of this state tells this.
    pub(super) fn is_of(self, state: &State) -> bool {
        let known = |state: &State| state.0.map(|seat| seat.map(|seat| (seat.roles, seat.suspended)));
        known(&self.0) == known(state)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |time: Time| format!("{}.{:03}", time / 1000, time % 1000);
        let returned = self.returned.map_or_else(|| "never".to_owned(), millis);
        write!(f, "{:>11}…{:<11} ms  client {}", millis(self.invoked), returned, self.client)?;
        match self.server {
            Some(server) => write!(f, "  server {server}  ")?,
            None => write!(f, "  servers   ")?,
        }
        match &self.what {
            What::Write(write, Outcome::Done) => write!(f, "{write}: done"),
            What::Write(write, Outcome::Refused(refusal)) => write!(f, "{write}: refused, {refusal:?}"),
            What::Write(write, Outcome::Unknown) => write!(f, "{write}: no answer by then"),
            What::Check(who, question, freshness, reason) => {
                let allowed = if (*reason as i32) < 20 { "allowed" } else { "denied" };
                write!(f, "may u{who} {}", question.permission())?;
                match freshness {
                    Freshness::Full => f.write_str(", fully consistent")?,
                    Freshness::Bounded { after: None, .. } => {}
                    Freshness::Bounded { after: Some(id), .. } => write!(f, ", with the token of #{id}")?,
                }
                write!(f, "? {allowed}, {}", reason.as_str_name().trim_start_matches("DECISION_REASON_"))
            }
            What::List(Seen(state)) => write!(f, "list: {state}"),
            What::Final(state) => write!(f, "at the end: {state}"),
        }
    }
}

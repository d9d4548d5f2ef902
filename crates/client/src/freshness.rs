//! What later questions must show: what this client wrote.
//!
//! Tokens are opaque, so of two writes that were under way at once nobody here can tell whose token is the newer one.
//! Then the next question asks for everything (`fully_consistent`), and its answer's token stands for both.

use std::sync::{Arc, Mutex, PoisonError};

use mandate_proto::v1::consistency::Requirement;
use mandate_proto::v1::{Consistency, FullyConsistent};

/// What later questions of a client must show. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Freshness(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Counts beginnings and ends of writes, so that it is known which of them overlapped.
    clock: u64,
    known: Known,
    /// When `known` came to be.
    since: u64,
}

/// What questions must show.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
enum Known {
    /// Nothing was written.
    #[default]
    Nothing,
    /// At least what this token stands for.
    Token(String),
    /// More than any one token that is known here stands for.
    Everything,
}

/// A write or a question that is under way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begun(u64);

impl Freshness {
    /// The token of the last write of this client, to hand to another service; `None`: it wrote nothing, or several
    /// things at once and has asked nothing since.
    #[must_use]
    pub fn token(&self) -> Option<String> {
        match &self.state().known {
            Known::Token(token) => Some(token.clone()),
            Known::Nothing | Known::Everything => None,
        }
    }

    /// Lets later questions show what this token of another service stands for, too.
    pub fn include(&self, token: impl Into<String>) {
        let mut state = self.state();
        let token = token.into();
        let known = match &state.known {
            Known::Nothing => Known::Token(token),
            Known::Token(own) if *own == token => return,
            Known::Token(_) | Known::Everything => Known::Everything,
        };
        state.clock += 1;
        (state.known, state.since) = (known, state.clock);
    }

    /// Something begins.
    pub(crate) fn begin(&self) -> Begun {
        let mut state = self.state();
        state.clock += 1;
        Begun(state.clock)
    }

    /// What a question must show that begins now; `None`: nothing in particular.
    pub(crate) fn demand(&self) -> (Begun, Option<Consistency>) {
        let begun = self.begin();
        let requirement = match &self.state().known {
            Known::Nothing => None,
            Known::Token(token) => Some(Requirement::AtLeastAsFresh(token.clone())),
            Known::Everything => Some(Requirement::FullyConsistent(FullyConsistent {})),
        };
        (begun, requirement.map(|requirement| Consistency { requirement: Some(requirement) }))
    }

    /// A write has this token.
    pub(crate) fn written(&self, begun: Begun, token: &str) {
        if token.is_empty() {
            return;
        }
        let mut state = self.state();
        // Whatever was known before the write began, its token stands for, too.
        let stands_for_all = state.since < begun.0;
        let same = state.known == Known::Token(token.to_owned());
        state.clock += 1;
        state.known = if stands_for_all || same { Known::Token(token.to_owned()) } else { Known::Everything };
        state.since = state.clock;
    }

    /// A question that had to show everything was answered with this token.
    pub(crate) fn shown(&self, begun: Begun, token: &str) {
        let mut state = self.state();
        if state.known == Known::Everything && state.since < begun.0 && !token.is_empty() {
            state.clock += 1;
            (state.known, state.since) = (Known::Token(token.to_owned()), state.clock);
        }
    }

    /// The token means nothing any more: the database was restored or failed over (CONSISTENCY_TOKEN_INVALID).
    pub(crate) fn lost(&self) {
        let mut state = self.state();
        state.clock += 1;
        (state.known, state.since) = (Known::Everything, state.clock);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing that holds it can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(freshness: &Freshness) -> Option<Requirement> {
        freshness.demand().1.and_then(|consistency| consistency.requirement)
    }

    #[test]
    fn the_token_of_a_write_goes_with_later_questions() {
        let freshness = Freshness::default();
        assert_eq!(asks(&freshness), None);
        for token in ["a", "b"] {
            let write = freshness.begin();
            freshness.written(write, token);
            assert_eq!(asks(&freshness), Some(Requirement::AtLeastAsFresh(token.to_owned())));
            assert_eq!(freshness.token().as_deref(), Some(token));
        }
    }

    #[test]
    fn of_two_writes_at_once_neither_is_forgotten() {
        let freshness = Freshness::default();
        let (first, second) = (freshness.begin(), freshness.begin());
        freshness.written(second, "second");
        let (early, _) = freshness.demand();
        freshness.written(first, "first");
        assert_eq!(freshness.token(), None);
        freshness.shown(early, "too early");
        let (question, demand) = freshness.demand();
        assert_eq!(
            demand.and_then(|demand| demand.requirement),
            Some(Requirement::FullyConsistent(FullyConsistent {}))
        );
        freshness.shown(question, "both");
        assert_eq!(asks(&freshness), Some(Requirement::AtLeastAsFresh("both".to_owned())));
    }

    #[test]
    fn a_token_of_another_service_is_included() {
        let freshness = Freshness::default();
        freshness.include("theirs");
        assert_eq!(freshness.token().as_deref(), Some("theirs"));
        freshness.include("others");
        assert_eq!(asks(&freshness), Some(Requirement::FullyConsistent(FullyConsistent {})));
    }

    #[test]
    fn a_token_that_means_nothing_any_more_is_dropped() {
        let freshness = Freshness::default();
        freshness.include("of before the restore");
        freshness.lost();
        let (question, _) = freshness.demand();
        freshness.shown(question, "new");
        assert_eq!(freshness.token().as_deref(), Some("new"));
    }
}

//! What may be sent again, and when.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use mandate_proto::unary::Repeatable;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The first pause; each further one is twice as long, and up to as long again by chance.
const FIRST: Duration = Duration::from_millis(20);
/// The longest of them.
const LONGEST: Duration = Duration::from_secs(1);
/// How often a call is sent again.
const TIMES: usize = 6;

/// The pauses of one call.
pub(crate) struct Pauses(ExponentialBackoff);

impl Pauses {
    pub(crate) fn new() -> Self {
        let pauses = ExponentialBuilder::new()
            .with_min_delay(FIRST)
            .with_max_delay(LONGEST)
            .with_max_times(TIMES)
            .with_jitter();
        Self(pauses.build())
    }

    /// How long to wait before the call is sent again; `None`: it is not.
    pub(crate) fn after(&mut self, status: &Status, repeatable: Repeatable) -> Option<Duration> {
        let wanted = status.get_details_retry_info().and_then(|info| info.retry_delay);
        let again = match status.code() {
            // It was not taken on: nothing happened. Without a time it is too large, or a limit that stays.
            Code::ResourceExhausted => wanted.is_some(),
            Code::Unavailable => repeatable != Repeatable::Never || was_not_sent(status),
            _ => false,
        };
        let pause = if again { self.0.next()? } else { return None };
        Some(pause.max(wanted.unwrap_or_default()))
    }
}

/// What a call ended with that was broken off by its connection: nobody but the transport has said anything, and what
/// became of the call is not known.
pub(crate) fn explained(status: Status) -> Status {
    let broken = matches!(status.code(), Code::Unknown | Code::Internal | Code::Cancelled);
    match status.source() {
        Some(source) if broken => {
            let mut explained = Status::unavailable(format!("the connection broke: {source}"));
            explained.set_source(Arc::new(Broken(status)));
            explained
        }
        _ => status,
    }
}

/// What a status was before it was explained.
#[derive(Debug)]
struct Broken(Status);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Broken {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// Whether the call never left: the connection was asked to end (GOAWAY) or broke before it was that call's turn. hyper
/// says so of calls that it still had whole, and of none of which a byte was written.
fn was_not_sent(status: &Status) -> bool {
    let mut causes = std::iter::successors(status.source(), |cause| (**cause).source());
    causes.any(|cause| cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled))
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    fn overloaded(delay: Option<Duration>) -> Status {
        let mut details = ErrorDetails::new();
        if delay.is_some() {
            details.set_retry_info(delay);
        }
        Status::with_error_details(Code::ResourceExhausted, "full", details)
    }

    #[test]
    fn a_write_without_a_request_id_is_sent_once() {
        let away = Status::unavailable("away");
        for (repeatable, again) in
            [(Repeatable::Always, true), (Repeatable::WithRequestId, true), (Repeatable::Never, false)]
        {
            assert_eq!(Pauses::new().after(&away, repeatable).is_some(), again, "{repeatable:?}");
        }
    }

    #[test]
    fn what_the_server_has_decided_is_not_asked_again() {
        for code in [
            Code::PermissionDenied,
            Code::InvalidArgument,
            Code::Unauthenticated,
            Code::Internal,
            Code::Aborted,
            Code::DeadlineExceeded,
        ] {
            assert_eq!(Pauses::new().after(&Status::new(code, ""), Repeatable::Always), None, "{code:?}");
        }
    }

    #[test]
    fn it_comes_back_when_the_server_says() {
        let wait = Duration::from_secs(3);
        let pause = Pauses::new().after(&overloaded(Some(wait)), Repeatable::Never);
        assert!(pause.is_some_and(|pause| pause >= wait), "{pause:?}");
        assert_eq!(Pauses::new().after(&overloaded(None), Repeatable::Always), None);
    }

    #[test]
    fn it_gives_up() {
        let mut pauses = Pauses::new();
        let away = Status::unavailable("away");
        let waited: Vec<_> = std::iter::from_fn(|| pauses.after(&away, Repeatable::Always)).collect();
        assert_eq!(waited.len(), TIMES);
        assert!(waited.iter().all(|pause| *pause <= 2 * LONGEST), "{waited:?}");
    }
}

//! A runtime of the harness's own.
//!
//! A test's runtime stands still while the test's thread blocks, as it does when a [`crate::Server`] is dropped. A
//! graceful shutdown needs the client to answer the server's last HTTP/2 frames, so channels live here instead.

use std::future::Future;
use std::sync::{LazyLock, mpsc};
use std::time::Duration;

use tokio::runtime::{EnterGuard, Runtime};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("harness")
        .enable_all()
        .build()
        .expect("a runtime for the harness")
});

/// Makes what is spawned on this thread run in the background until the guard is dropped.
pub(crate) fn enter() -> EnterGuard<'static> {
    RUNTIME.enter()
}

/// Runs `future` in the background and does not wait for it.
pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    RUNTIME.spawn(future);
}

/// Runs `future` in the background and blocks until it is done, from within a runtime or without.
///
/// Errors: a text, when `limit` passes or the future panics.
pub(crate) fn run<T: Send + 'static>(
    limit: Duration,
    future: impl Future<Output = T> + Send + 'static,
) -> Result<T, String> {
    let (sender, receiver) = mpsc::sync_channel(1);
    RUNTIME.spawn(async move { sender.send(future.await) });
    receiver.recv_timeout(limit).map_err(|error| match error {
        mpsc::RecvTimeoutError::Timeout => format!("not done after {limit:?}"),
        mpsc::RecvTimeoutError::Disconnected => "panicked, see above".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn runs_while_the_only_thread_of_a_runtime_blocks() {
        let result = run(Duration::from_secs(10), async {
            tokio::task::yield_now().await;
            7
        });
        assert_eq!(result, Ok(7));
    }

    #[test]
    fn gives_up_at_the_limit() {
        let result = run(Duration::from_millis(10), std::future::pending::<()>());
        assert_eq!(result, Err("not done after 10ms".to_owned()));
    }
}

//! Waiting for what will be true soon, with a bound.

use std::time::{Duration, Instant};

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// Calls `probe` until it answers, at least once and for `limit` at most; `None` when it never did.
pub async fn until<T>(limit: Duration, mut probe: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        let answer = probe().await;
        if answer.is_some() || Instant::now() >= end {
            return answer;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// [`until`] where nothing can be awaited: in `Drop`.
pub(crate) fn until_blocking<T>(limit: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        let answer = probe();
        if answer.is_some() || Instant::now() >= end {
            return answer;
        }
        std::thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_as_soon_as_the_probe_does() {
        let mut looks = 0;
        let answer = until(Duration::from_secs(60), async || {
            looks += 1;
            (looks == 3).then_some("there")
        });
        assert_eq!(answer.await, Some("there"));
    }

    #[test]
    fn looks_once_even_without_time() {
        assert_eq!(until_blocking(Duration::ZERO, || Some(1)), Some(1));
        assert_eq!(until_blocking(Duration::ZERO, || None::<u8>), None);
    }
}

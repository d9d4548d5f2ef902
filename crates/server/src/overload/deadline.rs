//! How long a caller waits (`grpc-timeout`, of gRPC over HTTP/2).

use std::time::Duration;

use http::{HeaderMap, HeaderName};

static GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// How long the caller of a request with these headers waits; `None`: they did not say, or not as gRPC says it.
pub(super) fn of(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(&GRPC_TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3_600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_grpc_writes_them() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().unwrap());
            of(&headers)
        };
        assert_eq!(
            (read("100m"), read("2S")),
            (Some(Duration::from_millis(100)), Some(Duration::from_secs(2)))
        );
        assert_eq!(
            (read("99999999H"), read("0n")),
            (Some(Duration::from_secs(359_999_996_400)), Some(Duration::ZERO))
        );
        for odd in ["", "m", "1", "-1m", "1.5S", "123456789m", "1x", "1 m"] {
            assert_eq!(read(odd), None, "{odd}");
        }
        assert_eq!(of(&HeaderMap::new()), None);
    }
}

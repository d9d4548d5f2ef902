//! Pictures of users: only where they are. Whoever shows one fetches it themselves.

use http::Uri;

use super::{Fields, Path};

/// Longest URL, in bytes.
const MAX_URL: usize = 2_048;

/// The URL of a picture; empty: there is none.
///
/// It ends up in other people's browsers: nothing but `https` is taken (no `javascript:`, no `data:`), and nothing that
/// could end an HTML attribute; other characters are to be percent-encoded (RFC 3986 §2).
pub(super) fn url(fields: &mut Fields, path: Path<'_>, text: String) -> Option<String> {
    if text.is_empty() {
        return Some(text);
    }
    if text.len() > MAX_URL {
        return fields.none(path, format!("has {} bytes; at most {MAX_URL} are kept", text.len()));
    }
    match is_picture(&text) {
        true => Some(text),
        false => fields.none(
            path,
            "is no https URL such as https://example.com/ada.png, without user name and password, and with special \
             characters percent-encoded",
        ),
    }
}

fn is_picture(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&()*+,;=%".contains(&byte);
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    let has_host = uri.host().is_some_and(|host| !host.is_empty());
    text.bytes().all(is_plain) && uri.scheme_str() == Some("https") && has_host && !authority.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_and_nothing_else() {
        let long = format!("https://example.com/{}", "a".repeat(2_028));
        for good in ["https://example.com/a.png", "HTTPS://cdn.example.com:8443/%C3%A4?s=64&d=x#y", &long] {
            assert!(is_picture(good), "{good}");
        }
        for bad in [
            "http://example.com/a.png",
            "javascript:alert(1)",
            "data:image/png;base64,AAAA",
            "https://",
            "https:///a.png",
            "//example.com/a.png",
            "https://user:secret@example.com/a.png",
            "https://example.com/\"onload=alert(1)",
            "https://example.com/a b.png",
            "https://example.com/ä.png",
            "example.com/a.png",
        ] {
            assert!(!is_picture(bad), "{bad}");
        }
        assert_eq!(long.len(), MAX_URL);
        let mut fields = Fields::default();
        assert_eq!(url(&mut fields, Path::of("avatar_url"), format!("{long}a")), None);
    }
}

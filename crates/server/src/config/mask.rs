//! What of a secret may be shown.

/// What stands in a secret's place.
const MASK: &str = "***";

/// The same without what is secret of it: a URL without its password, nothing of anything else.
#[must_use]
pub fn mask(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        // The path of a database file.
        return if text.starts_with("sqlite:") { text.to_owned() } else { MASK.to_owned() };
    };
    // A password may hold any letter if it was not encoded, so that the last @ ends it.
    let (user, rest) = match rest.rsplit_once('@') {
        Some((user, rest)) => match user.split_once(':') {
            Some((user, _)) => (format!("{user}:{MASK}@"), rest),
            None => (format!("{user}@"), rest),
        },
        None => (String::new(), rest),
    };
    let rest = match rest.split_once('?') {
        Some((place, parameters)) => {
            let parameters: Vec<String> = parameters.split('&').map(parameter).collect();
            format!("{place}?{}", parameters.join("&"))
        }
        None => rest.to_owned(),
    };
    format!("{scheme}://{user}{rest}")
}

fn parameter(text: &str) -> String {
    match text.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("pass") => format!("{name}={MASK}"),
        _ => text.to_owned(),
    }
}

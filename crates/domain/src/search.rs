//! Searching people by name or e-mail address: an infix, whatever its case.

/// The text in which upper and lower case look alike, for comparing what was stored with what is searched.
///
/// Each character goes to lower, upper and lower case again. That is close to Unicode's full case folding (The Unicode
/// Standard §3.13, toCasefold): `ß`, `ẞ` and `SS` become `ss`, and every sigma `σ`, wherever it stands in a word.
#[must_use]
pub fn fold(text: &str) -> String {
    text.chars()
        .flat_map(char::to_lowercase)
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}

/// What a person is found by, folded. The line break, which neither name nor address can hold, keeps an infix from
/// reaching from one into the other.
#[must_use]
pub fn text_of(display_name: &str, email: &str) -> String {
    format!("{}\n{}", fold(display_name), fold(email))
}

/// An infix to search for, folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Infix(String);

impl Infix {
    /// Fewest characters of one. Shorter ones would find almost everybody.
    pub const LEAST: usize = 3;
    /// Most characters of one: no name has more.
    pub const MOST: usize = 200;

    /// The infix as somebody typed it; `None`: it has fewer than [`Infix::LEAST`] or more than [`Infix::MOST`]
    /// characters.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let length = text.chars().count();
        (Self::LEAST..=Self::MOST).contains(&length).then(|| Self(fold(text)))
    }

    /// The folded text.
    #[must_use]
    pub fn folded(&self) -> &str {
        &self.0
    }

    /// Whether a text made by [`text_of`] or [`fold`] holds it.
    #[must_use]
    pub fn is_in(&self, folded: &str) -> bool {
        folded.contains(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(infix: &str, name: &str) -> bool {
        Infix::new(infix).unwrap().is_in(&text_of(name, "someone@example.com"))
    }

    #[test]
    fn case_does_not_matter_in_any_script() {
        for (infix, name) in [
            ("STRASSE", "Hauptstraße"),
            ("straße", "HAUPTSTRASSE"),
            ("GROẞ", "Anna Groß"),
            ("İstanbul", "i\u{307}stanbul"),
            ("ΟΔΥΣΣΕΥΣ", "Οδυσσεύς".replace('ύ', "υ").as_str()),
            ("σευσ", "ΟΔΥΣΣΕΥΣ"),
            ("жанна", "ЖАННА"),
            ("na 🦀", "Anna 🦀"),
        ] {
            assert!(finds(infix, name), "{infix} in {name}");
            assert!(finds(&infix.to_uppercase(), &name.to_lowercase()), "{infix} in {name}, the other way");
        }
    }

    #[test]
    fn an_infix_stays_within_name_or_address() {
        assert!(finds("exa", "Anna") && finds("@EXAMPLE.", "Anna"));
        assert!(!finds("annasome", "Anna") && !finds("anna someone", "Anna"));
    }

    #[test]
    fn characters_are_counted_not_bytes() {
        for (text, good) in [("", false), ("ab", false), ("ßß", false), ("🦀🦀🦀", true), ("a_%", true)]
        {
            assert_eq!(Infix::new(text).is_some(), good, "{text}");
        }
        assert!(Infix::new(&"ü".repeat(200)).is_some() && Infix::new(&"ü".repeat(201)).is_none());
    }
}

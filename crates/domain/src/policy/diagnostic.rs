//! What is wrong with a policy file: where, what, and what was probably meant.

use std::fmt;

use super::reader::MAX_NAME;

/// One mistake in a policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// Where in the document: `roles.admin.may[2]`; empty for the document itself.
    pub path: String,
    /// Whether the policy can be used all the same.
    pub severity: Severity,
    /// What is wrong, in lower case and without a full stop.
    pub message: String,
    /// What to do about it, where that can be told.
    pub hint: Option<String>,
}

/// Whether a policy with this mistake can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, but it probably does not say what was meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// `FILE:LINE:COLUMN: error: PATH: MESSAGE; HINT`, the form that editors and terminals make clickable.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}: ", self.file, self.line, self.column, self.severity)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

/// The candidate that a misspelt word most probably meant, if any is near enough to be worth naming.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    let reach = 1 + length / 3;
    // What is longer than any name is none that was misspelt, and comparing takes time and room by both lengths.
    let candidates = candidates.into_iter().filter(|_| length <= 2 * MAX_NAME);
    candidates
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= reach)
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= reach)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// What to say about a name that is not among those that would do: the nearest one, or all of a few.
pub(super) fn suggestion<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    const FEW: usize = 12;
    let candidates: Vec<&str> = candidates.into_iter().collect();
    if let Some(name) = nearest(word, candidates.iter().copied()) {
        return Some(format!("did you mean `{name}`?"));
    }
    match candidates.len() {
        0 => None,
        1..=FEW => Some(format!("it can be {}", list(&candidates))),
        _ => None,
    }
}

/// `a`, `b` and `c`, each in backquotes.
pub(super) fn list<S: AsRef<str>>(names: &[S]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_suggests_the_nearest_and_a_foreign_one_suggests_nothing_far_off() {
        assert_eq!(nearest("user.view", ["users.edit", "users.view"]), Some("users.view"));
        assert_eq!(nearest("zzz", ["users.edit"]), None);
        assert_eq!(suggestion("zzz", ["on", "off"]).as_deref(), Some("it can be `on` and `off`"));
    }
}

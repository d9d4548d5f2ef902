//! Policy files, as `ApplyPolicy` and `mandate policy check` read them.

use mandate_domain::policy::{Severity, check, difference, matrix};

/// A file is a policy, or has a mistake that stands in it; a policy can be shown, and differs in nothing from itself.
pub fn run(data: &[u8]) {
    let Ok(source) = std::str::from_utf8(data) else { return };
    let checked = check("policy.yaml", source);
    let wrong = checked.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    assert_ne!(checked.policy.is_some(), wrong, "a policy has no mistake, and what is none has one");
    // YAML ends a line with CR, too.
    let lines = source.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count();
    for diagnostic in &checked.diagnostics {
        assert!(diagnostic.column > 0 && (1..=lines).contains(&diagnostic.line), "nowhere: {diagnostic}");
        assert!(!diagnostic.message.is_empty(), "nothing is said at {}", diagnostic.line);
    }
    if let Some(policy) = checked.policy {
        assert!(!matrix(&policy).to_string().is_empty());
        assert!(difference(&policy, &policy).is_empty());
    }
}

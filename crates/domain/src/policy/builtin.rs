//! The policies that come with the program.

const BUILTIN: &[(&str, &str)] = &[
    ("client-area", include_str!("../../policies/client-area.yaml")),
    ("managed-accounts", include_str!("../../policies/managed-accounts.yaml")),
    ("terminal", include_str!("../../policies/terminal.yaml")),
    ("organization", include_str!("../../policies/organization.yaml")),
    ("company-account", include_str!("../../policies/company-account.yaml")),
];

/// The policies that come with the program: each one's name and its file's text.
#[must_use]
pub fn builtin() -> &'static [(&'static str, &'static str)] {
    BUILTIN
}

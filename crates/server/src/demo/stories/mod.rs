//! The articles, one file each: what they say, and with which answer or refusal.
//!
//! Beside the tests and the list of built-in policies, this is the one place that knows policies by name.

mod client_area;
mod company_account;
mod managed_accounts;
mod organization;
mod terminal;

use super::story::Story;

/// The five systems.
pub(super) const STORIES: [&Story; 5] = [
    &client_area::STORY,
    &managed_accounts::STORY,
    &terminal::STORY,
    &organization::STORY,
    &company_account::STORY,
];

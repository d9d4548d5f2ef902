//! How far clocks may differ.

use std::time::Duration;

use super::config::{DEFAULT_LEEWAY_SECONDS, MAX_LEEWAY_SECONDS};

/// How far the clocks of those who make tokens may be from this server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Token")]
pub struct TokenSettings {
    /// For how many seconds a token of this server's own issuer is good before it begins and after it has expired, at most
    /// 300: for servers whose clocks differ, or tokens that `mandate token` makes on another machine.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, env = "MANDATE_TOKEN_LEEWAY",
          value_parser = clap::value_parser!(u64).range(0..=MAX_LEEWAY_SECONDS))]
    pub token_leeway: u64,
    /// The same for tokens of other issuers that have no `leeway_seconds` of their own.
    #[arg(long, value_name = "SECONDS", default_value_t = DEFAULT_LEEWAY_SECONDS, env = "MANDATE_ISSUER_LEEWAY",
          value_parser = clap::value_parser!(u64).range(0..=MAX_LEEWAY_SECONDS))]
    pub issuer_leeway: u64,
}

impl Default for TokenSettings {
    /// None for its own tokens, half a minute for others'.
    fn default() -> Self {
        Self { token_leeway: 0, issuer_leeway: DEFAULT_LEEWAY_SECONDS }
    }
}

impl TokenSettings {
    /// That of this server's own tokens.
    pub(crate) fn own(self) -> Duration {
        Duration::from_secs(self.token_leeway)
    }

    /// That of others' tokens.
    pub(crate) fn of_issuers(self) -> Duration {
        Duration::from_secs(self.issuer_leeway)
    }
}

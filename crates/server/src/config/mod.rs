//! The configuration: one description of each setting, which is clap's of `mandate serve`, and three places that may set
//! it: a flag, an environment variable, a TOML file. The flag goes before the variable, the variable before the file.
//!
//! 1. [`settings`] reads off clap what settings there are. The heading of a setting in `--help` is its table in the
//!    file, and the rest of its flag's name is its key: `--database-connections` is `connections` of `[database]`.
//! 2. [`layers::load`] looks at the command line, judges what variables and file say by clap's own parsers, all of it at
//!    once, and puts what holds in front of the command line's own arguments, so that clap reads one list.
//! 3. A problem says file, line, key, what is wrong, and what is expected ([`problem`]).
//!
//! Nobody lists settings a second time: a new argument of `mandate serve` is in the file, in `mandate config` and in
//! CONFIGURATION.md (`reference`) by being there.

pub mod check;
pub mod document;
pub mod environment;
pub mod file;
pub mod judge;
pub mod layers;
pub mod mask;
pub mod problem;
pub mod reference;
pub mod setting;
pub mod show;
#[cfg(test)]
mod tests;

pub use self::layers::{Loaded, Origin, load};
pub use self::problem::Problem;
pub use self::setting::{Setting, settings};

/// The argument that names the file, which is no setting of the file.
pub const CONFIG: &str = "config";

/// Tables of the file that are not settings: an issuer each, as in the file of `--issuers`.
pub const ISSUER: &str = "issuer";

/// The file of settings, for commands that share some with `mandate serve`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ConfigFile {
    /// A TOML file of settings (CONFIGURATION.md). Flags and variables go before it.
    #[arg(long, value_name = "FILE", env = "MANDATE_CONFIG")]
    pub config: Option<std::path::PathBuf>,
}

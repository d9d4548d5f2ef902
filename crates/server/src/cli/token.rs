//! `mandate token`.

use std::path::PathBuf;
use std::time::Duration;

use super::{print, tell};
use crate::auth::{Scope, ScopeSet, SigningKey};
use crate::clock::now_micros;
use crate::config::ConfigFile;

/// What to mint.
#[derive(Debug, clap::Args)]
pub(super) struct Token {
    #[command(flatten)]
    _config: ConfigFile,
    /// The data folder of the server that is to accept the token. The server makes the key when it first starts.
    #[arg(long, value_name = "FOLDER", default_value = "./mandate-data", env = "MANDATE_DATA_DIR")]
    data_dir: PathBuf,
    /// Whom it is of: a user's id (usr_…) for a person, any name for a service or an operator.
    #[arg(long)]
    subject: String,
    /// What a service may do: one or more scopes, separated by spaces.
    #[arg(long, value_name = "SCOPES", default_value = "")]
    scope: String,
    /// For how many seconds it is good.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    ttl: u64,
}

impl Token {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let mut scopes = ScopeSet::EMPTY;
        for name in self.scope.split_whitespace() {
            match name.parse::<Scope>() {
                Ok(scope) => scopes = scopes.with(scope),
                Err(error) => tell(&format!("mandate: warning: {error}; the token goes without it")),
            }
        }
        let key = SigningKey::load(&self.data_dir)?;
        print(&key.mint(&self.subject, scopes, Duration::from_secs(self.ttl), now_micros())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_folder_gets_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("mistyped");
        let token = Token {
            _config: ConfigFile::default(),
            data_dir: data_dir.clone(),
            subject: "ops".into(),
            scope: String::new(),
            ttl: 60,
        };
        let error = token.run().unwrap_err().to_string();
        assert!(error.contains("start the server first"), "{error}");
        assert!(!data_dir.exists());
    }
}

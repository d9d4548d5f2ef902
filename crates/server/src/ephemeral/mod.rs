//! `mandate serve --ephemeral`: a server for somebody's tests, with a world of their own in it, that leaves nothing behind.
//!
//! Database and keys are in memory. What a file of fixtures asks for ([`script`]) is carried out by the same commands
//! as everybody's ([`seed`]), so that no test runs on a state that could never come to be; ids follow from names
//! ([`names`]), so that a test may spell them out.

mod names;
mod output;
mod script;
mod seed;
#[cfg(test)]
mod tests;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;
use mandate_mail::MailKey;

use self::output::Cast;
pub use self::seed::mistakes;
use crate::auth::SigningKeys;
use crate::facts::Facts;
use crate::{clock, mail_key};

/// The database of such a server.
pub(crate) const DATABASE: &str = "sqlite::memory:";

/// A server for tests.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "For tests")]
pub struct EphemeralSettings {
    /// Keeps nothing: the database and the keys are in memory and end with the server. Default: they are kept.
    #[arg(long, env = "MANDATE_EPHEMERAL", conflicts_with = "database")]
    pub ephemeral: bool,
    /// With --ephemeral: a YAML file of the people, accounts, groups and services to begin with. Default: none, and a
    /// service `backend`.
    #[arg(long, value_name = "FILE", env = "MANDATE_SEED", requires = "ephemeral")]
    pub seed: Option<PathBuf>,
    /// With --ephemeral: where to write the address, ids and tokens, as JSON that its owner alone may read. Default:
    /// beside the file of --ready-file, with `.json` behind its name; it is there before that one is.
    #[arg(long, value_name = "FILE", env = "MANDATE_SEED_OUTPUT", requires = "ephemeral")]
    pub seed_output: Option<PathBuf>,
    /// Ends the server when its standard input is closed, as it is when the program that started it is gone, however
    /// that came. Default: it is not read.
    #[arg(long, env = "MANDATE_UNTIL_STDIN_CLOSES")]
    pub until_stdin_closes: bool,
}

impl EphemeralSettings {
    /// What an ephemeral server has in place of a data folder; `None`: it is none.
    ///
    /// # Errors
    /// Settings by which nobody would learn a token; the system's, when it gives no random numbers.
    pub(crate) fn begin(&self, ready_file: Option<&Path>) -> anyhow::Result<Option<Ephemeral>> {
        if !self.ephemeral {
            return Ok(None);
        }
        let beside = ready_file.map(|file| {
            let mut name = file.as_os_str().to_owned();
            name.push(".json");
            PathBuf::from(name)
        });
        let output = self.seed_output.clone().or(beside).ok_or_else(|| {
            anyhow!(
                "nobody would learn the tokens of this server; say where with --seed-output or --ready-file"
            )
        })?;
        // What an earlier run has left there would be taken for this one's.
        for file in ready_file.iter().copied().chain([output.as_path()]) {
            match std::fs::remove_file(file) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(anyhow!("{}: cannot be replaced: {error}", file.display()));
                }
                _ => {}
            }
        }
        let name = format!("mandate-ephemeral-{:032x}", clock::new_id_bits()?);
        let folder = Leftovers(std::env::temp_dir().join(name));
        Ok(Some(Ephemeral { seed: self.seed.clone(), output, folder }))
    }
}

/// What an ephemeral server has in place of a data folder.
pub(crate) struct Ephemeral {
    seed: Option<PathBuf>,
    output: PathBuf,
    folder: Leftovers,
}

impl Ephemeral {
    /// Where its mail goes, if there ever is one: until then there is no such folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder.0
    }

    /// Keys that nobody else has, and that end with the server.
    ///
    /// # Errors
    /// The system's, when it gives no random numbers.
    pub(crate) fn keys() -> anyhow::Result<(SigningKeys, MailKey)> {
        Ok((SigningKeys::in_memory()?, mail_key::in_memory()?))
    }

    /// Makes what the fixtures ask for.
    ///
    /// # Errors
    /// Every mistake in them, with its place.
    pub(crate) async fn seed(self, facts: &Arc<Facts>) -> anyhow::Result<Seeded> {
        let Self { seed, output, folder } = self;
        let cast = match seed {
            Some(file) => seed::plant(facts, &file).await?,
            None => Cast::default(),
        };
        Ok(Seeded { cast, output, folder })
    }
}

/// An ephemeral server with its world in place.
pub(crate) struct Seeded {
    cast: Cast,
    output: PathBuf,
    folder: Leftovers,
}

impl Seeded {
    /// Tells whoever started the server where it is, and its ids and tokens. What is returned removes the server's mail
    /// when it goes.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(crate) fn tell(self, address: SocketAddr, keys: &SigningKeys) -> anyhow::Result<Leftovers> {
        output::write(&self.output, self.cast, address, &self.folder.0.join("mail"), keys)?;
        Ok(self.folder)
    }
}

/// A folder that may come to be, and goes with this value.
#[derive(Debug)]
pub(crate) struct Leftovers(PathBuf);

impl Drop for Leftovers {
    fn drop(&mut self) {
        match std::fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::warn!("{}: could not be removed ({error}); remove it yourself", self.0.display());
            }
            _ => {}
        }
    }
}

//! `mandate signing-key`: exchanging the server's own key while it runs.

use std::path::PathBuf;

use super::{print, tell};
use crate::auth::{SIGNING_KEY_FILE, SigningKeyFile};
use crate::config::ConfigFile;

/// What to do with the keys of a server.
#[derive(Debug, clap::Args)]
pub(super) struct SigningKeys {
    #[command(flatten)]
    _config: ConfigFile,
    /// The server's data folder.
    #[arg(
        long,
        value_name = "FOLDER",
        default_value = "./mandate-data",
        env = "MANDATE_DATA_DIR",
        global = true
    )]
    data_dir: PathBuf,
    #[command(subcommand)]
    what: What,
}

/// One step.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// Prints the ids of the keys, the one that signs first.
    List,
    /// Makes a key whose tokens are believed and that signs nothing yet, and prints its id.
    Add,
    /// Lets a key sign from now on; tokens of the others stay good.
    Use {
        /// The key's id. It may begin with a hyphen.
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
    /// Forgets a key that does not sign: its tokens end.
    Remove {
        /// The key's id. It may begin with a hyphen.
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
}

impl SigningKeys {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let mut file = SigningKeyFile::open(&self.data_dir)?;
        match &self.what {
            What::List => {
                for kid in file.kids() {
                    print(kid)?;
                }
                return Ok(());
            }
            What::Add => {
                let kid = file.add()?;
                tell(
                    "mandate: running servers believe its tokens within 10 seconds; copy the file to those that have one of \
                     their own, then let it sign: mandate signing-key use KID",
                );
                print(&kid)?;
            }
            What::Use { kid } => {
                file.promote(kid)?;
                tell(
                    "mandate: running servers sign with it within 10 seconds; remove the one before when the last token \
                     that it signed has expired",
                );
            }
            What::Remove { kid } => {
                file.remove(kid)?;
                tell(&format!(
                    "mandate: its tokens end; {SIGNING_KEY_FILE} holds {} key(s)",
                    file.kids().count()
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    /// The command line as far as it is about this.
    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        keys: SigningKeys,
    }

    #[test]
    fn an_id_may_begin_like_an_option() {
        let id = "-AbCd_e-f0123456789";
        for verb in ["use", "remove"] {
            let line = Line::try_parse_from(["mandate", verb, id, "--data-dir", "here"]).unwrap();
            assert_eq!(line.keys.data_dir, PathBuf::from("here"));
            assert!(matches!(line.keys.what, What::Use { kid } | What::Remove { kid } if kid == id));
        }
    }
}

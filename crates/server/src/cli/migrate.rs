//! `mandate migrate`.

use std::path::PathBuf;

use mandate_storage::Migrated;

use super::print;
use crate::config::ConfigFile;
use crate::config::mask::mask;
use crate::database::DatabaseSettings;

/// Which database.
#[derive(Debug, clap::Args)]
pub(super) struct Migrate {
    #[command(flatten)]
    _config: ConfigFile,
    /// The data folder of the server, in which the database is unless told otherwise.
    #[arg(long, value_name = "FOLDER", default_value = "./mandate-data", env = "MANDATE_DATA_DIR")]
    data_dir: PathBuf,
    /// Where the database is, and how it is used.
    #[command(flatten)]
    database: DatabaseSettings,
}

impl Migrate {
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        let url = self.database.url(&self.data_dir)?;
        let store = self.database.open(&url).await?;
        let Migrated { before, after, applied } = store.migrated().clone();
        store.close().await;
        print(&format!("database: {}", mask(&url)))?;
        for (version, name) in &applied {
            print(&format!("applied {version:04} {name}"))?;
        }
        let version =
            |version: Option<i64>| version.map_or("none".to_owned(), |version| format!("{version:04}"));
        print(&format!("version before: {}, now: {}", version(before), version(after)))?;
        print(&format!(
            "this program: mandate {}, newest migration {:04}",
            env!("CARGO_PKG_VERSION"),
            Migrated::newest(&url)
        ))
    }
}

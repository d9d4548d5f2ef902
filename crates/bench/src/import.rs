//! How fast members come in from a file: `mandate import`, as it is shipped, on a server as it is shipped.

use std::fmt::Write as _;
use std::time::Instant;

use anyhow::ensure;

use crate::database::Engine;
use crate::facts::{MEMBER, OWNER, account, account_id, membership, user};
use crate::report;
use crate::section::Section;
use crate::service::Service;
use crate::stats::digits;

/// Accounts that the rows are spread over.
const ACCOUNTS: u64 = 10;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The storage engine.
    #[arg(long, value_enum, default_value = "sqlite")]
    pub(crate) engine: Engine,
    /// How many members the file has; nobody of them is known before.
    #[arg(long, value_name = "NUMBER", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rows: u64,
}

/// Measures and prints.
///
/// # Errors
/// Something does not start, or a row is refused.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Section> {
    let service = Service::new(options.engine).await?;
    let mut seeder = service.seed().await?;
    seeder.user(&user(0, Vec::new())).await?;
    for number in 0..ACCOUNTS {
        seeder.account(&account(number, None)).await?;
    }
    seeder.flush_all().await?;
    for number in 0..ACCOUNTS {
        seeder.membership(&membership(number, 0, OWNER)).await?;
    }
    seeder.let_be_searched().await?;
    seeder.finish().await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("members.csv");
    std::fs::write(&file, rows(options.rows)?)?;
    let token = service.token("platform.operator")?;
    let server = service.start(None)?;
    let began = Instant::now();
    service.import(&server, &file, &token)?;
    let seconds = began.elapsed().as_secs_f64();
    let members = service.connect().await?.count("SELECT COUNT(*) FROM memberships WHERE 0 = $1", 0).await?;
    ensure!(
        u64::try_from(members)? == options.rows + ACCOUNTS,
        "{members} members are there after the import"
    );
    server.stop();
    service.end().await?;
    let (rows, cpu) =
        (f64::from(u32::try_from(options.rows).unwrap_or(u32::MAX)), crate::machine::load_average());
    report::line("import_members", rows);
    report::line("import_members_per_s", rows / seconds);
    let text = format!(
        "`mandate import` reads a file of {} members whom nobody knows yet, in {ACCOUNTS} accounts, on {:?}: {} members a second, \
         each a user, a membership, two rows of the feed and two of the log (load average at the end: {}).\n",
        options.rows,
        options.engine,
        digits(rows / seconds),
        cpu.unwrap_or_default(),
    );
    Ok(Section { title: "Import".to_owned(), text, plots: Vec::new() })
}

fn rows(number: u64) -> anyhow::Result<String> {
    let mut text = String::from("account,email,display_name,roles\n");
    for number in 0..number {
        let account = account_id(number % ACCOUNTS);
        writeln!(text, "{account},import-{number}@example.com,Person {number},{MEMBER}")?;
    }
    Ok(text)
}

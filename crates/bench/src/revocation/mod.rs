//! PE-09: what it costs to revoke a user's access through an account group, however many accounts it contains.
//!
//! Three users of each group, because three things could grow with it: a manager who is a member of no account, a
//! manager whose one direct membership ends too, and an administrator, who owns every account of the group.

mod world;

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::client::Client;
use crate::database::{Connection, Engine};
use crate::facts::{ADMINISTRATOR, HELD_BY_ALL, MANAGER, MEMBER};
use crate::report;
use crate::section::{Plot, Section};
use crate::service::Service;
use crate::stats::{Runs, digits};
use crate::svg::{Bar, bars};

use self::world::{Sized, World};

/// How long the server rests before each revocation.
const SETTLE: Duration = Duration::from_millis(50);

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many accounts each group contains.
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_values_t = [3, 100_000])]
    accounts: Vec<u64>,
    /// What the server keeps its data in.
    #[arg(long, value_enum, default_value = "sqlite")]
    engine: Engine,
    /// How often each is measured, in turns.
    #[arg(long, value_name = "NUMBER", default_value_t = 15)]
    runs: u32,
}

/// Whose access is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Manager,
    MemberManager,
    Administrator,
}

impl Whose {
    const ALL: [Self; 3] = [Self::Manager, Self::MemberManager, Self::Administrator];

    /// How the figures are named.
    fn prefix(self) -> &'static str {
        match self {
            Self::Manager => "revocation",
            Self::MemberManager => "revocation_with_membership",
            Self::Administrator => "revocation_administrator",
        }
    }
}

/// What was seen of one kind of user and one group.
#[derive(Debug, Default)]
struct Seen {
    answered: Runs,
    denied: Runs,
    changes: Runs,
}

/// Measures and prints.
///
/// # Errors
/// Something does not start, or the server does not do what PE-05 and PE-09 say.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Section> {
    ensure!(options.runs > 0 && !options.accounts.is_empty(), "give at least one size and one run");
    let service = Service::new(options.engine).await?;
    let world = World::seed(&service, &options.accounts).await?;
    let server = service.start(None)?;
    let client = Client::connect(server.address, &service.token("platform.operator")?).await?;
    let mut feed = service.connect().await?;
    let mut seen: Vec<(Whose, &Sized, Seen)> = Whose::ALL
        .into_iter()
        .flat_map(|whose| world.groups.iter().map(move |group| (whose, group, Seen::default())))
        .collect();
    // In turns, so that whatever else the machine does falls on all alike; the first round only warms up.
    for round in 0..=options.runs {
        for (whose, group, seen) in &mut seen {
            let (answered, denied, changes) = revoke(&client, &mut feed, *whose, group).await?;
            if round > 0 {
                seen.answered.add(micros(answered));
                seen.denied.add(micros(denied));
                seen.changes.add(changes);
            }
        }
    }
    server.stop();
    print(options, &seen);
    let section = section(options, &seen);
    service.end().await?;
    Ok(section)
}

/// Lets the user in, sees that they are, revokes, and sees that they are denied: the time to the answer, the time
/// until the next Check was denied, and the number of changes that the feed tells of.
async fn revoke(
    client: &Client,
    feed: &mut Connection,
    whose: Whose,
    group: &Sized,
) -> anyhow::Result<(Duration, Duration, f64)> {
    let (user, role) = match whose {
        Whose::Manager | Whose::MemberManager => (group.manager, MANAGER),
        Whose::Administrator => (group.second_owner, ADMINISTRATOR),
    };
    if whose == Whose::MemberManager {
        client.add_member(group.first_account, user, MEMBER).await?;
    }
    client.add_to_group(group.number, user, role).await?;
    ensure!(client.check(group.last_account, user, HELD_BY_ALL).await?, "a user of the group was denied");
    // Making an administrator walks all accounts; the system lets a process wait that has just taken so much time.
    tokio::time::sleep(SETTLE).await;
    let before = feed.count("SELECT COALESCE(MAX(seq), $1) FROM feed", 0).await?;

    let started = Instant::now();
    let ended = client.remove_from_group(group.number, user).await?;
    let answered = started.elapsed();
    let still = client.check(group.last_account, user, HELD_BY_ALL).await?;
    let denied = started.elapsed();

    // Ownership stays (PE-05).
    ensure!(still == (whose == Whose::Administrator), "the next Check answered {still}");
    ensure!(ended == usize::from(whose == Whose::MemberManager), "{ended} direct memberships ended");
    let changes = feed.count("SELECT COUNT(*) FROM feed WHERE seq > $1", before).await?;
    Ok((answered, denied, f64::from(u32::try_from(changes).context("a number of changes")?)))
}

fn print(options: &Options, seen: &[(Whose, &Sized, Seen)]) {
    report::line("revocation_runs", f64::from(options.runs));
    for (whose, group, seen) in seen {
        let (prefix, size) = (whose.prefix(), group.accounts);
        report::line(&format!("{prefix}_us_{size}"), seen.answered.median());
        report::line(&format!("{prefix}_us_{size}_min"), seen.answered.min());
        report::line(&format!("{prefix}_us_{size}_max"), seen.answered.max());
        if *whose != Whose::Administrator {
            report::line(&format!("{prefix}_to_denied_us_{size}"), seen.denied.median());
        }
        // One entry in memory is changed for each (a user, or a membership that ended); no other is looked at.
        report::line(&format!("{prefix}_changes_{size}"), seen.changes.max());
    }
    for whose in Whose::ALL {
        let mut of = seen.iter().filter(|(other, ..)| *other == whose);
        let (Some((_, first, small)), Some((_, last, large))) = (of.next(), of.next_back()) else { continue };
        let ratio = large.answered.median() / small.answered.median();
        report::line(&format!("{}_ratio_{}_vs_{}", whose.prefix(), last.accounts, first.accounts), ratio);
    }
}

/// The same for a reader.
fn section(options: &Options, seen: &[(Whose, &Sized, Seen)]) -> Section {
    let mut text = format!(
        "**What is measured.** A user's access through a group of accounts is revoked, in groups of different sizes. \
         `answered` is the time to the answer of the RPC, `denied` the time until the next Check has been denied, too; \
         `changes` is how many entries in memory it touched. An administrator stays an owner of the accounts, and is not \
         denied. {} runs, in turns, after one that does not count; the server is not kept on a core.\n\n\
         | in µs | accounts | answered | min | max | denied | changes |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        options.runs
    );
    let name = |whose: Whose| whose.prefix().replace('_', " ");
    for (whose, group, Seen { answered, denied, changes }) in seen {
        let denied = if *whose == Whose::Administrator { "–".to_owned() } else { digits(denied.median()) };
        let (median, least, most) =
            (digits(answered.median()), digits(answered.min()), digits(answered.max()));
        text.push_str(&format!(
            "| {} | {} | {median} | {least} | {most} | {denied} | {} |\n",
            name(*whose),
            group.accounts,
            changes.max()
        ));
    }
    text.push_str("\n![revocation](revocation.svg)\n");
    let bar = |(whose, group, seen): &(Whose, &Sized, Seen)| Bar {
        name: format!("{} of {}", name(*whose), group.accounts),
        runs: seen.answered.clone(),
    };
    let svg = bars("Revoking access through a group", "µs", &seen.iter().map(bar).collect::<Vec<_>>());
    let plots = vec![Plot { file: "revocation.svg".to_owned(), svg }];
    Section { title: "Revoking access through a group, small and large".to_owned(), text, plots }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

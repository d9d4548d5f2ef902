//! Is what the servers promise what their clients see, whatever breaks?
//!
//! Several clients race writes and Checks on several servers of one database while servers are killed, PostgreSQL is
//! restarted, connections are cut and the feed is held back. Everything that was asked and answered is recorded with its
//! times, account by account (`round.rs`, `player.rs`), and judged: there must be an order of all operations, each between
//! question and answer, in which a sequential model (`model.rs`) gives the same answers (`search.rs`). What a Check may
//! leave out depends on its mode, and on what the answer says of its age (`record.rs`). In the end every acknowledged write
//! must be in the database.
//!
//! A checker that finds nothing proves little, so that faults can be planted in a server of its own (`--sabotage`), which it
//! must find.

mod call;
mod cluster;
mod dice;
mod door;
mod faults;
mod log;
mod model;
mod player;
mod record;
mod round;
mod search;
mod verdict;

use std::collections::HashSet;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use mandate_proto::v1::CreateUserRequest;

use self::cluster::{Cluster, Parts, deploy};
use self::dice::Dice;
use self::faults::{Fault, Injected, inject};
use self::model::PEOPLE;
use self::record::{Operation, Time};
use self::round::Round;
use self::verdict::{judge, listed_whole};
use crate::binary;
use crate::database::Engine;
use crate::report;

/// How many clients race for each account.
const PER_ACCOUNT: usize = 4;

/// How many violations are printed in full.
const SHOWN: usize = 5;

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// What the servers keep their data in.
    #[arg(long, value_enum, default_value = "postgres")]
    engine: Engine,
    /// How many servers there are on one database. SQLite: always one.
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    replicas: usize,
    /// For how long clients race; with --sabotage only until the fault is found.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    seconds: u64,
    /// What breaks. Default: everything that can; with --sabotage nothing.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "FAULTS")]
    faults: Option<Vec<Fault>>,
    /// What all chance comes from. Default: the time of day.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// How many clients race, four for each account. Accounts that are raced for at once keep each other's places in the feed
    /// in disorder.
    #[arg(long, value_name = "NUMBER", default_value_t = 12)]
    clients: usize,
    /// Plants a fault in the servers, which must be found. It is compiled into a binary of its own.
    #[arg(long, value_enum, value_name = "FAULT")]
    sabotage: Option<Sabotage>,
    /// The URL of an empty PostgreSQL database to use. Default: a server of the run's own (deploy/local-cluster), which
    /// alone can be restarted.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// The folder for keys, the servers' logs, an SQLite database and whole histories with violations. Default: a temporary one.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// This program was started again by deploy/local-cluster.
    #[arg(long, hide = true)]
    in_cluster: bool,
}

/// A fault that is planted in the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Sabotage {
    /// A miss leaves its facts in memory even if they changed meanwhile.
    StaleFill,
    /// A hit does not look whether facts changed while it read them.
    TornRead,
    /// The feed is followed by its places alone, so that a commit that comes late is missed.
    SkipFeed,
    /// Writes lock nothing.
    NoLock,
}

impl Sabotage {
    /// As the binary has it.
    fn name(self) -> &'static str {
        match self {
            Self::StaleFill => "stale-fill",
            Self::TornRead => "torn-read",
            Self::SkipFeed => "skip-feed",
            Self::NoLock => "no-lock",
        }
    }
}

/// The clock of a run, and its end.
#[derive(Debug, Clone)]
struct Clock {
    begun: Instant,
    end: Instant,
    /// Set when nothing is left to be found.
    enough: Arc<AtomicBool>,
}

impl Clock {
    fn now(&self) -> Time {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(Time::MAX)
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.end || self.enough.load(Ordering::Relaxed)
    }

    fn enough(&self) {
        self.enough.store(true, Ordering::Relaxed);
    }
}

/// What all clients share.
struct Run {
    cluster: Arc<Cluster>,
    clock: Clock,
    /// Tells this run's requests from those of others on the same database.
    name: String,
    people: Vec<String>,
    /// Whether a fault was planted: then finding it once is enough.
    sabotaged: bool,
    acknowledged: Mutex<Vec<String>>,
    unexpected: Mutex<Vec<String>>,
}

impl Run {
    /// The write with this id was acknowledged.
    fn acknowledged(&self, request_id: String) {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).push(request_id);
    }

    /// What is wrong with the history of an account, which is kept whole where something is.
    fn judge(&self, name: &str, history: &[Operation]) -> Vec<String> {
        let violations = judge(name, history);
        if !violations.is_empty() {
            // A folder that is full takes nothing from what was found.
            let file = self.cluster.folder().join(format!("{name}.history"));
            let _ = std::fs::write(file, listed_whole(history));
            if self.sabotaged {
                self.clock.enough();
            }
        }
        violations
    }

    /// Something was answered that no answer should be.
    fn unexpected(&self, text: String) {
        self.unexpected.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }
}

/// What a run came to.
#[derive(Default)]
struct Summary {
    operations: usize,
    accounts: usize,
    violations: Vec<String>,
}

/// Runs, prints, and says by its exit code whether all was well.
///
/// # Errors
/// Something could not be started, or did not come back.
pub(crate) fn run(options: Options) -> anyhow::Result<ExitCode> {
    ensure!(options.replicas > 0 && options.clients > 0, "give at least one server and one client");
    if let (Engine::Sqlite, Some(Sabotage::SkipFeed | Sabotage::NoLock)) = (options.engine, options.sabotage)
    {
        bail!("on SQLite nobody follows the feed and nothing is locked; plant this with --engine postgres");
    }
    let own_cluster = options.engine == Engine::Postgres && options.database.is_none();
    if own_cluster && !options.in_cluster {
        // PostgreSQL ends with that program, whatever becomes of this one.
        let mut command = Command::new(deploy().join("local-cluster"));
        command.args(["--replicas", "0", "--"]).arg(std::env::current_exe()?);
        command.args(std::env::args_os().skip(1)).arg("--in-cluster");
        return Err(command.exec()).context("deploy/local-cluster does not start");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(race(&options))
}

async fn race(options: &Options) -> anyhow::Result<ExitCode> {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
    let seed = options.seed.unwrap_or(since);
    let temporary = tempfile::Builder::new().prefix("mandate-history-").tempdir()?;
    let folder = options.folder.clone().unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&folder)?;
    let cluster = Arc::new(Cluster::start(parts(options, folder)?).await?);
    let faults = faults(options, &cluster)?;
    report::tell(&format!("seed {seed}; a run of {} s begins", options.seconds));
    let dice = Dice::new(seed);
    let begun = Instant::now();
    let run = Arc::new(Run {
        name: format!("{seed}-{since}"),
        people: people(&cluster, seed, since).await?,
        clock: Clock { begun, end: begun + Duration::from_secs(options.seconds), enough: Arc::default() },
        sabotaged: options.sabotage.is_some(),
        cluster: Arc::clone(&cluster),
        acknowledged: Mutex::default(),
        unexpected: Mutex::default(),
    });
    let breaking = tokio::spawn(inject(Arc::clone(&cluster), faults, dice.part(&[0]), run.clock.clone()));
    let summary = play(&run, options.clients, &dice).await?;
    let injected = breaking.await??;
    conclude(&run, summary, seed, &injected).await
}

fn parts(options: &Options, folder: PathBuf) -> anyhow::Result<Parts> {
    let postgres = options.in_cluster.then(|| std::env::var_os("MANDATE_CLUSTER_POSTGRES_FOLDER")).flatten();
    let database = match (options.engine, &options.database) {
        (Engine::Sqlite, _) => format!("sqlite:{}", folder.join("mandate.db").display()),
        (Engine::Postgres, Some(url)) => url.clone(),
        (Engine::Postgres, None) => {
            std::env::var("MANDATE_CLUSTER_DATABASE").context("the cluster names no database")?
        }
    };
    Ok(Parts {
        binary: options.sabotage.map_or_else(binary::mandate, |_| binary::sabotaged())?,
        sabotage: options.sabotage.map(Sabotage::name),
        folder,
        engine: options.engine,
        database,
        postgres: postgres.map(PathBuf::from),
        replicas: if options.engine == Engine::Sqlite { 1 } else { options.replicas },
    })
}

/// What can break, of what was asked for.
fn faults(options: &Options, cluster: &Cluster) -> anyhow::Result<Vec<Fault>> {
    let possible: &[Fault] = match options.engine {
        Engine::Sqlite => &[Fault::Kill],
        Engine::Postgres if cluster.owns_postgres() => {
            &[Fault::Kill, Fault::Restart, Fault::Cut, Fault::Pause]
        }
        Engine::Postgres => &[Fault::Kill, Fault::Cut, Fault::Pause],
    };
    let Some(asked) = &options.faults else {
        return Ok(if options.sabotage.is_some() { Vec::new() } else { possible.to_vec() });
    };
    let asked: Vec<Fault> = asked.iter().copied().filter(|fault| *fault != Fault::None).collect();
    for fault in &asked {
        ensure!(possible.contains(fault), "the fault {} cannot be brought about here", fault.name());
    }
    Ok(asked)
}

/// Makes everybody known who can be a member.
async fn people(cluster: &Cluster, seed: u64, since: u64) -> anyhow::Result<Vec<String>> {
    let mut people = Vec::with_capacity(PEOPLE);
    let mut identity = cluster.client(0)?.identity();
    for who in 0..PEOPLE {
        let request = CreateUserRequest {
            email: format!("u{who}.{seed}.{since}@example.com"),
            display_name: format!("u{who}"),
            ..Default::default()
        };
        let user = identity.create_user(request).await?.into_inner().user;
        people.push(user.context("a user without an id")?.id);
    }
    Ok(people)
}

/// Plays account after account, several at once, and judges each when it is over.
async fn play(run: &Arc<Run>, clients: usize, dice: &Dice) -> anyhow::Result<Summary> {
    let mut lanes = tokio::task::JoinSet::new();
    for lane in 0..clients.div_ceil(PER_ACCOUNT) {
        let (run, players) = (Arc::clone(run), PER_ACCOUNT.min(clients - lane * PER_ACCOUNT));
        let dice = dice.part(&[1, u64::try_from(lane)?]);
        lanes.spawn(async move {
            let mut judging = tokio::task::JoinSet::new();
            let mut summary = Summary::default();
            for round in 0..u64::MAX {
                if run.clock.is_over() {
                    break;
                }
                let name = format!("{}-{lane}-{round}", run.name);
                let history = Round::play(&run, name.clone(), players, &dice.part(&[round])).await?;
                summary.operations += history.len();
                summary.accounts += 1;
                let run = Arc::clone(&run);
                judging.spawn_blocking(move || run.judge(&name, &history));
            }
            while let Some(verdict) = judging.join_next().await {
                summary.violations.extend(verdict?);
            }
            anyhow::Ok(summary)
        });
    }
    let mut all = Summary::default();
    while let Some(summary) = lanes.join_next().await {
        let Summary { operations, accounts, violations } = summary??;
        all.operations += operations;
        all.accounts += accounts;
        all.violations.extend(violations);
    }
    Ok(all)
}

async fn conclude(run: &Run, summary: Summary, seed: u64, injected: &Injected) -> anyhow::Result<ExitCode> {
    let carried_out: HashSet<String> = run.cluster.carried_out().await?.into_iter().collect();
    let acknowledged = std::mem::take(&mut *run.acknowledged.lock().unwrap_or_else(PoisonError::into_inner));
    let found = acknowledged.iter().filter(|id| carried_out.contains(*id)).count();
    let unexpected = std::mem::take(&mut *run.unexpected.lock().unwrap_or_else(PoisonError::into_inner));
    let Summary { operations, accounts, mut violations } = summary;
    let count = unexpected.len();
    let folder = run.cluster.folder();
    violations.extend(unexpected.into_iter().map(|text| match log::line_of(folder, &text) {
        Some(line) => format!("an answer that should not be: {text}\n  {line}"),
        None => format!("an answer that should not be: {text}"),
    }));
    for text in violations.iter().take(SHOWN) {
        report::say(text);
    }
    // A request is kept in the transaction of its write. What it did is judged with the end of its account.
    let lost = acknowledged.len() - found;
    let injected: Vec<String> = injected.iter().map(|(name, times)| format!("{name} {times}")).collect();
    report::say(&format!("seed {seed}"));
    report::say(&format!(
        "faults {}",
        if injected.is_empty() { "none".to_owned() } else { injected.join(", ") }
    ));
    report::say(&format!("accounts {accounts}, unexpected answers {count}"));
    report::say(&format!("writes acknowledged {}, found {found}", acknowledged.len()));
    report::say(&format!("operations {operations} violations {} lost {lost}", violations.len()));
    let well = violations.is_empty() && lost == 0;
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

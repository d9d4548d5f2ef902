//! A Mandate of your own inside a test: it is there in a moment, with the people and accounts that the test names, and
//! gone with the test.
//!
//! ```no_run
//! # async fn example() {
//! let mandate = mandate_testkit::start("people: { ada: {} }\naccounts: { shop: { policy: organization, first_user: ada } }").await;
//! let backend = mandate.service("backend");
//! # }
//! ```
//!
//! It is the real server, `mandate serve --ephemeral`, in a process of its own: found on PATH, or where MANDATE_BIN says.
//! Nothing is downloaded or compiled for it. It listens on a free port of 127.0.0.1, keeps everything in memory, and
//! ends with the value that [`start`] returns, or with the test's process however that ends.

mod process;
mod world;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use mandate_client::{Client, TokenSource};

use self::process::Process;
pub use self::process::StartError;
use self::world::World;

/// The variable that names the program, or the folder it is in, where that is not on PATH.
pub const PROGRAM_VARIABLE: &str = "MANDATE_BIN";

/// Starts a server with these fixtures: the text of a file as `--seed` takes it.
///
/// # Panics
/// When it does not start; the message is [`StartError`]'s, with what is wrong with the fixtures.
pub async fn start(fixtures: &str) -> Mandate {
    match Starter::new(fixtures).start().await {
        Ok(mandate) => mandate,
        #[expect(clippy::panic, reason = "a test without its server has failed")]
        Err(error) => panic!("{error}"),
    }
}

/// What a server is started with, for tests that need more than [`start`].
#[derive(Debug, Clone)]
pub struct Starter {
    fixtures: String,
    program: Option<PathBuf>,
    arguments: Vec<String>,
}

impl Starter {
    /// A server with these fixtures.
    #[must_use]
    pub fn new(fixtures: impl Into<String>) -> Self {
        Self { fixtures: fixtures.into(), program: None, arguments: Vec::new() }
    }

    /// This program and no other.
    #[must_use]
    pub fn program(mut self, program: impl AsRef<Path>) -> Self {
        self.program = Some(program.as_ref().to_owned());
        self
    }

    /// Another argument of `mandate serve` (`--policies`, say).
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Starts it; when this returns, it answers.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(self) -> Result<Mandate, StartError> {
        let program = self.program.or_else(|| std::env::var_os(PROGRAM_VARIABLE).map(PathBuf::from));
        let program = program.map(|named| if named.is_dir() { named.join("mandate") } else { named });
        let program = program.unwrap_or_else(|| PathBuf::from("mandate"));
        let (process, told) = Process::start(&program, &self.fixtures, &self.arguments).await?;
        Ok(Mandate { world: World::read(&told)?, process })
    }
}

/// A running server. It ends with this value.
#[derive(Debug)]
pub struct Mandate {
    world: World,
    process: Process,
}

impl Mandate {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.world.address
    }

    /// The URL of [`address`](Self::address).
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.world.address)
    }

    /// A client of a service of the fixtures; `backend`, where they name none. Panics where there is no such service.
    #[must_use]
    pub fn service(&self, name: &str) -> Client {
        self.client(&self.world.services.of(name).token)
    }

    /// A client of a person of the fixtures, who may do what their roles allow. Panics where there is no such person.
    #[must_use]
    pub fn person(&self, name: &str) -> Client {
        self.client(self.token(name))
    }

    /// A client of a platform operator.
    #[must_use]
    pub fn operator(&self) -> Client {
        self.client(&self.world.operator.token)
    }

    /// The id of a person of the fixtures (`usr_…`): the same in each run. Panics where there is no such person.
    #[must_use]
    pub fn user(&self, name: &str) -> &str {
        &self.world.people.of(name).id
    }

    /// The token of a person of the fixtures. Panics where there is no such person.
    #[must_use]
    pub fn token(&self, name: &str) -> &str {
        &self.world.people.of(name).token
    }

    /// The token of a service of the fixtures. Panics where there is no such service.
    #[must_use]
    pub fn service_token(&self, name: &str) -> &str {
        &self.world.services.of(name).token
    }

    /// The id of an account of the fixtures (`acc_…`): the same in each run. Panics where there is no such account.
    #[must_use]
    pub fn account(&self, name: &str) -> &str {
        &self.world.accounts.of(name).id
    }

    /// The id of a contact of an account (`con_…`), likewise.
    #[must_use]
    pub fn contact(&self, account: &str, name: &str) -> &str {
        self.world.accounts.of(account).contacts.of(name)
    }

    /// The id of an invitation to an account (`inv_…`), likewise.
    #[must_use]
    pub fn invitation(&self, account: &str, name: &str) -> &str {
        self.world.accounts.of(account).invitations.of(name)
    }

    /// The id of an account group of the fixtures (`grp_…`), likewise.
    #[must_use]
    pub fn group(&self, name: &str) -> &str {
        &self.world.groups.of(name).id
    }

    /// The folder into which it writes mail; there is none before the first one.
    #[must_use]
    pub fn mail(&self) -> &Path {
        &self.world.mail
    }

    /// The file with all of this, as `--seed-output` describes it, for programs in other languages.
    #[must_use]
    pub fn told(&self) -> PathBuf {
        self.process.told()
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    fn client(&self, token: &str) -> Client {
        match Client::builder(self.url()).connections(1).token(TokenSource::fixed(token)).build() {
            Ok(client) => client,
            #[expect(clippy::panic, reason = "a defect of this crate: the address is that of a server")]
            Err(error) => panic!("{error}"),
        }
    }
}

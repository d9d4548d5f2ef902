//! Other products' servers in the same run, where they are found: each with the same roles, the same people and the same
//! questions, and seen to answer as Mandate does before anything is measured.
//!
//! Their schemas lie in `crates/bench/peers`. Settings are those they are shipped with, but that nothing is logged and
//! nobody is called home.

mod cerbos;
mod keto;
mod openfga;
mod probe;
mod rpc;
mod spicedb;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use crate::check::series::Series;
use crate::check::world::World;
use crate::facts::{MEMBER, OWNER};
use crate::load::{Requests, Shape};
use crate::process::Server;
use crate::report::tell;

pub(crate) use self::probe::{Probe, probes};

/// The most memberships that are told to those who keep some. Fewer than Mandate's own are in their favour.
const MEMBERSHIPS: u64 = 10_000;

/// As many requests under way as at Mandate's.
const UNARY: Shape = Shape { connections: 8, room: 16 };
const BATCHED: Shape = Shape { connections: 4, room: 4 };

/// Where a peer's server is looked for, for `--help`.
pub(crate) const WHERE: &str = "Other products are measured too where their programs are found, by a variable or on the \
     PATH:\n  MANDATE_BENCH_CERBOS   cerbos (npm i @cerbos/cerbos-linux-x64 puts it into node_modules/@cerbos/cerbos-linux-x64/)\n  \
     MANDATE_BENCH_SPICEDB  spicedb (go install github.com/authzed/spicedb/cmd/spicedb@latest)\n  \
     MANDATE_BENCH_OPENFGA  openfga (go install github.com/openfga/openfga/cmd/openfga@latest)\n  \
     MANDATE_BENCH_KETO     keto (go install -tags sqlite github.com/ory/keto@latest)\n\
     A variable that is set to nothing leaves that one out.";

/// A running server and the loads for it.
pub(crate) struct Peer {
    server: Server,
    loads: Vec<Load>,
}

/// Requests of one kind, and how many bytes each is answered with.
struct Load {
    name: &'static str,
    requests: Requests,
    expected: usize,
    shape: Shape,
}

impl Peer {
    /// The loads on it.
    pub(crate) fn series(&self) -> impl Iterator<Item = Series<'_>> {
        let Self { server, loads } = self;
        loads.iter().map(|load| Series::new(load.name, server, &load.requests, load.expected, load.shape))
    }
}

/// Those that were found, and what there is to say about the others.
pub(crate) struct Found {
    /// Running, and known to answer as Mandate does.
    pub(crate) peers: Vec<Peer>,
    /// A sentence about each that is not measured.
    pub(crate) absent: Vec<String>,
}

/// What a peer is started with.
struct Setting<'a> {
    world: World,
    binary: PathBuf,
    /// For its files and its log.
    folder: &'a Path,
    core: usize,
}

/// Who is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Product {
    Cerbos,
    SpiceDb,
    OpenFga,
    Keto,
}

impl Product {
    const ALL: [Self; 4] = [Self::Cerbos, Self::SpiceDb, Self::OpenFga, Self::Keto];

    /// The name of its program.
    fn name(self) -> &'static str {
        match self {
            Self::Cerbos => "cerbos",
            Self::SpiceDb => "spicedb",
            Self::OpenFga => "openfga",
            Self::Keto => "keto",
        }
    }

    async fn start(self, setting: Setting<'_>) -> anyhow::Result<Peer> {
        match self {
            Self::Cerbos => cerbos::start(setting).await,
            Self::SpiceDb => spicedb::start(setting).await,
            Self::OpenFga => openfga::start(setting).await,
            Self::Keto => keto::start(setting).await,
        }
    }
}

/// Starts those that are found, each on that core.
pub(crate) async fn start(world: World, folder: &Path, core: usize) -> Found {
    let mut found = Found { peers: Vec::new(), absent: Vec::new() };
    let world = World { memberships: world.memberships.min(MEMBERSHIPS) };
    for product in Product::ALL {
        let peer = match find(product.name()) {
            Some(binary) => Some(product.start(Setting { world, binary, folder, core }).await),
            None => None,
        };
        found.take(product.name(), peer);
    }
    found
}

impl Found {
    /// Ends them.
    pub(crate) fn stop(self) {
        drop(self);
    }

    fn take(&mut self, name: &str, peer: Option<anyhow::Result<Peer>>) {
        let sentence = match peer {
            Some(Ok(peer)) => return self.peers.push(peer),
            Some(Err(error)) => format!("`{name}` was found, and not measured: {error:#}"),
            None => format!("`{name}` was not found: set {} to its program", variable(name)),
        };
        tell(&sentence);
        self.absent.push(sentence);
    }
}

fn variable(name: &str) -> String {
    format!("MANDATE_BENCH_{}", name.to_uppercase())
}

/// The program of that name: where its variable says, or on the PATH.
fn find(name: &str) -> Option<PathBuf> {
    if let Some(binary) = std::env::var_os(variable(name)) {
        return (!binary.is_empty()).then(|| binary.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Who is what in which account, for those who keep relationships: account, relation (the role's name), user.
fn tuples(world: World) -> impl Iterator<Item = (u64, &'static str, u64)> {
    let members = (0..world.memberships).map(move |number| {
        let (account, user) = world.membership(number);
        (account, MEMBER, user)
    });
    members.chain((0..world.accounts()).map(move |account| (account, OWNER, world.users())))
}

/// A permission's name for those who know no dots.
fn identifier(permission: &str) -> String {
    permission.replace('.', "_")
}

/// An address that nobody listens on now.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// A message's bytes with the prefix of gRPC.
fn framed(message: usize) -> usize {
    message + 5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_absent_is_told_how_to_be_found() {
        let mut found = Found { peers: Vec::new(), absent: Vec::new() };
        found.take("keto", None);
        found.take("cerbos", Some(Err(anyhow::anyhow!("no answer"))));
        assert!(found.absent[0].contains("MANDATE_BENCH_KETO") && found.absent[1].contains("no answer"));
    }

    #[test]
    fn everybody_and_the_owner_of_everything_is_told() {
        assert_eq!(tuples(World { memberships: 500 }).count(), 550);
    }

    #[test]
    fn help_names_every_variable() {
        for product in Product::ALL {
            assert!(WHERE.contains(&variable(product.name())), "{product:?}");
        }
    }
}

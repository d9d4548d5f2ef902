//! SpiceDB, with its relationships in memory.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use prost::Message;

use super::rpc::{Method, Rpc, headers};
use super::{Load, Peer, Probe, Setting, UNARY, framed, free_address, identifier, probes};
use crate::facts::{HELD_BY_ALL, account_id, user_id};
use crate::load::Requests;
use crate::process::Server;

const KEY: &str = "bench";
const TOKEN: Option<&str> = Some("Bearer bench");
const CHECK: Method = Method { path: "/authzed.api.v1.PermissionsService/CheckPermission", token: TOKEN };
const WRITE: Method = Method { path: "/authzed.api.v1.PermissionsService/WriteRelationships", token: TOKEN };
const SCHEMA: Method = Method { path: "/authzed.api.v1.SchemaService/WriteSchema", token: TOKEN };
const TEXT: &str = include_str!("../../peers/spicedb/schema.zed");
/// `PERMISSIONSHIP_NO_PERMISSION` and `PERMISSIONSHIP_HAS_PERMISSION`.
const NO: i32 = 1;
const HAS: i32 = 2;
/// `OPERATION_CREATE`.
const CREATE: i32 = 1;
/// Relationships in a call: fewer than the most that it takes as it is shipped.
const AT_ONCE: usize = 500;
/// How long it may take until it answers calls, once it listens.
const START: Duration = Duration::from_secs(30);

/// Starts it, tells it the memberships and sees that it answers as Mandate does.
///
/// # Errors
/// It does not start, or answers otherwise.
pub(super) async fn start(setting: Setting<'_>) -> anyhow::Result<Peer> {
    let Setting { world, binary, folder, core } = setting;
    let address = free_address()?;
    let mut command = Command::new(&binary);
    command.args(["serve", "--grpc-preshared-key", KEY, "--grpc-addr", &address.to_string()]);
    command.args(["--datastore-engine", "memory", "--metrics-addr", &free_address()?.to_string()]);
    command.args(["--telemetry-endpoint", "", "--log-level", "error"]);
    let server = Server::start_at("spicedb", command, folder, Some(core), address)
        .with_context(|| format!("{} was found", binary.display()))?;
    let mut rpc = ready(address).await?;
    let tuples: Vec<_> = super::tuples(world).collect();
    for chunk in tuples.chunks(AT_ONCE) {
        let update = |(account, relation, user): &(u64, &str, u64)| Update {
            operation: CREATE,
            relationship: Some(Relationship {
                resource: object("account", account_id(*account).to_string()),
                relation: (*relation).to_owned(),
                subject: subject(*user),
            }),
        };
        let _: Whatever = rpc.call(WRITE, Updates { updates: chunk.iter().map(update).collect() }).await?;
    }
    for probe in probes(world) {
        let Probe { account, user, permission, allowed, .. } = probe;
        let answer: Answer = rpc.call(CHECK, question(account, user, permission)).await?;
        ensure!(
            answer.permissionship == if allowed { HAS } else { NO },
            "{probe:?} was answered with {answer:?}"
        );
    }
    let question = |number| {
        let (account, user) = world.asked(number);
        question(account, user, HELD_BY_ALL)
    };
    let answer: Answer = rpc.call(CHECK, question(0)).await?;
    let blocks = headers(address, CHECK, question(0)).await?;
    let requests = Requests::encode(blocks, 1, (0..world.memberships).map(question))?;
    let expected = framed(answer.encoded_len());
    Ok(Peer { server, loads: vec![Load { name: "spicedb", requests, expected, shape: UNARY }] })
}

/// A connection to a server that takes the schema: it listens before it does.
async fn ready(address: SocketAddr) -> anyhow::Result<Rpc> {
    let started = Instant::now();
    loop {
        let mut rpc = Rpc::connect(address).await?;
        match rpc.call::<_, Whatever>(SCHEMA, Schema { schema: TEXT.to_owned() }).await {
            Ok(_) => return Ok(rpc),
            Err(error) if started.elapsed() > START => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

fn object(kind: &str, id: String) -> Option<Object> {
    Some(Object { kind: kind.to_owned(), id })
}

fn subject(user: u64) -> Option<Subject> {
    Some(Subject { object: object("user", user_id(user).to_string()) })
}

/// Asked without a wish about freshness, which is the fastest it offers.
fn question(account: u64, user: u64, permission: &str) -> Question {
    Question {
        resource: object("account", account_id(account).to_string()),
        permission: identifier(permission),
        subject: subject(user),
    }
}

/// `authzed.api.v1.CheckPermissionRequest`, as much of it as is asked with.
#[derive(Clone, PartialEq, Message)]
struct Question {
    #[prost(message, optional, tag = "2")]
    resource: Option<Object>,
    #[prost(string, tag = "3")]
    permission: String,
    #[prost(message, optional, tag = "4")]
    subject: Option<Subject>,
}

/// `authzed.api.v1.CheckPermissionResponse`, as far as it is sent.
#[derive(Clone, PartialEq, Message)]
struct Answer {
    #[prost(message, optional, tag = "1")]
    checked_at: Option<Zed>,
    #[prost(int32, tag = "2")]
    permissionship: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Zed {
    #[prost(string, tag = "1")]
    token: String,
}

#[derive(Clone, PartialEq, Message)]
struct Object {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(string, tag = "2")]
    id: String,
}

#[derive(Clone, PartialEq, Message)]
struct Subject {
    #[prost(message, optional, tag = "1")]
    object: Option<Object>,
}

#[derive(Clone, PartialEq, Message)]
struct Relationship {
    #[prost(message, optional, tag = "1")]
    resource: Option<Object>,
    #[prost(string, tag = "2")]
    relation: String,
    #[prost(message, optional, tag = "3")]
    subject: Option<Subject>,
}

#[derive(Clone, PartialEq, Message)]
struct Update {
    #[prost(int32, tag = "1")]
    operation: i32,
    #[prost(message, optional, tag = "2")]
    relationship: Option<Relationship>,
}

#[derive(Clone, PartialEq, Message)]
struct Updates {
    #[prost(message, repeated, tag = "1")]
    updates: Vec<Update>,
}

#[derive(Clone, PartialEq, Message)]
struct Schema {
    #[prost(string, tag = "1")]
    schema: String,
}

/// An answer that nobody looks at.
#[derive(Clone, PartialEq, Message)]
struct Whatever {}

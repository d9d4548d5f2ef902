//! Keto, with its relationships in an SQLite database in memory.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use prost::Message;
use serde_json::{Value, json};

use super::rpc::{Method, Rpc, headers, send_json};
use super::{Load, Peer, Probe, Setting, UNARY, framed, free_address, identifier, probes};
use crate::facts::{HELD_BY_ALL, account_id, user_id};
use crate::load::Requests;
use crate::process::Server;

const CHECK: Method = Method { path: "/ory.keto.relation_tuples.v1alpha2.CheckService/Check", token: None };
const NAMESPACES: &str = include_str!("../../peers/keto/namespaces.keto.ts");
/// Relationships in a call.
const AT_ONCE: usize = 500;
/// How long it may take until it answers calls, once it listens.
const START: Duration = Duration::from_secs(30);

/// Starts it, tells it the memberships and sees that it answers as Mandate does.
///
/// # Errors
/// It does not start, or answers otherwise.
pub(super) async fn start(setting: Setting<'_>) -> anyhow::Result<Peer> {
    let Setting { world, binary, folder, core } = setting;
    let (address, write) = (free_address()?, free_address()?);
    let mut command = Command::new(&binary);
    command.arg("serve").arg("--config").arg(configure(folder, address, write)?);
    let server = Server::start_at("keto", command, folder, Some(core), address)
        .with_context(|| format!("{} was found", binary.display()))?;
    let tuples: Vec<_> = super::tuples(world).collect();
    let mut chunks = tuples.chunks(AT_ONCE).map(insertions);
    put_first(write, &chunks.next().unwrap_or_default()).await?;
    for chunk in chunks {
        send_json(write, "PATCH", "/admin/relation-tuples", &chunk).await?;
    }
    let mut rpc = Rpc::connect(address).await?;
    for probe in probes(world) {
        let Probe { account, user, permission, allowed, .. } = probe;
        let answer: Answer = rpc.call(CHECK, question(account, user, permission)).await?;
        ensure!(answer.allowed == allowed, "{probe:?} was answered with {answer:?}");
    }
    let question = |number| {
        let (account, user) = world.asked(number);
        question(account, user, HELD_BY_ALL)
    };
    let answer: Answer = rpc.call(CHECK, question(0)).await?;
    let blocks = headers(address, CHECK, question(0)).await?;
    let requests = Requests::encode(blocks, 1, (0..world.memberships).map(question))?;
    let expected = framed(answer.encoded_len());
    Ok(Peer { server, loads: vec![Load { name: "keto", requests, expected, shape: UNARY }] })
}

fn configure(folder: &Path, read: SocketAddr, write: SocketAddr) -> anyhow::Result<std::path::PathBuf> {
    let namespaces = folder.join("namespaces.keto.ts");
    std::fs::write(&namespaces, NAMESPACES)?;
    let listen = |address: SocketAddr| json!({ "host": address.ip().to_string(), "port": address.port() });
    let configuration = json!({
        "dsn": "memory",
        "namespaces": { "location": format!("file://{}", namespaces.display()) },
        "log": { "level": "error" },
        "serve": { "read": listen(read), "write": listen(write), "metrics": listen(free_address()?), "opl": listen(free_address()?) },
    });
    let file = folder.join("keto.json");
    std::fs::write(&file, configuration.to_string())?;
    Ok(file)
}

/// The body of a `PATCH /admin/relation-tuples`.
fn insertions(tuples: &[(u64, &str, u64)]) -> String {
    let insertion = |(account, relation, user): &(u64, &str, u64)| {
        let subject = json!({ "namespace": "User", "object": user_id(*user).to_string(), "relation": "" });
        let object = account_id(*account).to_string();
        let tuple =
            json!({ "namespace": "Account", "object": object, "relation": relation, "subject_set": subject });
        json!({ "action": "insert", "relation_tuple": tuple })
    };
    Value::Array(tuples.iter().map(insertion).collect()).to_string()
}

/// Tells it the first relationships, as soon as it lets itself be told.
async fn put_first(write: SocketAddr, insertions: &str) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        match send_json(write, "PATCH", "/admin/relation-tuples", insertions).await {
            Ok(_) => return Ok(()),
            Err(error) if started.elapsed() > START => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

fn question(account: u64, user: u64, permission: &str) -> Question {
    let set =
        Set { namespace: "User".to_owned(), object: user_id(user).to_string(), relation: String::new() };
    Question {
        tuple: Some(Tuple {
            namespace: "Account".to_owned(),
            object: account_id(account).to_string(),
            relation: identifier(permission),
            subject: Some(Subject { set: Some(set) }),
        }),
    }
}

/// `ory.keto.relation_tuples.v1alpha2.CheckRequest`, as much of it as is asked with.
#[derive(Clone, PartialEq, Message)]
struct Question {
    #[prost(message, optional, tag = "8")]
    tuple: Option<Tuple>,
}

#[derive(Clone, PartialEq, Message)]
struct Tuple {
    #[prost(string, tag = "1")]
    namespace: String,
    #[prost(string, tag = "2")]
    object: String,
    #[prost(string, tag = "3")]
    relation: String,
    #[prost(message, optional, tag = "4")]
    subject: Option<Subject>,
}

#[derive(Clone, PartialEq, Message)]
struct Subject {
    #[prost(message, optional, tag = "2")]
    set: Option<Set>,
}

#[derive(Clone, PartialEq, Message)]
struct Set {
    #[prost(string, tag = "1")]
    namespace: String,
    #[prost(string, tag = "2")]
    object: String,
    #[prost(string, tag = "3")]
    relation: String,
}

/// `ory.keto.relation_tuples.v1alpha2.CheckResponse`.
#[derive(Clone, PartialEq, Message)]
struct Answer {
    #[prost(bool, tag = "1")]
    allowed: bool,
    #[prost(string, tag = "2")]
    snaptoken: String,
}

//! OpenFGA, with its tuples in SQLite, as Mandate's are. (Its store in memory walks all tuples for a question.)

use std::net::SocketAddr;
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

const CHECK: Method = Method { path: "/openfga.v1.OpenFGAService/Check", token: None };
const MODEL: &str = include_str!("../../peers/openfga/model.json");
/// Tuples in a call: the most that it takes as it is shipped.
const AT_ONCE: usize = 100;
/// How long it may take until it answers calls, once it listens.
const START: Duration = Duration::from_secs(30);

/// Starts it, tells it the memberships and sees that it answers as Mandate does.
///
/// # Errors
/// It does not start, or answers otherwise.
pub(super) async fn start(setting: Setting<'_>) -> anyhow::Result<Peer> {
    let Setting { world, binary, folder, core } = setting;
    let (address, http) = (free_address()?, free_address()?);
    let database = format!("file:{}", folder.join("openfga.db").display());
    let storage = ["--datastore-engine", "sqlite", "--datastore-uri", &database];
    let migrated = Command::new(&binary).arg("migrate").args(storage).output()?;
    ensure!(migrated.status.success(), "openfga migrate: {}", String::from_utf8_lossy(&migrated.stderr));
    let mut command = Command::new(&binary);
    command.arg("run").args(storage).args(["--grpc-addr", &address.to_string()]);
    command.args(["--http-addr", &http.to_string(), "--playground-enabled=false"]);
    command.args(["--metrics-enabled=false", "--log-level", "error"]);
    let server = Server::start_at("openfga", command, folder, Some(core), address)
        .with_context(|| format!("{} was found", binary.display()))?;
    let store = text(&new_store(http).await?, "id")?;
    let model = send_json(http, "POST", &format!("/stores/{store}/authorization-models"), MODEL).await?;
    let ids = Ids { store, model: text(&model, "authorization_model_id")? };
    let tuples: Vec<_> = super::tuples(world).collect();
    for chunk in tuples.chunks(AT_ONCE) {
        let tuple = |(account, relation, user): &(u64, &str, u64)| json!({ "user": person(*user), "relation": relation, "object": thing(*account) });
        let keys: Vec<_> = chunk.iter().map(tuple).collect();
        let body =
            json!({ "writes": { "tuple_keys": keys }, "authorization_model_id": ids.model }).to_string();
        send_json(http, "POST", &format!("/stores/{}/write", ids.store), &body).await?;
    }
    let mut rpc = Rpc::connect(address).await?;
    for probe in probes(world) {
        let Probe { account, user, permission, allowed, .. } = probe;
        let answer: Answer = rpc.call(CHECK, ids.question(account, user, permission)).await?;
        ensure!(answer.allowed == allowed, "{probe:?} was answered with {answer:?}");
    }
    let question = |number| {
        let (account, user) = world.asked(number);
        ids.question(account, user, HELD_BY_ALL)
    };
    let answer: Answer = rpc.call(CHECK, question(0)).await?;
    let blocks = headers(address, CHECK, question(0)).await?;
    let requests = Requests::encode(blocks, 1, (0..world.memberships).map(question))?;
    let expected = framed(answer.encoded_len());
    Ok(Peer { server, loads: vec![Load { name: "openfga", requests, expected, shape: UNARY }] })
}

/// Makes a store, as soon as the server lets it.
async fn new_store(http: SocketAddr) -> anyhow::Result<Value> {
    let started = Instant::now();
    loop {
        match send_json(http, "POST", "/stores", r#"{"name":"bench"}"#).await {
            Ok(store) => return Ok(store),
            Err(error) if started.elapsed() > START => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

fn text(value: &Value, name: &str) -> anyhow::Result<String> {
    let found = value.get(name).and_then(Value::as_str);
    Ok(found.with_context(|| format!("no {name} in {value}"))?.to_owned())
}

fn person(user: u64) -> String {
    format!("user:{}", user_id(user))
}

fn thing(account: u64) -> String {
    format!("account:{}", account_id(account))
}

/// What every question names.
struct Ids {
    store: String,
    model: String,
}

impl Ids {
    fn question(&self, account: u64, user: u64, permission: &str) -> Question {
        let key = Key { user: person(user), relation: identifier(permission), object: thing(account) };
        Question { store: self.store.clone(), key: Some(key), model: self.model.clone() }
    }
}

/// `openfga.v1.CheckRequest`, as much of it as is asked with.
#[derive(Clone, PartialEq, Message)]
struct Question {
    #[prost(string, tag = "1")]
    store: String,
    #[prost(message, optional, tag = "2")]
    key: Option<Key>,
    #[prost(string, tag = "4")]
    model: String,
}

#[derive(Clone, PartialEq, Message)]
struct Key {
    #[prost(string, tag = "1")]
    user: String,
    #[prost(string, tag = "2")]
    relation: String,
    #[prost(string, tag = "3")]
    object: String,
}

/// `openfga.v1.CheckResponse`.
#[derive(Clone, PartialEq, Message)]
struct Answer {
    #[prost(bool, tag = "1")]
    allowed: bool,
    #[prost(string, tag = "2")]
    resolution: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_has_the_permissions_that_are_asked_for() {
        let model: Value = serde_json::from_str(MODEL).unwrap();
        let relations = &model["type_definitions"][1]["relations"];
        assert!(relations[identifier(HELD_BY_ALL)].is_object(), "{relations}");
    }
}

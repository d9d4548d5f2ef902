//! Cerbos. It keeps no memberships: it is told the subject's role with each question, which Mandate looks up itself.
//!
//! The npm package `@cerbos/cerbos-linux-x64` holds the binary.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use prost::Message;

use super::rpc::{Method, Rpc, headers};
use super::{BATCHED, Load, Peer, Probe, Setting, UNARY, framed, free_address, probes};
use crate::check::world::World;
use crate::facts::{HELD_BY_ALL, MEMBER, account_id, user_id};
use crate::load::Requests;
use crate::process::Server;

const CHECK: Method = Method { path: "/cerbos.svc.v1.CerbosService/CheckResources", token: None };
const POLICY: &str = include_str!("../../peers/cerbos/account.yaml");
/// The kind of resource that questions are about.
const KIND: &str = "account";
/// `EFFECT_ALLOW` and `EFFECT_DENY`.
const ALLOW: i32 = 1;
const DENY: i32 = 2;
/// Resources in a call: the most that Cerbos takes as it is shipped.
const BATCH: u32 = 50;
/// Different batches; they repeat.
const BATCHES: u64 = 200;

/// Starts it and sees that it answers as Mandate does.
///
/// # Errors
/// It does not start, or answers otherwise.
pub(super) async fn start(setting: Setting<'_>) -> anyhow::Result<Peer> {
    let Setting { world, binary, folder, core } = setting;
    let address = free_address()?;
    let configuration = configure(folder, address)?;
    let mut command = Command::new(&binary);
    command.arg("server").arg("--log-level=error").arg("--config").arg(configuration);
    let server = Server::start_at("cerbos", command, folder, Some(core), address)
        .with_context(|| format!("{} was found", binary.display()))?;
    let mut rpc = Rpc::connect(address).await?;
    for probe in probes(world) {
        // Without any role it takes no question.
        let Some(role) = probe.role else { continue };
        let Probe { account, user, permission, allowed, .. } = probe;
        let answer: Answer = rpc.call(CHECK, asking(user, role, [(account, permission)])).await?;
        let expected = if allowed { ALLOW } else { DENY };
        ensure!(answer.effects() == [expected], "{probe:?} was answered with {answer:?}");
    }
    let single =
        load(&mut rpc, address, "cerbos", 1, (0..world.memberships).map(|number| one(world, number))).await?;
    let batches = (0..BATCHES).map(|number| batch(world, number));
    let batched = load(&mut rpc, address, "cerbos_batch50", BATCH, batches).await?;
    Ok(Peer { server, loads: vec![single, batched] })
}

async fn load(
    rpc: &mut Rpc,
    address: SocketAddr,
    name: &'static str,
    decisions: u32,
    mut questions: impl Iterator<Item = Request>,
) -> anyhow::Result<Load> {
    let first = questions.next().context("there is nothing to ask")?;
    let answer: Answer = rpc.call(CHECK, first.clone()).await?;
    let allowed = answer.effects().iter().filter(|effect| **effect == ALLOW).count();
    ensure!(u32::try_from(allowed)? == decisions, "{name}: {allowed} of {decisions} questions were allowed");
    let blocks = headers(address, CHECK, first.clone()).await?;
    let requests = Requests::encode(blocks, decisions, std::iter::once(first).chain(questions))?;
    let shape = if decisions == 1 { UNARY } else { BATCHED };
    Ok(Load { name, requests, expected: framed(answer.encoded_len()), shape })
}

/// The same two roles and permissions, nothing that slows it down, and nothing that calls home.
fn configure(folder: &Path, grpc: SocketAddr) -> anyhow::Result<PathBuf> {
    let policies = folder.join("cerbos-policies");
    std::fs::create_dir(&policies)?;
    std::fs::write(policies.join("account.yaml"), POLICY)?;
    let configuration = folder.join("cerbos.yaml");
    let http = free_address()?;
    let text = format!(
        "server:\n  httpListenAddr: '{http}'\n  grpcListenAddr: '{grpc}'\nstorage:\n  driver: disk\n  disk:\n    \
         directory: '{}'\n    watchForChanges: false\naudit:\n  enabled: false\ntelemetry:\n  disabled: true\n",
        policies.display()
    );
    std::fs::write(&configuration, text)?;
    Ok(configuration)
}

/// The question of that number.
fn one(world: World, number: u64) -> Request {
    let (account, user) = world.asked(number);
    asking(user, MEMBER, [(account, HELD_BY_ALL)])
}

/// One member about many accounts: a call is about one principal here.
fn batch(world: World, number: u64) -> Request {
    let user = number % world.users();
    let accounts = world.accounts();
    asking(
        user,
        MEMBER,
        (0..BATCH).map(|place| ((number * 7 + u64::from(place) * 3) % accounts, HELD_BY_ALL)),
    )
}

fn asking(user: u64, role: &str, about: impl IntoIterator<Item = (u64, &'static str)>) -> Request {
    let entry = |(account, permission): (u64, &str)| ResourceEntry {
        actions: vec![permission.to_owned()],
        resource: Some(Resource { kind: KIND.to_owned(), id: account_id(account).to_string() }),
    };
    Request {
        principal: Some(Principal { id: user_id(user).to_string(), roles: vec![role.to_owned()] }),
        resources: about.into_iter().map(entry).collect(),
    }
}

/// `cerbos.request.v1.CheckResourcesRequest`, as much of it as is asked with.
#[derive(Clone, PartialEq, Message)]
struct Request {
    #[prost(message, optional, tag = "3")]
    principal: Option<Principal>,
    #[prost(message, repeated, tag = "4")]
    resources: Vec<ResourceEntry>,
}

#[derive(Clone, PartialEq, Message)]
struct Principal {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, repeated, tag = "3")]
    roles: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceEntry {
    #[prost(string, repeated, tag = "1")]
    actions: Vec<String>,
    #[prost(message, optional, tag = "2")]
    resource: Option<Resource>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(string, tag = "3")]
    id: String,
}

/// `cerbos.response.v1.CheckResourcesResponse`, whole as far as it is sent.
#[derive(Clone, PartialEq, Message)]
struct Answer {
    #[prost(message, repeated, tag = "2")]
    results: Vec<ResultEntry>,
    #[prost(string, tag = "3")]
    call: String,
}

#[derive(Clone, PartialEq, Message)]
struct ResultEntry {
    #[prost(message, optional, tag = "1")]
    resource: Option<ResultResource>,
    #[prost(map = "string, int32", tag = "2")]
    actions: std::collections::HashMap<String, i32>,
}

#[derive(Clone, PartialEq, Message)]
struct ResultResource {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    kind: String,
    #[prost(string, tag = "3")]
    version: String,
}

impl Answer {
    fn effects(&self) -> Vec<i32> {
        self.results.iter().flat_map(|result| result.actions.values().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::OWNERS_ONLY;

    #[test]
    fn questions_name_subject_role_and_account() {
        let Request { principal, resources } = one(World { memberships: 50 }, 3);
        let principal = principal.unwrap();
        assert!(principal.id.starts_with("usr_"));
        assert_eq!(principal.roles, [MEMBER]);
        assert!(resources[0].resource.as_ref().unwrap().id.starts_with("acc_"));
        assert_eq!(batch(World { memberships: 500 }, 3).resources.len(), 50);
    }

    #[test]
    fn the_policy_names_the_permissions_asked_about() {
        assert!(POLICY.contains(HELD_BY_ALL) && POLICY.contains(OWNERS_ONLY));
    }

    #[test]
    fn the_configuration_listens_on_loopback_alone_and_calls_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let address = free_address().unwrap();
        let text = std::fs::read_to_string(configure(folder.path(), address).unwrap()).unwrap();
        assert_eq!(text.matches("127.0.0.1:").count(), 2);
        assert!(text.contains("telemetry:\n  disabled: true"));
    }
}

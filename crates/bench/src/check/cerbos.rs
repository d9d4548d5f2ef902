//! Cerbos in the same run, where it is found: the variable `MANDATE_BENCH_CERBOS`, or `cerbos` on the PATH.
//!
//! The npm package `@cerbos/cerbos-linux-x64` holds the binary. Cerbos keeps no memberships: it is told the subject's
//! role with each question, which Mandate looks up itself.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use http::uri::PathAndQuery;
use mandate_proto::v1::subject::Subject;
use prost::Message;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

use super::framed;
use super::series::Series;
use super::world::World;
use crate::facts::{HELD_BY_ALL, MEMBER, OWNER, OWNERS_ONLY};
use crate::load::capture::{Calls, header_blocks};
use crate::load::{Requests, Shape};
use crate::process::Server;
use crate::report::tell;

const VARIABLE: &str = "MANDATE_BENCH_CERBOS";
const CHECK: &str = "/cerbos.svc.v1.CerbosService/CheckResources";
/// The kind of resource that questions are about.
const KIND: &str = "account";
/// `EFFECT_ALLOW` and `EFFECT_DENY`.
const ALLOW: i32 = 1;
const DENY: i32 = 2;

/// A running Cerbos and the questions for it.
pub(super) struct Cerbos {
    server: Server,
    requests: Requests,
    expected: usize,
}

impl Cerbos {
    /// Starts it on one core, if it is found, and sees that it answers as Mandate does.
    ///
    /// # Errors
    /// It is found and does not start, or answers otherwise.
    pub(super) async fn start(world: World, folder: &Path, core: usize) -> anyhow::Result<Option<Self>> {
        let Some(binary) = find() else {
            tell(&format!("Cerbos was not found: set {VARIABLE} to its binary to compare with it"));
            return Ok(None);
        };
        let address = free_address()?;
        let configuration = configure(folder, address)?;
        let mut command = Command::new(&binary);
        command.arg("server").arg("--log-level=error").arg("--config").arg(configuration);
        let server = Server::start_at("cerbos", command, folder, Some(core), address)
            .with_context(|| format!("{} was found", binary.display()))?;
        let mut client = connect(address).await?;
        let allowed = ask(&mut client, question(world, 0, HELD_BY_ALL)).await?;
        ensure!(allowed.effects() == [ALLOW], "Cerbos did not allow what a member may: {allowed:?}");
        let denied = ask(&mut client, question(world, 0, OWNERS_ONLY)).await?;
        ensure!(denied.effects() == [DENY], "Cerbos allowed what owners may: {denied:?}");
        let headers = header_blocks(address, Asking(question(world, 0, HELD_BY_ALL))).await?;
        let questions = (0..world.memberships).map(|number| question(world, number, HELD_BY_ALL));
        let requests = Requests::encode(headers, 1, questions)?;
        Ok(Some(Self { server, requests, expected: framed(allowed.encoded_len()) }))
    }

    /// The load on it.
    pub(super) fn series(&self, shape: Shape) -> Series<'_> {
        Series::new("cerbos", &self.server, &self.requests, self.expected, shape)
    }
}

fn find() -> Option<PathBuf> {
    if let Some(binary) = std::env::var_os(VARIABLE) {
        return Some(binary.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("cerbos")).find(|file| file.is_file())
}

/// An address that nobody listens on now.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// The same two roles and permissions, nothing that slows it down, and nothing that calls home.
fn configure(folder: &Path, grpc: SocketAddr) -> anyhow::Result<PathBuf> {
    let policies = folder.join("cerbos-policies");
    std::fs::create_dir(&policies)?;
    let policy = format!(
        "apiVersion: api.cerbos.dev/v1\nresourcePolicy:\n  version: default\n  resource: {KIND}\n  rules:\n    - \
         actions: ['{HELD_BY_ALL}']\n      effect: EFFECT_ALLOW\n      roles: ['{MEMBER}', '{OWNER}']\n    - actions: \
         ['{OWNERS_ONLY}']\n      effect: EFFECT_ALLOW\n      roles: ['{OWNER}']\n"
    );
    std::fs::write(policies.join("account.yaml"), policy)?;
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

fn question(world: World, number: u64, permission: &str) -> Request {
    let asked = world.question(number);
    let user = match asked.subject.and_then(|subject| subject.subject) {
        Some(Subject::User(user)) => user,
        _ => String::new(),
    };
    Request {
        principal: Some(Principal { id: user, roles: vec![MEMBER.to_owned()] }),
        resources: vec![ResourceEntry {
            actions: vec![permission.to_owned()],
            resource: Some(Resource { kind: KIND.to_owned(), id: asked.account }),
        }],
    }
}

async fn connect(address: SocketAddr) -> anyhow::Result<Grpc<Channel>> {
    Ok(Grpc::new(Endpoint::from_shared(format!("http://{address}"))?.connect().await?))
}

async fn ask(client: &mut Grpc<Channel>, question: Request) -> anyhow::Result<Answer> {
    client.ready().await?;
    let path = PathAndQuery::from_static(CHECK);
    let codec = ProstCodec::<Request, Answer>::default();
    Ok(client.unary(tonic::Request::new(question), path, codec).await?.into_inner())
}

struct Asking(Request);

impl Calls for Asking {
    async fn make(&self, address: SocketAddr, calls: usize) -> anyhow::Result<()> {
        let mut client = connect(address).await?;
        for _ in 0..calls {
            ask(&mut client, self.0.clone()).await?;
        }
        Ok(())
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

    #[test]
    fn questions_name_subject_role_and_account() {
        let world = World { memberships: 50 };
        let Request { principal, resources } = question(world, 3, HELD_BY_ALL);
        let principal = principal.unwrap();
        assert!(principal.id.starts_with("usr_"));
        assert_eq!(principal.roles, [MEMBER]);
        assert!(resources[0].resource.as_ref().unwrap().id.starts_with("acc_"));
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

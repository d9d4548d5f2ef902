//! What a stranger with grpcurl finds, and how the server stops and comes back.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use mandate_proto::v1::{AddMemberRequest, AddMemberResponse, DecisionReason as Reason};
use mandate_tests::world::adding;
use mandate_tests::{World, on_both_engines, poll};
use prost::Message as _;
use prost_types::FileDescriptorProto;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Code, Request};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

const SERVICES: [&str; 4] = [
    "mandate.v1.AccountService",
    "mandate.v1.AuthzService",
    "mandate.v1.IdentityService",
    "mandate.v1.MembershipService",
];

/// The same questions under both versions of the protocol: grpcurl 1.8 speaks the older one.
macro_rules! reflection {
    ($version:ident) => {
        mod $version {
            use super::*;
            use tonic_reflection::pb::$version::ServerReflectionRequest;
            use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
            use tonic_reflection::pb::$version::server_reflection_request::MessageRequest;
            use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;

            async fn ask(channel: Channel, question: MessageRequest) -> MessageResponse {
                let request =
                    ServerReflectionRequest { host: String::new(), message_request: Some(question) };
                let mut client = ServerReflectionClient::new(channel);
                let answer = client.server_reflection_info(tokio_stream::once(request)).await;
                let answer = answer.expect("no token is needed").into_inner().message().await;
                answer.expect("an answer").expect("one answer per question").message_response.expect("set")
            }

            /// The names of all services.
            pub(super) async fn services(channel: Channel) -> BTreeSet<String> {
                match ask(channel, MessageRequest::ListServices(String::new())).await {
                    MessageResponse::ListServicesResponse(list) => {
                        list.service.into_iter().map(|one| one.name).collect()
                    }
                    other => panic!("{other:?}"),
                }
            }

            /// The files that describe a symbol, with what they import.
            pub(super) async fn files(channel: Channel, symbol: &str) -> Vec<FileDescriptorProto> {
                match ask(channel, MessageRequest::FileContainingSymbol(symbol.to_owned())).await {
                    MessageResponse::FileDescriptorResponse(files) => files
                        .file_descriptor_proto
                        .iter()
                        .map(|file| FileDescriptorProto::decode(file.as_slice()).expect("a descriptor"))
                        .collect(),
                    other => panic!("{symbol}: {other:?}"),
                }
            }
        }
    };
}

reflection!(v1);
reflection!(v1alpha);

/// The methods of a service, out of a file that describes it.
fn methods(files: &[FileDescriptorProto], service: &str) -> Vec<String> {
    let short = service.rsplit_once('.').expect("a full name").1;
    let services = files.iter().flat_map(|file| &file.service);
    let found = services.filter(|found| found.name() == short).flat_map(|found| &found.method);
    found.map(|method| method.name().to_owned()).collect()
}

/// Whether somebody listens.
async fn listens(address: SocketAddr) -> bool {
    TcpStream::connect(address).await.is_ok()
}

on_both_engines! {
    /// Without a token, over both versions: all services, every method, and what error details are made of.
    async fn reflection_describes_every_service(world: World) {
        let channel = || world.server().channel();
        let (new, old) = (v1::services(channel()).await, v1alpha::services(channel()).await);
        for found in [&new, &old] {
            assert!(SERVICES.iter().all(|service| found.contains(*service)), "{found:?}");
            assert!(found.contains("grpc.health.v1.Health"), "{found:?}");
        }
        let ours = new.iter().filter(|name| name.starts_with("mandate.")).count();
        assert_eq!(ours, SERVICES.len(), "a service that this test does not know: {new:?}");
        for service in SERVICES {
            let expected = methods(&v1::files(channel(), service).await, service);
            assert!(!expected.is_empty(), "{service}");
            assert_eq!(methods(&v1alpha::files(channel(), service).await, service), expected);
        }
        for symbol in [
            "google.rpc.ErrorInfo",
            "google.rpc.BadRequest",
            "google.rpc.PreconditionFailure",
            "mandate.v1.ErrorReason",
        ] {
            assert!(!v1::files(channel(), symbol).await.is_empty(), "{symbol}");
            assert!(!v1alpha::files(channel(), symbol).await.is_empty(), "{symbol}");
        }
    }

    /// Health as a whole and per service, without a token; of others nothing is known.
    async fn health_is_told_per_service(world: World) {
        let mut health = HealthClient::new(world.server().channel());
        for service in SERVICES.into_iter().chain([""]) {
            let answer =
                health.check(HealthCheckRequest { service: service.to_owned() }).await.expect(service);
            assert_eq!(answer.into_inner().status(), ServingStatus::Serving, "{service}");
        }
        let unknown = health.check(HealthCheckRequest { service: "mandate.v1.Nothing".to_owned() }).await;
        assert_eq!(unknown.expect_err("not a service").code(), Code::NotFound);
    }

    /// A graceful stop takes no new callers, finishes the call in flight, and nothing is lost.
    async fn a_stop_finishes_the_call_in_flight(mut world: World) {
        let [ada, mia] = world.people(["Ada", "Mia"]).await;
        let acme = world.account("organization", &ada).await;
        // A call whose client has not finished sending: the stream of its one message stays open.
        let (sender, receiver) = mpsc::channel(1);
        sender.send(adding(&acme, &mia, &["member"])).await.expect("room for one");
        let call = tokio::spawn(add_member(world.server().calling_as(&ada.id, &[]), receiver));
        let sent = poll::until(Duration::from_secs(10), async || (sender.capacity() == 1).then_some(()));
        sent.await.expect("the message is on its way");
        // On the same connection, so that the server has the one before when it answers this one.
        world.by(&ada).account(&acme).await.expect("still serving");

        let address = world.server().address();
        let (status, answer) = tokio::join!(world.server_mut().stop(), async {
            let closed =
                poll::until(Duration::from_secs(10), async || (!listens(address).await).then_some(()));
            closed.await.expect("no new callers");
            drop(sender);
            call.await.expect("the call")
        });

        let member = answer.expect("finished").member.expect("the member");
        assert_eq!(member.user, mia.id);
        assert!(status.success(), "{status}");
        world.server_mut().restart().await;
        assert_eq!(world.roles(&mia, &acme).await, ["member"]);
    }

    /// After a restart everything is as it was, tokens from before included; after a power cut, too.
    async fn data_and_keys_survive_a_restart(mut world: World) {
        let [ada, mia] = world.people(["Ada", "Mia"]).await;
        let acme = world.account("organization", &ada).await;
        world.member(&acme, &mia, &["billing_admin"]).await;
        let before = world.permissions(&mia, &acme).await;

        world.server_mut().restart().await;
        assert_eq!(world.permissions(&mia, &acme).await, before);
        world.by(&mia).account(&acme).await.expect("her token is as good as before");

        world.by(&ada).set_roles(&acme, &mia, &["member"]).await.expect("changed");
        world.server_mut().kill9();
        world.server_mut().restart().await;
        world.may(&mia, &acme, "billing.view").await.denied_for(Reason::NotGranted);
        world.may(&ada, &acme, "billing.view").await.allowed_by(Reason::Role);
    }
}

/// AddMember as a stream that ends when the sender of `requests` is dropped.
async fn add_member(
    channel: mandate_tests::Authorized,
    requests: mpsc::Receiver<AddMemberRequest>,
) -> Result<AddMemberResponse, tonic::Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.map_err(|error| tonic::Status::unknown(error.to_string()))?;
    let path = PathAndQuery::from_static("/mandate.v1.MembershipService/AddMember");
    let codec = tonic_prost::ProstCodec::default();
    let answer = client.client_streaming(Request::new(ReceiverStream::new(requests)), path, codec).await?;
    Ok(answer.into_inner())
}

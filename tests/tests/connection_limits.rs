//! What one connection may be: how large its messages and headers, how long it lasts, and when it is idle.

use std::time::Duration;

use mandate_client::Client;
use mandate_proto::v1::watched_change::Change;
use mandate_proto::v1::{CreateAccountRequest, CreateUserRequest, ListUsersRequest, RefreshTokenRequest};
use mandate_tests::expect::assert_refused;
use mandate_tests::world::watching_all;
use mandate_tests::{Engine, Fixture, Scrape, Server, World, on_both_engines};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Status};

/// Long enough for a loaded machine, and less than any limit that is not set.
const SOON: Duration = Duration::from_secs(30);

/// Types of frames: RFC 9113, section 6.
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

async fn world(engine: Engine, arguments: &[&str]) -> World {
    let builder = arguments.iter().fold(Server::builder(engine), |builder, one| builder.argument(one));
    World::on(builder.start().await)
}

macro_rules! started_with {
    ($name:ident, $($argument:literal),+) => {
        struct $name(World);

        impl Fixture for $name {
            async fn prepare(engine: Engine) -> Self {
                Self(world(engine, &[$($argument),+]).await)
            }
        }
    };
}

started_with!(Small, "--connection-max-message", "64KiB", "--connection-max-headers", "32KiB");
started_with!(ShortIdle, "--connection-idle", "1s", "--connection-keep-alive", "1s");
started_with!(ShortAge, "--connection-max-age", "1s");
started_with!(ShortGrace, "--connection-max-age", "1s", "--connection-age-grace", "1s");
started_with!(KeepsAlive, "--connection-keep-alive", "1s", "--connection-keep-alive-timeout", "1s");
started_with!(Lenient, "--token-leeway", "300", "--facts-memory", "64MiB", "--metrics-listen", "127.0.0.1:0");

/// A connection that speaks HTTP/2 by hand, so that nothing opens another one behind the test's back.
struct Raw(TcpStream);

impl Raw {
    async fn open(server: &Server) -> Self {
        let mut stream = TcpStream::connect(server.address()).await.expect("a connection");
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.expect("a preface");
        stream.write_all(&[0, 0, 0, SETTINGS, 0, 0, 0, 0, 0]).await.expect("settings");
        Self(stream)
    }

    /// The next frame's type, flags and payload; `None` at the end of the connection.
    async fn frame(&mut self) -> Option<(u8, u8, Vec<u8>)> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).await.ok()?;
        Some((head[3], head[4], payload))
    }

    async fn answer_ping(&mut self, payload: &[u8]) {
        self.0.write_all(&[0, 0, 8, PING, 1, 0, 0, 0, 0]).await.expect("a head");
        self.0.write_all(payload).await.expect("a ping's answer");
    }

    /// Answers pings until the connection is asked to end and ends; whether it was asked, and how many pings there were.
    async fn until_it_ends(&mut self) -> (bool, usize) {
        let (mut asked, mut pings) = (false, 0);
        let ended = tokio::time::timeout(SOON, async {
            while let Some((kind, flags, payload)) = self.frame().await {
                match (kind, flags) {
                    (GOAWAY, _) => asked = true,
                    (PING, 0) => {
                        pings += 1;
                        self.answer_ping(&payload).await;
                    }
                    _ => {}
                }
            }
        });
        ended.await.expect("the connection ends in time");
        (asked, pings)
    }
}

fn named(name: &str) -> CreateUserRequest {
    CreateUserRequest { display_name: name.to_owned(), ..Default::default() }
}

/// A call, made again where the client itself did not send it: tonic's notices that a connection is to end by a call that
/// finds it so.
async fn sent<T>(call: impl AsyncFn() -> Result<T, Status>) -> T {
    for _ in 0..10 {
        match call().await {
            Err(status) if status.code() == Code::Cancelled && status.details().is_empty() => {}
            answer => return answer.expect("answered"),
        }
    }
    panic!("a call was not sent ten times");
}

on_both_engines! {
    async fn a_message_and_headers_have_a_size(small: Small) {
        let Small(world) = &small;
        let create = |name: usize| CreateUserRequest {
            email: "ada@example.com".to_owned(),
            display_name: "x".repeat(name),
            ..Default::default()
        };
        let too_large = world.operator().identity().create_user(create(70_000)).await;
        let status = assert_refused(too_large, Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
        assert!(status.message().contains("64KiB"), "{}", status.message());
        let long = world.operator().identity().create_user(create(60_000)).await;
        assert_refused(long, Code::InvalidArgument, "INVALID_FIELDS");

        let with_header = |length: usize| {
            let mut request = Request::new(create(3));
            let value = MetadataValue::try_from("x".repeat(length)).expect("a header");
            request.metadata_mut().insert("x-large", value);
            request
        };
        let refused = world.operator().identity().create_user(with_header(40_000)).await;
        assert!(refused.is_err(), "{refused:?}");
        // By default it would be too large.
        world.operator().identity().create_user(with_header(20_000)).await.expect("created");
    }

    /// Pings keep nothing from being idle; whoever makes calls finds another connection.
    async fn an_idle_connection_is_asked_to_end(idle: ShortIdle) {
        let ShortIdle(world) = &idle;
        let (asked, pings) = Raw::open(world.server()).await.until_it_ends().await;
        assert!(asked && pings > 0, "asked: {asked}, pings: {pings}");
        // By now the connection of this call's channel is gone as well.
        sent(async || world.service(&["users.read"]).identity().list_users(ListUsersRequest::default()).await).await;
    }

    /// Calls that are open go on, and new ones find another connection.
    async fn an_old_connection_is_asked_to_end_and_what_is_open_goes_on(old: ShortAge) {
        let ShortAge(world) = &old;
        let ada = sent(async || {
            let request = CreateUserRequest { email: "ada@example.com".to_owned(), ..named("Ada") };
            world.operator().identity().create_user(request).await
        });
        let ada = ada.await.into_inner().user.expect("Ada");
        let request = async || world.service(&["authz.watch"]).watch(watching_all("")).await;
        let mut watch = sent(request).await;
        watch.next().await.expect("at once");
        let (asked, _) = Raw::open(world.server()).await.until_it_ends().await;
        assert!(asked);
        // The stream's own connection is as old.
        let create = CreateAccountRequest { policy: "organization".to_owned(), display_name: "Acme".to_owned(), ..Default::default() };
        sent(async || world.by(&ada).create_account(create.clone()).await).await;
        watch.until(|change| matches!(change, Change::ChangedAccount(_))).await;
    }

    async fn what_goes_on_after_its_time_is_broken_off(old: ShortGrace) {
        let ShortGrace(world) = &old;
        let mut watch = world.service(&["authz.watch"]).watch(watching_all("")).await.expect("watches");
        watch.next().await.expect("at once");
        let (_, status) = tokio::time::timeout(SOON, watch.end()).await.expect("broken off in time");
        assert_ne!(status.code(), Code::Ok);
    }

    async fn who_does_not_answer_pings_is_gone(keeps: KeepsAlive) {
        let KeepsAlive(world) = &keeps;
        let mut raw = Raw::open(world.server()).await;
        let mut pings = 0;
        let ended = tokio::time::timeout(SOON, async {
            while let Some((kind, flags, _)) = raw.frame().await {
                pings += usize::from((kind, flags) == (PING, 0));
            }
        });
        ended.await.expect("the connection ends in time");
        assert_eq!(pings, 1);
    }

    async fn a_token_is_good_for_a_while_longer_and_memory_is_what_it_was_told(lenient: Lenient) {
        let Lenient(world) = &lenient;
        let ada = world.person("Ada").await;
        let token = world.server().short_token(&ada.id, Duration::from_secs(1));
        tokio::time::sleep(Duration::from_secs(3)).await;
        let request = mandate_proto::v1::GetUserRequest::default();
        world.with_token(&token).identity().get_user(request).await.expect("within the leeway");
        let scrape = Scrape::of(world.server().metrics()).await;
        let capacity: f64 = scrape
            .samples()
            .filter(|(series, _)| series.0 == "mandate_facts_bytes_limit")
            .map(|(_, value)| value)
            .sum();
        let told = f64::from(64 << 20);
        assert!(capacity > told / 2.0 && capacity <= told * 1.25, "{capacity}");
    }
}

/// Calls that never left, because their connection was asked to end just then, are sent again: even those that must not happen
/// twice, such as this one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_sends_again_what_it_had_not_sent() {
    let ShortAge(world) = ShortAge::prepare(Engine::Sqlite).await;
    let url = format!("http://{}", world.server().address());
    let client = Client::builder(url).connections(1).build().expect("a client");
    let end = tokio::time::Instant::now() + Duration::from_secs(4);
    while tokio::time::Instant::now() < end {
        let request = RefreshTokenRequest { refresh_token: "nobody's".to_owned() };
        let status = client.send(request).await.expect_err("refused");
        assert_ne!(status.code(), Code::Unavailable, "{status:?}");
    }
}

//! gRPC-Web, as a browser sends it: HTTP/1.1, asked for first by a preflight.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use mandate_proto::v1::{CheckRequest, CheckResponse, Subject, subject};
use mandate_testkit::{Mandate, Starter};
use mandate_tests::programs;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const PAGE: &str = "https://app.example.com";
const CHECK: &str = "/mandate.v1.AuthzService/Check";
const WORLD: &str = "
people: { ada: {} }
accounts: { shop: { policy: organization, first_user: ada } }
";

struct Reply {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

async fn start(arguments: &[&str]) -> Mandate {
    let mut starter = Starter::new(WORLD).program(programs::folder().join("mandate"));
    for argument in arguments {
        starter = starter.argument(*argument);
    }
    starter.start().await.unwrap_or_else(|error| panic!("{error}"))
}

/// Sends a request and reads the answer until the server hangs up.
async fn send(address: SocketAddr, head: &str, body: &[u8]) -> Option<Reply> {
    let mut socket = TcpStream::connect(address).await.expect("somebody listens");
    let length = body.len();
    let head = format!("{head}Host: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    // Whoever has heard enough may have hung up.
    let _ = socket.write_all(&[head.as_bytes(), body].concat()).await;
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.split(' ').next()?.parse().ok()?;
    let field =
        |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    Some(Reply { status, headers: lines.filter_map(field).collect(), body: answer[end + 4..].to_vec() })
}

async fn preflight(address: SocketAddr, origin: &str) -> Reply {
    let head = format!(
        "OPTIONS {CHECK} HTTP/1.1\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: POST\r\n\
         Access-Control-Request-Headers: authorization,content-type,x-grpc-web\r\n"
    );
    send(address, &head, b"").await.expect("an answer")
}

/// A message as gRPC frames it.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a small message").to_be_bytes();
    [&[0], length.as_slice(), message].concat()
}

/// The chunks of a body put together, and then its frames: flags and what they hold.
fn frames(reply: &Reply) -> Vec<(u8, Vec<u8>)> {
    let mut bytes = reply.body.as_slice();
    let mut whole = Vec::new();
    if reply.headers.get("transfer-encoding").is_some_and(|encoding| encoding == "chunked") {
        while let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") {
            let size = usize::from_str_radix(&String::from_utf8_lossy(&bytes[..end]), 16).expect("a size");
            whole.extend_from_slice(&bytes[end + 2..end + 2 + size]);
            bytes = &bytes[end + 2 + size + 2..];
            if size == 0 {
                break;
            }
        }
    } else {
        whole.extend_from_slice(bytes);
    }
    let (mut frames, mut rest) = (Vec::new(), whole.as_slice());
    while let Some((head, tail)) = rest.split_first_chunk::<5>() {
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        frames.push((head[0], tail[..length].to_vec()));
        rest = &tail[length..];
    }
    frames
}

async fn check(world: &Mandate, token: &str, origin: &str) -> Option<Reply> {
    let question = CheckRequest {
        account: world.account("shop").to_owned(),
        subject: Some(Subject { subject: Some(subject::Subject::User(world.user("ada").to_owned())) }),
        permission: "users.view".to_owned(),
        ..Default::default()
    };
    let head = format!(
        "POST {CHECK} HTTP/1.1\r\nOrigin: {origin}\r\nContent-Type: application/grpc-web+proto\r\nX-Grpc-Web: 1\r\n\
         Authorization: Bearer {token}\r\n"
    );
    send(world.address(), &head, &framed(&question.encode_to_vec())).await
}

#[tokio::test]
async fn a_page_of_a_named_origin_may_call() {
    let world = start(&["--grpc-web-origins", "https://other.example.com,https://app.example.com"]).await;
    let allowed = preflight(world.address(), PAGE).await;
    assert_eq!((allowed.status, allowed.headers["access-control-allow-origin"].as_str()), (200, PAGE));
    let headers = allowed.headers["access-control-allow-headers"].to_lowercase();
    assert!(headers.contains("authorization") && headers.contains("x-grpc-web"), "{headers}");
    assert_eq!(allowed.headers["access-control-allow-methods"], "POST");

    let reply = check(&world, world.service_token("backend"), PAGE).await.expect("an answer");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.headers["content-type"], "application/grpc-web+proto");
    assert_eq!(reply.headers["access-control-allow-origin"], PAGE);
    assert!(reply.headers["access-control-expose-headers"].contains("grpc-status-details-bin"));
    let frames = frames(&reply);
    let [(0, message), (0x80, trailers)] = frames.as_slice() else { panic!("{frames:?}") };
    assert!(CheckResponse::decode(message.as_slice()).expect("an answer").allowed);
    assert!(String::from_utf8_lossy(trailers).contains("grpc-status:0"), "{trailers:?}");

    // A refusal has no message: its status is told in the header, which the page may read.
    let refused = check(&world, "no token", PAGE).await.expect("an answer");
    assert_eq!(refused.headers["grpc-status"], "16");
}

#[tokio::test]
async fn pages_of_other_origins_may_not() {
    let world = start(&["--grpc-web-origins", PAGE]).await;
    let refused = preflight(world.address(), "https://evil.example.com").await;
    assert!(!refused.headers.contains_key("access-control-allow-origin"), "{:?}", refused.headers);
    // What is no gRPC-Web is nothing that is known here.
    let plain = send(world.address(), "GET / HTTP/1.1\r\n", b"").await.expect("an answer");
    assert_eq!(plain.status, 400);
    // Native calls go on as ever on the same port.
    let backend = world.service("backend");
    let ada = mandate_client::Subject::user(world.user("ada"));
    let on = mandate_client::On::account(world.account("shop"));
    assert!(backend.check(ada, "users.view", on).await.is_allowed());
}

#[tokio::test]
async fn it_is_off_unless_somebody_asks_for_it() {
    let world = start(&[]).await;
    let token = world.service_token("backend").to_owned();
    assert!(check(&world, &token, PAGE).await.is_none(), "HTTP/1.1 is answered");
    let (code, _, all) =
        programs::run(std::process::Command::new(programs::folder().join("mandate")).args([
            "serve",
            "--ephemeral",
            "--grpc-web-origins",
            "*",
        ]));
    assert_eq!(code, Some(2), "{all}");
    assert!(all.contains("is no origin"), "{all}");
}

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{ISSUER, TestClock, TestKey, claims, load};
use crate::auth::{AuthError, Issuers, RefreshTimes, Verifier};

/// A login service on this machine that publishes what the test says.
struct KeyServer {
    url: String,
    answer: Arc<Mutex<String>>,
    requests: Arc<AtomicUsize>,
    _task: JoinSet<()>,
}

impl KeyServer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let answer = Arc::new(Mutex::new(String::new()));
        let requests = Arc::new(AtomicUsize::new(0));
        let mut task = JoinSet::new();
        let (answers, counter) = (Arc::clone(&answer), Arc::clone(&requests));
        task.spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let answer = answers.lock().unwrap().clone();
                counter.fetch_add(1, Ordering::SeqCst);
                respond(connection, &answer).await;
            }
        });
        let server = Self { url, answer, requests, _task: task };
        server.says("404 Not Found", "");
        server
    }

    fn says(&self, status: &str, body: &str) {
        let length = body.len();
        *self.answer.lock().unwrap() =
            format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    }

    fn publishes(&self, keys: &[(&TestKey, &str)]) {
        let keys: Vec<_> = keys.iter().map(|(key, kid)| key.jwk(kid)).collect();
        self.says("200 OK", &json!({ "keys": keys }).to_string());
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    fn issuers(&self) -> Issuers {
        let folder = tempfile::tempdir().unwrap();
        let url = &self.url;
        let text = format!(
            "[[issuer]]\nissuer = \"{ISSUER}\"\naudience = \"mandate\"\nkeys = {{ jwks_url = \"{url}\" }}"
        );
        load(folder.path(), &text).unwrap()
    }

    fn verifier(&self) -> Verifier {
        TestClock::new().verifier(self.issuers())
    }
}

/// Reads a request's head and answers it, closing the connection.
async fn respond(mut connection: TcpStream, answer: &str) {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        match connection.read(&mut buffer).await {
            Ok(length) if length > 0 => head.extend_from_slice(&buffer[..length]),
            _ => return,
        }
    }
    let _ = connection.write_all(answer.as_bytes()).await;
    let _ = connection.shutdown().await;
}

/// Fetches when asked, at most every ten milliseconds, else hourly.
const PROMPT: RefreshTimes = RefreshTimes {
    interval: Duration::from_secs(3600),
    least_gap: Duration::from_millis(10),
    timeout: Duration::from_secs(10),
};

/// Polls until `done`, for at most half a minute.
async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within half a minute: {what}");
}

#[tokio::test]
async fn keys_are_fetched_at_start() {
    let server = KeyServer::start().await;
    let key = TestKey::ed25519();
    server.publishes(&[(&key, "1")]);
    let verifier = server.verifier();
    let token = key.token_with_kid("1", &claims());
    assert_eq!(verifier.verify(&token), Err(AuthError::KeysUnavailable));
    let _refresh = verifier.keep_keys_fresh(PROMPT).await;
    assert!(verifier.verify(&token).is_ok());
}

#[tokio::test]
async fn an_unknown_kid_brings_new_keys_and_old_ones_are_forgotten() {
    let server = KeyServer::start().await;
    let (old, new) = (TestKey::ed25519(), TestKey::p256());
    server.publishes(&[(&old, "old")]);
    let verifier = server.verifier();
    let _refresh = verifier.keep_keys_fresh(PROMPT).await;
    let old_token = old.token_with_kid("old", &claims());
    assert!(verifier.verify(&old_token).is_ok());

    server.publishes(&[(&new, "new")]);
    let new_token = new.token_with_kid("new", &claims());
    assert_eq!(verifier.verify(&new_token), Err(AuthError::UnknownKey));
    eventually("the new key", || verifier.verify(&new_token).is_ok()).await;
    assert_eq!(verifier.verify(&old_token), Err(AuthError::UnknownKey));
}

#[tokio::test]
async fn keys_survive_an_issuer_that_is_down() {
    let server = KeyServer::start().await;
    let key = TestKey::ed25519();
    server.publishes(&[(&key, "1")]);
    let verifier = server.verifier();
    let _refresh = verifier.keep_keys_fresh(PROMPT).await;
    let token = key.token_with_kid("1", &claims());
    let unknown = key.token_with_kid("2", &claims());
    // Good keys, but of another place and of another size than may be.
    let stranger = json!({"keys": [TestKey::ed25519().jwk("3")], "padding": "a".repeat(300 * 1024)});
    let huge = stranger.to_string();
    let other_server = KeyServer::start().await;
    other_server.publishes(&[(&TestKey::ed25519(), "3")]);
    let elsewhere = format!("302 Found\r\nlocation: {}", other_server.url);
    for (status, body) in [
        ("500 Internal Server Error", ""),
        ("200 OK", "not json"),
        ("200 OK", "{\"keys\": []}"),
        ("200 OK", &huge),
        (&elsewhere, ""),
    ] {
        server.says(status, body);
        let before = server.requests();
        assert_eq!(verifier.verify(&unknown), Err(AuthError::UnknownKey));
        // Two more: the answer to the first one has been dealt with when the second is asked for.
        for more in 1..=2 {
            eventually("another fetch", || {
                let _ = verifier.verify(&unknown);
                server.requests() >= before + more
            })
            .await;
        }
        assert!(verifier.verify(&token).is_ok(), "{status}");
        assert!(verifier.verify(&key.token(&claims())).is_ok(), "{status}");
    }
}

#[tokio::test]
async fn a_server_starts_while_the_issuer_is_down_and_recovers() {
    let server = KeyServer::start().await;
    let key = TestKey::ed25519();
    let verifier = server.verifier();
    let _refresh = verifier.keep_keys_fresh(PROMPT).await;
    assert_eq!(server.requests(), 1);
    let token = key.token_with_kid("1", &claims());
    let error = verifier.verify(&token).unwrap_err();
    assert_eq!(error.reason(), "TOKEN_KEYS_UNAVAILABLE");
    server.publishes(&[(&key, "1")]);
    eventually("the first keys", || verifier.verify(&token).is_ok()).await;
}

#[tokio::test]
async fn tokens_cannot_make_the_server_fetch_more_often() {
    let server = KeyServer::start().await;
    let key = TestKey::ed25519();
    server.publishes(&[(&key, "1")]);
    let verifier = server.verifier();
    let rare = RefreshTimes { least_gap: Duration::from_secs(3600), ..PROMPT };
    let _refresh = verifier.keep_keys_fresh(rare).await;
    for round in 0..50 {
        let unknown = key.token_with_kid(&format!("unknown-{round}"), &claims());
        assert_eq!(verifier.verify(&unknown), Err(AuthError::UnknownKey));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_fetch_that_hangs_does_not_hold_up_the_start() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let text = format!(
        "[[issuer]]\nissuer = \"{ISSUER}\"\naudience = \"mandate\"\nkeys = {{ jwks_url = \"{url}\" }}"
    );
    let verifier = TestClock::new().verifier(load(folder.path(), &text).unwrap());
    let times = RefreshTimes { timeout: Duration::from_millis(50), ..RefreshTimes::default() };
    // The listener accepts nothing: the connection waits in its backlog until the fetch gives up.
    let refresh = tokio::time::timeout(Duration::from_secs(30), verifier.keep_keys_fresh(times));
    assert!(refresh.await.is_ok());
    let token = TestKey::ed25519().token(&claims());
    assert_eq!(verifier.verify(&token), Err(AuthError::KeysUnavailable));
}

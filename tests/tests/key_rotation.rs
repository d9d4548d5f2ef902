//! An issuer's signing key is exchanged while calls are made with its tokens.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mandate_proto::v1::authz_service_client::AuthzServiceClient;
use mandate_proto::v1::{CheckRequest, Subject, subject};
use mandate_tests::jwt::{TokenKey, claims, with};
use mandate_tests::{Bearer, Engine, Server, World, poll};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const ISSUER: &str = "https://login.example.com/";

/// Long enough for a loaded machine, and for the least time between two fetches.
const SOON: Duration = Duration::from_secs(60);

/// What the issuer publishes, and how often it was asked.
#[derive(Clone, Default)]
struct Published {
    keys: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

impl Published {
    fn set(&self, keys: &[(&TokenKey, &str)]) {
        let keys: Vec<_> = keys.iter().map(|(key, kid)| key.jwk(kid)).collect();
        *self.keys.lock().expect("whole") = json!({ "keys": keys }).to_string();
    }

    /// Publishes them on a port of this machine, and tells where.
    async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/jwks.json", listener.local_addr().expect("its address"));
        let published = self.clone();
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let mut head = [0; 4096];
                let _ = connection.read(&mut head).await;
                let keys = published.keys.lock().expect("whole").clone();
                published.asked.fetch_add(1, Ordering::SeqCst);
                let length = keys.len();
                let head =
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
                let _ = connection.write_all((head + &keys).as_bytes()).await;
                let _ = connection.shutdown().await;
            }
        });
        url
    }
}

/// The issuer publishes its new key and signs with it in the same moment. No call fails: the first ones wait for the key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signing_key_rotates_under_load_without_a_failed_call() {
    let (old, new) = (TokenKey::ed25519(), TokenKey::ed25519());
    let published = Published::default();
    published.set(&[(&old, "old")]);
    let url = published.serve().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("issuers.toml");
    let issuer = format!(
        "[[issuer]]\nissuer = \"{ISSUER}\"\naudience = \"mandate\"\nkeys = {{ jwks_url = \"{url}\" }}\n\
         callers = [\"service\"]\n"
    );
    std::fs::write(&file, issuer).expect("a file");
    let world = World::on(Server::builder(Engine::Sqlite).issuers(&file).start().await);
    let started = tokio::time::Instant::now();
    let ada = world.person("Ada").await;
    let acme = world.account("organization", &ada).await;
    let request = CheckRequest {
        account: acme.id.clone(),
        subject: Some(Subject { subject: Some(subject::Subject::User(ada.id.clone())) }),
        permission: "users.view".to_owned(),
        ..Default::default()
    };
    let claims = with(claims(ISSUER, "mandate", "backend"), "scope", "authz.check");
    let token = Arc::new(Mutex::new(old.sign_as("old", &claims)));
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (stop, answered, token) = (Arc::clone(&stop), Arc::clone(&answered), Arc::clone(&token));
            let (channel, request) = (world.server().channel(), request.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let bearer = Bearer::new(&token.lock().expect("whole").clone());
                    let answer =
                        AuthzServiceClient::new(bearer.on(channel.clone())).check(request.clone()).await;
                    assert!(answer.expect("no call fails").into_inner().allowed);
                    answered.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
        })
        .collect();
    let goes_on = async || {
        let before = answered.load(Ordering::Relaxed);
        let more = poll::until(SOON, async || {
            let ended = callers.iter().any(tokio::task::JoinHandle::is_finished);
            (ended || answered.load(Ordering::Relaxed) > before + 40).then_some(())
        });
        more.await.expect("calls go on");
    };
    goes_on().await;
    // Keys are fetched every 10 seconds at the most, whatever tokens ask for; an issuer that exchanges them sooner than that
    // after a server has started publishes them before it signs with them.
    tokio::time::sleep_until(started + Duration::from_secs(11)).await;
    published.set(&[(&old, "old"), (&new, "new")]);
    *token.lock().expect("whole") = new.sign_as("new", &claims);
    goes_on().await;
    assert_eq!(published.asked.load(Ordering::SeqCst), 2, "one fetch was enough for all of them");
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.expect("no call failed");
    }
}

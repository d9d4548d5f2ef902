//! A signing key is exchanged while calls are made with its tokens: an issuer's, and the server's own.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mandate_proto::v1::authz_service_client::AuthzServiceClient;
use mandate_proto::v1::{CheckRequest, GetPublicKeysRequest, Subject, subject};
use mandate_tests::jwt::{TokenKey, claims, with};
use mandate_tests::{Bearer, Engine, Server, World, poll};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::Code;
use tonic::transport::Channel;

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

/// Somebody's question, and those who ask it all the time with whatever token is good now.
struct Callers {
    token: Arc<Mutex<String>>,
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<()>>,
}

async fn check(channel: Channel, token: &str, request: CheckRequest) -> Result<bool, Code> {
    let mut client = AuthzServiceClient::new(Bearer::new(token).on(channel));
    client.check(request).await.map(|answer| answer.into_inner().allowed).map_err(|status| status.code())
}

async fn question(world: &World) -> CheckRequest {
    let ada = world.person("Ada").await;
    let acme = world.account("organization", &ada).await;
    CheckRequest {
        account: acme.id.clone(),
        subject: Some(Subject { subject: Some(subject::Subject::User(ada.id.clone())) }),
        permission: "users.view".to_owned(),
        ..Default::default()
    }
}

impl Callers {
    fn start(world: &World, request: &CheckRequest, token: String) -> Self {
        let token = Arc::new(Mutex::new(token));
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let task = |_| {
            let (stop, answered, token) = (Arc::clone(&stop), Arc::clone(&answered), Arc::clone(&token));
            let (channel, request) = (world.server().channel(), request.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let token = token.lock().expect("whole").clone();
                    assert_eq!(
                        check(channel.clone(), &token, request.clone()).await,
                        Ok(true),
                        "no call fails"
                    );
                    answered.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
        };
        let tasks = (0..4).map(task).collect();
        Self { token, stop, answered, tasks }
    }

    fn go_on_with(&self, token: String) {
        *self.token.lock().expect("whole") = token;
    }

    /// Waits for some more answers.
    async fn go_on(&self) {
        let before = self.answered.load(Ordering::Relaxed);
        let more = poll::until(SOON, async || {
            let ended = self.tasks.iter().any(JoinHandle::is_finished);
            (ended || self.answered.load(Ordering::Relaxed) > before + 40).then_some(())
        });
        more.await.expect("calls go on");
    }

    async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.expect("no call failed");
        }
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
    let request = question(&world).await;
    let claims = with(claims(ISSUER, "mandate", "backend"), "scope", "authz.check");
    let callers = Callers::start(&world, &request, old.sign_as("old", &claims));
    callers.go_on().await;
    // Keys are fetched every 10 seconds at the most, whatever tokens ask for; an issuer that exchanges them sooner than that
    // after a server has started publishes them before it signs with them.
    tokio::time::sleep_until(started + Duration::from_secs(11)).await;
    published.set(&[(&old, "old"), (&new, "new")]);
    callers.go_on_with(new.sign_as("new", &claims));
    callers.go_on().await;
    assert_eq!(published.asked.load(Ordering::SeqCst), 2, "one fetch was enough for all of them");
    callers.end().await;
}

/// `mandate signing-key` with these arguments, on the server's own file; what it prints.
fn signing_key(world: &World, arguments: &[&str]) -> String {
    let mut command = world.server().command("signing-key");
    let done =
        command.args(arguments).arg("--data-dir").arg(world.server().data_dir()).output().expect("it runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("text").trim().to_owned()
}

/// Waits until the server publishes these keys of its own, in this order.
async fn until_published(world: &World, kids: &[&str]) {
    world.server().hang_up();
    let published = poll::until(SOON, async || {
        let keys =
            world.anybody().get_public_keys(GetPublicKeysRequest {}).await.expect("keys").into_inner().keys;
        (keys.iter().map(|key| key.kid.as_str()).collect::<Vec<_>>() == kids).then_some(())
    });
    published.await.expect("they are published");
}

/// The server's own key is exchanged in three steps, and a key that is added, used or removed ends no call but those of the
/// removed one's tokens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_servers_own_key_rotates_under_load_without_a_failed_call() {
    const LONG: Duration = Duration::from_secs(3600);
    let world = World::on(Server::start(Engine::Sqlite).await);
    let request = question(&world).await;
    let minted = || world.server().short_service_token("authz.check", LONG);
    let by_old = minted();
    let callers = Callers::start(&world, &request, by_old.clone());
    callers.go_on().await;
    let old = signing_key(&world, &["list"]);
    let new = signing_key(&world, &["add"]);
    until_published(&world, &[&old, &new]).await;
    callers.go_on().await;
    signing_key(&world, &["use", &new]);
    // Whoever mints beside the server may be ahead of it: it knows the key already.
    let by_new = minted();
    callers.go_on_with(by_new.clone());
    callers.go_on().await;
    until_published(&world, &[&new, &old]).await;
    callers.go_on().await;
    assert_eq!(
        check(world.server().channel(), &by_old, request.clone()).await,
        Ok(true),
        "the old one stays good"
    );
    signing_key(&world, &["remove", &old]);
    until_published(&world, &[&new]).await;
    let refused = check(world.server().channel(), &by_old, request.clone()).await;
    assert_eq!(refused, Err(Code::Unauthenticated));
    assert_eq!(check(world.server().channel(), &by_new, request.clone()).await, Ok(true));
    callers.go_on().await;
    callers.end().await;

    // What is no key changes nothing.
    let file = world.server().data_dir().join("signing-key.pem");
    let whole = std::fs::read(&file).expect("a key");
    std::fs::write(&file, &whole[..whole.len() / 2]).expect("half a key");
    world.server().hang_up();
    let told =
        poll::until(SOON, async || world.server().log().contains("those before stay in force").then_some(()));
    told.await.expect("the log tells");
    assert_eq!(check(world.server().channel(), &by_new, request).await, Ok(true));
}

//! Certificates that change while calls are made.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use mandate_client::Client;
use mandate_tests::certificates::{authority, certificate};
use mandate_tests::{Server, poll};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::{Files, Owner, SOON, told, write_secret};

/// The certificate that a new connection is shown, in PEM.
async fn shown(files: &Files, server: &Server) -> CertificateDer<'static> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(files.root.pem().as_bytes()).expect("PEM")).expect("a root");
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(server.address()).await.expect("a connection");
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake");
    let (_, session) = stream.get_ref();
    session.peer_certificates().expect("certificates").first().expect("its own").clone().into_owned()
}

async fn is_shown(files: &Files, server: &Server, certificate: &str) {
    let wanted = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("PEM");
    let there = poll::until(SOON, async || (shown(files, server).await == wanted).then_some(())).await;
    there.expect("new connections are shown the new certificate");
}

/// Checks over a connection that lasts, and over a new one each time, until it is told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    fresh: Arc<AtomicUsize>,
    lasting: Arc<AtomicUsize>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn start(owner: Owner, lasting: Client, fresh: impl Fn() -> Client + Send + 'static) -> Self {
        let (stop, owner) = (Arc::new(AtomicBool::new(false)), Arc::new(owner));
        let (counted_lasting, counted_fresh) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let asks = |count: &Arc<AtomicUsize>, client: Box<dyn Fn() -> Client + Send>| {
            let (stop, owner, count) = (Arc::clone(&stop), Arc::clone(&owner), Arc::clone(count));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    // Once each: what is sent again would hide what failed.
                    owner.asked_once(&client()).await;
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        let tasks = vec![
            asks(&counted_lasting, Box::new(move || lasting.clone())),
            asks(&counted_fresh, Box::new(fresh)),
        ];
        Self { stop, fresh: counted_fresh, lasting: counted_lasting, tasks }
    }

    /// Some more calls of either kind have been answered.
    async fn goes_on(&self) {
        let counts = || (self.lasting.load(Ordering::Relaxed), self.fresh.load(Ordering::Relaxed));
        let before = counts();
        let more = async || {
            let now = counts();
            (now.0 > before.0 + 20 && now.1 > before.1 + 3
                || self.tasks.iter().any(|task| task.is_finished()))
            .then_some(())
        };
        poll::until(SOON, more).await.expect("calls go on");
    }

    /// Panics where a call failed.
    async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.expect("no call failed");
        }
    }
}

impl Owner {
    async fn asked_once(&self, client: &Client) {
        use mandate_client::v1::authz_service_client::AuthzServiceClient;
        use mandate_client::v1::{CheckRequest, Subject, subject};
        let subject = Some(Subject { subject: Some(subject::Subject::User(self.user.clone())) });
        let (account, permission) = (self.account.clone(), "users.view".to_owned());
        let request = CheckRequest { account, subject, permission, ..Default::default() };
        let answer = AuthzServiceClient::new(client.channel()).check(request).await.expect("answered");
        assert!(answer.into_inner().allowed);
    }
}

/// However the files are exchanged, not one call fails; connections live on, and new ones see the new certificate.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_rotate_under_load_without_a_failed_call() {
    let files = Files::new();
    // As Kubernetes keeps secrets: links to a folder that a link points to, which is turned.
    let version = |number: usize| {
        let folder = files.path(&format!("version-{number}"));
        fs::create_dir(&folder).expect("a folder");
        let (certificate, key) = certificate(&files.root, &["127.0.0.1"], "the server");
        write_secret(&folder.join("tls.crt"), &certificate);
        write_secret(&folder.join("tls.key"), &key);
        symlink(&folder, files.path("data.new")).expect("a link");
        fs::rename(files.path("data.new"), files.path("data")).expect("turned");
        certificate
    };
    version(0);
    let argument = |name| files.path("data").join(name);
    let server = Server::builder(mandate_tests::Engine::Sqlite)
        .argument("--tls-certificate")
        .argument(argument("tls.crt"))
        .argument("--tls-key")
        .argument(argument("tls.key"))
        .argument("--tls-reload-interval")
        .argument("0.3")
        .argument("--metrics-listen")
        .argument("127.0.0.1:0")
        .start()
        .await;
    let owner = Owner::new(&files, &server).await;
    let (token, root) = (server.token("backend", &["authz.check"]), files.root.pem());
    let url = format!("https://{}", server.address());
    let client = move || {
        let token = mandate_client::TokenSource::fixed(token.clone());
        Client::builder(url.clone()).connections(1).token(token).ca(&root).build().expect("a client")
    };
    let load = Load::start(owner, client(), client);
    for number in 1..=4 {
        load.goes_on().await;
        let certificate = version(number);
        is_shown(&files, &server, &certificate).await;
    }
    // Key and certificate by themselves, one after the other.
    let (certificate, key) = certificate(&files.root, &["127.0.0.1"], "the server");
    write_secret(&argument("tls.key"), &key);
    load.goes_on().await;
    write_secret(&argument("tls.crt"), &certificate);
    is_shown(&files, &server, &certificate).await;
    load.goes_on().await;
    load.stop().await;
    let loaded = told(&server, "mandate_tls_reloads_total", &[("outcome", "loaded")]).await;
    assert!(loaded >= 5.0, "{loaded}");
    assert_eq!(told(&server, "mandate_tls_reload_failed", &[]).await, 0.0);
}

/// What is broken stays out, is told once, and what was in force goes on until there is something better.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_files_keep_what_was_in_force() {
    let files = Files::new();
    // Only when it is told.
    let server = files.server().argument("--tls-reload-interval").argument("3600").start().await;
    let owner = Owner::new(&files, &server).await;
    let before = shown(&files, &server).await;
    let (renewed, key) = certificate(&files.root, &["127.0.0.1"], "the server");
    for (number, (certificate, key)) in
        [(&renewed[..renewed.len() / 2], key.as_str()), (&renewed, "no key"), (&files.root.pem(), &key)]
            .into_iter()
            .enumerate()
    {
        files.write("tls.crt", certificate);
        files.write("tls.key", key);
        server.hang_up();
        let kept = number as f64 + 1.0;
        let told = poll::until(SOON, async || {
            (told(&server, "mandate_tls_reloads_total", &[("outcome", "kept")]).await == kept).then_some(())
        });
        told.await.expect("it is counted");
        assert_eq!(shown(&files, &server).await, before);
        owner.is_allowed(&files.client(&server).build().expect("a client")).await;
    }
    assert_eq!(told(&server, "mandate_tls_reload_failed", &[]).await, 1.0);
    files.write("tls.crt", &renewed);
    server.hang_up();
    is_shown(&files, &server, &renewed).await;
    assert_eq!(told(&server, "mandate_tls_reload_failed", &[]).await, 0.0);
    let log = server.log();
    assert_eq!(log.matches("changed TLS files cannot be used").count(), 3, "{log}");
    assert!(!log.contains("PRIVATE KEY-----\n"), "the log holds a key");
    // For Prometheus to warn of in time.
    let end = told(&server, "mandate_tls_expiry_timestamp_seconds", &[("file", "certificate")]).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    assert!(end > now.as_secs_f64() + 86_400.0, "{end}");
}

/// Who may connect changes with the authority's file; who is connected stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_callers_authority_is_exchanged_too() {
    let (files, old, new) = (Files::new(), authority("the old one"), authority("the new one"));
    let server = files.mutual(&old).argument("--tls-reload-interval").argument("3600").start().await;
    let by = |authority| {
        let (certificate, key) = certificate(authority, &[], "a backend");
        files.client(&server).identity(&certificate, &key).build().expect("a client")
    };
    let connected = by(&old);
    let owner = Owner::by(&connected, &server).await;
    owner.unanswered(&by(&new)).await;
    files.write("client-ca.pem", &new.pem());
    server.hang_up();
    let loaded = poll::until(SOON, async || {
        (told(&server, "mandate_tls_reloads_total", &[("outcome", "loaded")]).await == 1.0).then_some(())
    });
    loaded.await.expect("the new one is in force");
    owner.is_allowed(&by(&new)).await;
    owner.unanswered(&by(&old)).await;
    // A certificate that is taken from somebody ends no connection: their token does, and the age of a connection.
    owner.is_allowed(&connected).await;
    // Several at once, for as long as certificates of both are about.
    files.write("client-ca.pem", &(old.pem() + &new.pem()));
    server.hang_up();
    let both = poll::until(SOON, async || owner.check(&by(&old)).await.is_allowed().then_some(()));
    both.await.expect("both are believed");
    owner.is_allowed(&by(&new)).await;
}

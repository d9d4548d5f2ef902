//! Calls are encrypted, and both ends of a connection are who they say they are.

mod commands;
mod handshakes;
mod reload;
mod trust;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mandate_client::v1::{CreateAccountRequest, CreateUserRequest};
use mandate_client::{Builder, Client, Decision, On, Subject, TokenSource};
use mandate_tests::certificates::{Authority, authority, certificate};
use mandate_tests::{Engine, Scrape, Server, ServerBuilder};
use tempfile::TempDir;

/// Long enough for a loaded machine.
const SOON: Duration = Duration::from_secs(30);

/// The files of a server's certificate, key and authority of callers.
struct Files {
    folder: TempDir,
    root: Authority,
}

impl Files {
    /// A certificate for 127.0.0.1.
    fn new() -> Self {
        let files = Self { folder: tempfile::tempdir().expect("a folder"), root: authority("the root") };
        files.renew(&["127.0.0.1"]);
        files.write("root.pem", &files.root.pem());
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file that its owner alone can read.
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        write_secret(&path, text);
        path
    }

    /// Writes another certificate and key of the server's, and tells the certificate.
    fn renew(&self, hosts: &[&str]) -> String {
        let (certificate, key) = certificate(&self.root, hosts, "the server");
        self.write("tls.crt", &certificate);
        self.write("tls.key", &key);
        certificate
    }

    /// A server that shows the certificate.
    fn server(&self) -> ServerBuilder {
        Server::builder(Engine::Sqlite)
            .argument("--tls-certificate")
            .argument(self.path("tls.crt"))
            .argument("--tls-key")
            .argument(self.path("tls.key"))
            .argument("--metrics-listen")
            .argument("127.0.0.1:0")
    }

    /// A server that asks for certificates of this authority besides.
    fn mutual(&self, authority: &Authority) -> ServerBuilder {
        let file = self.write("client-ca.pem", &authority.pem());
        self.server().argument("--tls-client-ca").argument(file)
    }

    /// A client that believes the root.
    fn client(&self, server: &Server) -> Builder {
        client(server).ca(self.root.pem())
    }
}

fn write_secret(path: &Path, text: &str) {
    // Not in place: a file that others have open, or are about to read, is never seen half written.
    let new = path.with_extension("new");
    fs::write(&new, text).expect("a file");
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).expect("its mode");
    fs::rename(&new, path).expect("its name");
}

/// A client of a service that may ask, with one connection.
fn client(server: &Server) -> Builder {
    let token = server.token("backend", &["authz.check"]);
    Client::builder(format!("https://{}", server.address())).connections(1).token(TokenSource::fixed(token))
}

/// Somebody with an account.
struct Owner {
    user: String,
    account: String,
}

impl Owner {
    async fn new(files: &Files, server: &Server) -> Self {
        Self::by(&files.client(server).build().expect("a client"), server).await
    }

    async fn by(client: &Client, server: &Server) -> Self {
        let operator = TokenSource::fixed(server.token("operator", &["platform.operator"]));
        let request = CreateUserRequest {
            email: "ada@example.com".to_owned(),
            display_name: "Ada".to_owned(),
            ..Default::default()
        };
        let user =
            client.with_token(operator).send(request).await.expect("a user").user.expect("the user").id;
        let request = CreateAccountRequest {
            policy: "organization".to_owned(),
            display_name: "Acme".to_owned(),
            ..Default::default()
        };
        let ada = client.with_token(TokenSource::fixed(server.token(&user, &[])));
        let account = ada.send(request).await.expect("an account").account.expect("the account").id;
        Self { user, account }
    }

    async fn check(&self, client: &Client) -> Decision {
        client.check(Subject::user(&self.user), "users.view", On::account(&self.account)).await
    }

    /// Panics where nobody allows it.
    async fn is_allowed(&self, client: &Client) {
        let decision = self.check(client).await;
        assert!(decision.is_allowed(), "{decision:?}");
    }

    /// Why nobody answered.
    async fn unanswered(&self, client: &Client) -> String {
        for _ in 0..10 {
            let decision = self.check(client).await;
            let Decision::Undecided(status) = decision else { panic!("somebody answers: {decision:?}") };
            let causes =
                std::iter::successors(std::error::Error::source(&status), |cause| (**cause).source());
            let why = causes.fold(status.to_string(), |text, cause| format!("{text}: {cause}"));
            // On a loaded machine the time may be over in the middle of an attempt.
            if !why.contains("no answer in time") {
                return why;
            }
        }
        panic!("it was never told why nobody answers");
    }
}

/// A number that the server tells.
async fn told(server: &Server, name: &str, labels: &[(&str, &str)]) -> f64 {
    Scrape::of(server.metrics()).await.value(name, labels)
}

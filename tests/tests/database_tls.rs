//! The way to PostgreSQL is encrypted, and both ends of it are who they say they are.

use std::path::{Path, PathBuf};

use mandate_tests::certificates::{Authority, authority, certificate};
use mandate_tests::cluster::Node;
use mandate_tests::{Engine, Server, World};
use tempfile::TempDir;

/// A server that lets nobody in unencrypted, and the user `client` only with a certificate of their own.
struct Encrypted {
    folder: TempDir,
    root: Authority,
    node: Node,
}

const RULES: &str = "
hostssl all client 127.0.0.1/32 cert
hostssl all mandate 127.0.0.1/32 scram-sha-256
hostnossl encrypted all 127.0.0.1/32 reject
";

impl Encrypted {
    /// `host`: whom its certificate is for.
    async fn start(host: &str) -> Self {
        let root = authority("the root");
        let (certificate, key) = certificate(&root, &[host], "the database");
        let files = [("server.crt", certificate.as_str()), ("server.key", &key), ("root.crt", &root.pem())];
        let node = Node::start(&files, &[("ssl", "on"), ("ssl_ca_file", "root.crt")], RULES).await;
        node.database("encrypted").await;
        Self { folder: tempfile::tempdir().expect("a folder"), root, node }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }

    fn url(&self, mode: &str, root: &Path) -> String {
        format!("{}?sslmode={mode}&sslrootcert={}", self.node.url("encrypted"), root.display())
    }
}

async fn refused(url: &str, words: &[&str]) {
    let started = Server::builder(Engine::Postgres).database(url).try_start().await;
    let Err(log) = started.map(drop) else { panic!("it starts") };
    for word in words {
        assert!(log.contains(word), "{word:?} is not said:\n{log}");
    }
    assert!(!log.contains("a-password-of-the-tests"), "{log}");
}

/// With the right root everything works; what is refused says what to correct.
#[tokio::test]
async fn the_database_is_who_it_says_it_is() {
    let encrypted = Encrypted::start("127.0.0.1").await;
    let root = encrypted.file("root.pem", &encrypted.root.pem());
    let another = encrypted.file("another.pem", &authority("another root").pem());

    let world = World::on(
        Server::builder(Engine::Postgres).database(&encrypted.url("verify-full", &root)).start().await,
    );
    let ada = world.person("Ada").await;
    let acme = world.account("organization", &ada).await;
    assert!(world.may(&ada, &acme, "users.view").fully_consistent().await.allowed());
    let encrypted_sessions = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                              WHERE ssl AND datname = 'encrypted'";
    let plain_sessions = encrypted_sessions.replace("ssl AND", "NOT ssl AND");
    assert!(encrypted.node.number(encrypted_sessions).await >= 3);
    assert_eq!(encrypted.node.number(&plain_sessions).await, 0);

    refused(&encrypted.url("verify-full", &another), &["authority that is not trusted", "sslrootcert=FILE"])
        .await;
    refused(&encrypted.url("disable", &root), &["pg_hba.conf", "sslmode"]).await;
    refused(&encrypted.url("verify-full", &encrypted.folder.path().join("nowhere.pem")), &["nowhere.pem"])
        .await;
}

/// A certificate for another host is none for this one.
#[tokio::test]
async fn a_certificate_for_another_host_is_refused() {
    let encrypted = Encrypted::start("db.example.com").await;
    let root = encrypted.file("root.pem", &encrypted.root.pem());
    refused(&encrypted.url("verify-full", &root), &["for another host"]).await;
}

/// A certificate of this server's own lets it in without a password.
#[tokio::test]
async fn this_server_may_have_a_certificate_too() {
    let encrypted = Encrypted::start("127.0.0.1").await;
    let root = encrypted.file("root.pem", &encrypted.root.pem());
    encrypted.node.execute("CREATE ROLE client LOGIN").await;
    encrypted.node.execute("ALTER DATABASE encrypted OWNER TO client").await;
    let url = format!(
        "postgres://client@127.0.0.1:{}/encrypted?sslmode=verify-full&sslrootcert={}",
        encrypted.node.port(),
        root.display()
    );
    refused(&url, &["certificate"]).await;
    let (certificate, key) = certificate(&encrypted.root, &[], "client");
    let (certificate, key) = (encrypted.file("client.pem", &certificate), encrypted.file("client.key", &key));
    let url = format!("{url}&sslcert={}&sslkey={}", certificate.display(), key.display());
    let world = World::on(Server::builder(Engine::Postgres).database(&url).start().await);
    world.person("Ada").await;
}

//! Whom a client believes, and whom the server does.

use mandate_client::v1::ListUsersRequest;
use mandate_tests::certificates::{authority, certificate, expired_certificate};

use super::{Files, Owner, client, told, write_secret};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_believed_by_its_root_and_its_name_alone() {
    let files = Files::new();
    let server = files.server().start().await;
    let owner = Owner::new(&files, &server).await;
    owner.is_allowed(&files.client(&server).build().expect("a client")).await;

    let another = client(&server).ca(authority("another root").pem()).build().expect("a client");
    let why = owner.unanswered(&another).await;
    assert!(why.contains("UnknownIssuer") || why.contains("BadSignature"), "{why}");
    // The system's roots know nothing of the test's.
    if let Ok(nobodys) = client(&server).build() {
        owner.unanswered(&nobodys).await;
    }
    let elsewhere = files.client(&server).server_name("mandate.example.com").build().expect("a client");
    let why = owner.unanswered(&elsewhere).await;
    assert!(why.contains("not valid for name"), "{why}");
    assert!(told(&server, "mandate_tls_handshakes_total", &[("outcome", "refused")]).await >= 2.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_for_another_host_is_good_under_its_name() {
    let files = Files::new();
    files.renew(&["mandate.example.com"]);
    let server = files.server().start().await;
    let named = files.client(&server).server_name("mandate.example.com").build().expect("a client");
    let owner = Owner::by(&named, &server).await;
    owner.is_allowed(&named).await;
    owner.unanswered(&files.client(&server).build().expect("a client")).await;
}

/// A certificate opens the connection and nothing else: who calls, the token says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_needs_a_certificate_of_the_authority_and_a_token_besides() {
    let (files, callers) = (Files::new(), authority("the callers' authority"));
    let server = files.mutual(&callers).start().await;
    let (mine, key) = certificate(&callers, &[], "a backend");
    let known = files.client(&server).identity(&mine, &key).build().expect("a client");
    let owner = Owner::by(&known, &server).await;
    owner.is_allowed(&known).await;

    let nobody = files.client(&server).build().expect("a client");
    owner.unanswered(&nobody).await;
    for (foreign, key) in [
        certificate(&authority("the callers' authority"), &[], "a backend"),
        certificate(&files.root, &[], "a backend"),
        expired_certificate(&callers, &[]),
    ] {
        let stranger = files.client(&server).identity(&foreign, &key).build().expect("a client");
        owner.unanswered(&stranger).await;
    }
    let outcome =
        async |outcome: &str| told(&server, "mandate_tls_handshakes_total", &[("outcome", outcome)]).await;
    assert!(outcome("no_certificate").await >= 1.0 && outcome("bad_certificate").await >= 3.0);

    // Neither is a certificate a token, nor does one give a token more than it has.
    let anonymous = known.with_token(mandate_client::TokenSource::none());
    let status = anonymous.send(ListUsersRequest::default()).await.expect_err("no token");
    assert_eq!(status.code(), tonic::Code::Unauthenticated);
    let status = known.send(ListUsersRequest::default()).await.expect_err("another scope");
    assert_eq!(status.code(), tonic::Code::PermissionDenied);
}

/// What cannot be encrypted with is told at the start, by the setting that is to be corrected, and without the key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_cannot_be_used_are_told_at_the_start() {
    use std::os::unix::fs::PermissionsExt as _;
    let files = Files::new();
    let (_, another_key) = certificate(&files.root, &["127.0.0.1"], "another");
    let (expired, its_key) = expired_certificate(&files.root, &["127.0.0.1"]);
    let (good, key) = certificate(&files.root, &["127.0.0.1"], "the server");
    for (certificate, key, words) in [
        (good.as_str(), another_key.as_str(), "is not the key of"),
        (&expired, &its_key, "good until"),
        ("", &key, "no whole certificate"),
        (&good[..good.len() / 2], &key, "no whole certificate"),
        (&good, "", "no whole key"),
    ] {
        files.write("tls.crt", certificate);
        files.write("tls.key", key);
        let log = files.server().try_start().await.map(drop).expect_err("it starts");
        assert!(log.contains(words), "{words:?} is not said:\n{log}");
        assert!(!log.contains("PRIVATE KEY-----\n"), "{log}");
    }
    files.renew(&["127.0.0.1"]);
    let file = files.path("tls.key");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("a mode");
    let log = files.server().try_start().await.map(drop).expect_err("it starts");
    assert!(log.contains("chmod 600"), "{log}");
    write_secret(&file, &key);
    let alone =
        mandate_tests::Server::builder(mandate_tests::Engine::Sqlite).argument("--tls-key").argument(file);
    let log = alone.try_start().await.map(drop).expect_err("it starts");
    assert!(log.contains("--tls-certificate"), "{log}");
}

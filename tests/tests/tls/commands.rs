//! Commands that are clients of an encrypted server.

use std::path::PathBuf;

use mandate_tests::Server;
use mandate_tests::certificates::{authority, certificate};

use super::{Files, Owner};

/// Whether the command did what it was told, and all that it said.
fn run(server: &Server, name: &str, arguments: &[&str], variables: &[(&str, &PathBuf)]) -> (bool, String) {
    let mut command = server.command(name);
    command.args(arguments).envs(variables.iter().map(|(name, value)| (name, value)));
    let output = command.output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text.into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_asked_for_through_tls() {
    let (files, callers) = (Files::new(), authority("the callers' authority"));
    let server = files.server().start().await;
    let address = server.address().to_string();
    let ask = |server: &Server, more: &[&str], variables: &[(&str, &PathBuf)]| {
        run(server, "health", &[&["--address", &server.address().to_string()][..], more].concat(), variables)
    };
    // With nothing but the server's own settings, as a container's health check has them.
    let certificate_file = files.path("tls.crt");
    let own = [("MANDATE_TLS_CERTIFICATE", &certificate_file)];
    assert_eq!(ask(&server, &[], &own), (true, "SERVING\n".to_owned()));
    let (healthy, text) = ask(&server, &[], &[]);
    assert!(!healthy && text.contains("speaks TLS") && text.contains(&address), "{text}");
    let root = files.path("root.pem");
    assert_eq!(ask(&server, &[], &[("MANDATE_ENDPOINT_CA", &root)]), (true, "SERVING\n".to_owned()));
    let another = files.write("another.pem", &authority("another root").pem());
    let (healthy, text) = ask(&server, &[], &[("MANDATE_ENDPOINT_CA", &another)]);
    assert!(!healthy && text.contains("--endpoint-ca"), "{text}");

    let mutual = files.mutual(&callers).start().await;
    let (healthy, text) = ask(&mutual, &[], &own);
    assert!(!healthy && text.contains("--endpoint-certificate"), "{text}");
    let (mine, key) = certificate(&callers, &[], "the health check");
    let (mine, key) = (files.write("mine.crt", &mine), files.write("mine.key", &key));
    let known = [own[0], ("MANDATE_ENDPOINT_CERTIFICATE", &mine), ("MANDATE_ENDPOINT_KEY", &key)];
    assert_eq!(ask(&mutual, &[], &known), (true, "SERVING\n".to_owned()));
}

/// `policy` and `import` are clients in the same way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies_and_imports_travel_encrypted() {
    let (files, callers) = (Files::new(), authority("the callers' authority"));
    let server = files.mutual(&callers).start().await;
    let token = files.write("token", &server.token("operator", &["platform.operator"]));
    let (mine, key) = certificate(&callers, &[], "an operator");
    let (mine, key) = (files.write("mine.crt", &mine), files.write("mine.key", &key));
    let (root, another) = (files.path("root.pem"), files.write("another.pem", &authority("another").pem()));
    let known = [("MANDATE_ENDPOINT_CERTIFICATE", &mine), ("MANDATE_ENDPOINT_KEY", &key)];
    let believing = |file| [&known[..], &[("MANDATE_ENDPOINT_CA", file)]].concat();
    let versions = |endpoint: &str, variables: &[(&str, &PathBuf)]| {
        let token = token.to_str().expect("a path");
        let arguments = ["versions", "organization", "--endpoint", endpoint, "--token-file", token];
        run(&server, "policy", &arguments, variables)
    };
    let (https, http) = (format!("https://{}", server.address()), format!("http://{}", server.address()));
    let (done, text) = versions(&https, &believing(&root));
    assert!(done && text.contains('1'), "{text}");
    for (endpoint, variables, words) in [
        (&https, believing(&another), "--endpoint-ca"),
        (&https, vec![("MANDATE_ENDPOINT_CA", &root)], "--endpoint-certificate"),
        (&http, Vec::new(), "write https://"),
        (&http, believing(&root), "is not encrypted"),
    ] {
        let (done, text) = versions(endpoint, &variables);
        assert!(!done && text.contains(words), "{words:?} is not said: {text}");
    }
    let plain = Server::start(mandate_tests::Engine::Sqlite).await;
    let (done, text) = versions(&format!("https://{}", plain.address()), &believing(&root));
    assert!(!done && text.contains("write http://"), "{text}");

    let (certificate, key) = certificate(&callers, &[], "a backend");
    let backend = files.client(&server).identity(&certificate, &key).build().expect("a client");
    let account = Owner::by(&backend, &server).await.account;
    let rows =
        files.write("members.csv", &format!("account,email,roles\n{account},bob@example.com,member\n"));
    let (rows, token) = (rows.to_str().expect("a path"), token.to_str().expect("a path"));
    let arguments = [rows, "--endpoint", &https, "--token-file", token];
    let (done, text) = run(&server, "import", &arguments, &believing(&root));
    assert!(done, "{text}");
}

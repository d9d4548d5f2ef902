//! `deploy/local-cluster`: PostgreSQL and servers on one machine, without containers.

use std::path::Path;

use mandate_tests::programs;

/// Runs a script of the shell in a cluster: its exit code and the lines it printed.
fn in_cluster(arguments: &[&str], script: &str) -> (Option<i32>, Vec<String>) {
    let mut command = programs::deploy("local-cluster");
    command.args(arguments).args(["--", "sh", "-c", script]).env("MANDATE_BIN", programs::folder());
    let (code, printed, all) = programs::run(&mut command);
    println!("{all}");
    (code, printed.lines().map(str::to_owned).collect())
}

/// A command gets servers that know each other's tokens, and its exit code is the cluster's; nothing is left behind.
#[test]
fn a_command_gets_a_cluster_for_as_long_as_it_runs() {
    let script = r#"echo "$MANDATE_CLUSTER_ADDRESSES"; echo "$MANDATE_DATA_DIR"; echo "$MANDATE_TEST_POSTGRES"
        "$MANDATE_BIN/mandate" token --data-dir "$MANDATE_DATA_DIR" --subject me --scope platform.operator | wc -l
        exit 7"#;
    let (code, lines) = in_cluster(&["--replicas", "2", "--no-fsync"], script);
    assert_eq!(code, Some(7));
    let [addresses, folder, url, tokens] = lines.as_slice() else { panic!("{lines:?}") };
    let addresses: Vec<&str> = addresses.split(' ').collect();
    assert_eq!(addresses.len(), 2, "{addresses:?}");
    assert!(!Path::new(folder).exists(), "{folder}");
    assert!(url.starts_with("postgres://mandate:") && url.contains("@127.0.0.1:"), "{url}");
    assert_eq!(tokens.trim(), "1");
    for address in addresses.into_iter().chain(url.split(['@', '/']).nth(3)) {
        assert!(address.starts_with("127.0.0.1:"), "{address}");
        assert!(std::net::TcpStream::connect(address).is_err(), "{address} still answers");
    }
}

/// What does not exist is told, and nothing is started.
#[test]
fn what_it_does_not_know_is_refused() {
    assert_eq!(in_cluster(&["--replica", "2"], "true").0, Some(1));
    assert_eq!(in_cluster(&["--replicas", "0", "--postgres", "/nowhere/bin"], "true").0, Some(1));
}

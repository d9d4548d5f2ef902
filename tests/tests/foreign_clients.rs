//! The published protos serve other languages: `tests/clients` has the same ten calls in each.

use std::path::Path;
use std::process::Command;

use mandate_testkit::Starter;
use mandate_tests::programs;

async fn ten_calls(language: &str) {
    let clients = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/clients"));
    let fixtures = std::fs::read_to_string(clients.join("fixtures.yaml")).expect("fixtures");
    let starter = Starter::new(fixtures).program(programs::folder().join("mandate"));
    let world = starter.start().await.unwrap_or_else(|error| panic!("{error}"));
    let mut command = Command::new(clients.join("run"));
    let (code, printed, all) = programs::run(command.arg(language).arg(world.told()));
    assert_eq!(code, Some(0), "{all}");
    assert!(printed.contains("all as expected"), "{all}");
}

#[tokio::test]
async fn ten_calls_from_python() {
    ten_calls("python").await;
}

#[tokio::test]
async fn ten_calls_from_node() {
    ten_calls("node").await;
}

//! The dashboard and the alert rules that come with the server are about metrics that it has.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use mandate_tests::certificates::{authority, certificate};
use mandate_tests::{Engine, Fixture as _, Scrape, Server, poll};
use serde_json::Value;

use crate::Watched;

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every expression in a document, wherever it stands.
fn expressions(document: &Value, found: &mut Vec<String>) {
    match document {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "expr" || name == "query" => found.push(text.clone()),
                    _ => expressions(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| expressions(value, found)),
        _ => {}
    }
}

/// The metrics that an expression names, each with the labels that are looked at in braces behind it.
fn metrics(expression: &str) -> Vec<(String, Vec<String>)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts = expression.match_indices("mandate_").map(|(start, _)| start);
    let whole = starts.filter(|start| !expression[..*start].ends_with(is_part));
    whole
        .map(|start| {
            let rest = &expression[start..];
            let (name, rest) = rest.split_at(rest.find(|c| !is_part(c)).unwrap_or(rest.len()));
            let labels =
                rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(labels, _)| labels);
            let labels =
                labels.split(',').filter_map(|label| label.split_once(['=', '!'])).map(|(name, _)| name);
            (name.to_owned(), labels.map(str::to_owned).collect())
        })
        .collect()
}

/// A scrape of a server that has something to tell of everything.
async fn scrape() -> Scrape {
    let watched = Watched::prepare(Engine::Postgres).await;
    let ada = watched.world.person("Ada").await;
    let acme = watched.world.account("organization", &ada).await;
    watched.world.may(&ada, &acme, "users.view").await;
    let scraped = poll::until(Duration::from_secs(30), async || {
        let scrape = watched.scrape().await;
        scrape.families.contains_key("mandate_outbox_mails").then_some(scrape)
    });
    let mut scrape = scraped.await.expect("the outbox is read");
    // What only an encrypted server tells.
    let encrypted = encrypted().await;
    let of_tls = encrypted.families.into_iter().filter(|(name, _)| name.starts_with("mandate_tls_"));
    scrape.families.extend(of_tls);
    scrape
}

/// A scrape of a server with a certificate.
async fn encrypted() -> Scrape {
    let folder = tempfile::tempdir().expect("a folder");
    let (text, key_text) = certificate(&authority("the root"), &["127.0.0.1"], "the server");
    let (file, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    std::fs::write(&file, text).expect("a file");
    std::fs::write(&key, key_text).expect("a file");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("its mode");
    let builder = Server::builder(Engine::Sqlite).argument("--metrics-listen").argument("127.0.0.1:0");
    let builder = builder.argument("--tls-certificate").argument(file).argument("--tls-key").argument(key);
    Scrape::of(builder.start().await.metrics()).await
}

#[test]
fn metrics_and_their_labels_are_found_in_expressions() {
    let expression = "sum(rate(mandate_a_total{x=\"1\",y!~\"2\"}[5m])) / mandate_b or x:mandate_c:sum";
    let labels = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect::<Vec<_>>();
    let found = metrics(expression);
    assert_eq!(found[0], ("mandate_a_total".to_owned(), labels(&["x", "y"])));
    assert_eq!(found[1], ("mandate_b".to_owned(), labels(&[])));
}

#[tokio::test]
async fn what_they_name_is_in_a_scrape() {
    let dashboard: Value = serde_json::from_str(&read("grafana/mandate.json")).expect("JSON");
    let rules: Value = serde_saphyr::from_str(&read("prometheus/alerts.yaml")).expect("YAML");
    let (mut shown, mut watched) = (Vec::new(), Vec::new());
    expressions(&dashboard, &mut shown);
    expressions(&rules, &mut watched);
    assert!(shown.len() > 20 && watched.len() > 10, "{} and {}", shown.len(), watched.len());
    let scrape = scrape().await;
    let there: BTreeSet<(&str, &str)> = scrape
        .samples()
        .flat_map(|((name, labels), _)| labels.keys().map(move |label| (name.as_str(), label.as_str())))
        .collect();
    let names: BTreeSet<&str> = scrape.samples().map(|((name, _), _)| name.as_str()).collect();
    for expression in shown.iter().chain(&watched) {
        for (name, labels) in metrics(expression) {
            assert!(names.contains(name.as_str()), "{name} is not scraped: {expression}");
            // Prometheus adds the instance.
            for label in labels.iter().filter(|label| *label != "instance") {
                assert!(
                    there.contains(&(name.as_str(), label.as_str())),
                    "{name} has no {label}: {expression}"
                );
            }
        }
    }
    // And nobody has to look for what they leave out.
    let all = shown.concat();
    for (name, family) in &scrape.families {
        let is_shown = all.contains(name.as_str());
        assert!(is_shown, "the dashboard does not show {name}: {}", family.help);
    }
}

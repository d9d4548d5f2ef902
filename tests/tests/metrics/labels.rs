//! However much is asked about whomever: the series are those of fixed lists, and tell of nobody.

use std::collections::BTreeSet;

use mandate_proto::FILE_DESCRIPTOR_SET;
use mandate_proto::v1::DecisionReason;
use mandate_tests::on_both_engines;
use prost::Message as _;
use prost_types::FileDescriptorSet;

use crate::Watched;

/// The services that are served beside those of `mandate.v1`, and what stands for all calls that nobody serves.
const BESIDE: [(&str, &str); 5] = [
    ("grpc.health.v1.Health", "Check"),
    ("grpc.health.v1.Health", "Watch"),
    ("grpc.reflection.v1.ServerReflection", "ServerReflectionInfo"),
    ("grpc.reflection.v1alpha.ServerReflection", "ServerReflectionInfo"),
    ("other", "other"),
];

fn rpcs() -> BTreeSet<(String, String)> {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("descriptors");
    let ours = set.file.iter().filter(|file| file.package() == "mandate.v1").flat_map(|file| &file.service);
    let ours = ours.flat_map(|service| {
        let name = format!("mandate.v1.{}", service.name());
        service.method.iter().map(move |method| (name.clone(), method.name().to_owned()))
    });
    ours.chain(BESIDE.map(|(service, method)| (service.to_owned(), method.to_owned()))).collect()
}

/// The values that a label may have, of those that are no RPC's.
fn values(label: &str) -> BTreeSet<String> {
    let reasons = || (1..100).filter_map(|number| DecisionReason::try_from(number).ok());
    let values: Vec<&str> = match label {
        "code" => (0..17).map(|code| code_name(tonic::Code::from(code))).collect(),
        "outcome" => vec!["allowed", "denied", "exported", "failed", "dropped"],
        "signal" => vec!["spans", "decisions"],
        "reason" => {
            reasons().filter_map(|reason| reason.as_str_name().strip_prefix("DECISION_REASON_")).collect()
        }
        "kind" => {
            vec!["account", "user", "member", "contact", "resource", "assignment", "identity", "session"]
        }
        "pool" => vec!["all", "read", "write"],
        "state" => vec!["used", "idle", "queued", "failed"],
        "limit" => vec!["memory", "database", "misses", "passwords"],
        "why" => vec!["full", "deadline"],
        "commit" => vec!["unknown"],
        "version" => vec![env!("CARGO_PKG_VERSION")],
        other => panic!("nobody said what {other} may be"),
    };
    values.into_iter().map(str::to_owned).collect()
}

/// `InvalidArgument` as `INVALID_ARGUMENT`.
fn code_name(code: tonic::Code) -> &'static str {
    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    NAMES[code as usize]
}

on_both_engines! {
    /// Ids, addresses, tokens and names of callers are in no series, and no question makes another one.
    async fn labels_come_from_fixed_lists(watched: Watched) {
        let world = &watched.world;
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        let mut sizes = Vec::new();
        for round in 0..3 {
            let bob = world.person(&format!("Bob {round}")).await;
            world.member(&acme, &bob, &["member"]).await;
            world.may(&bob, &acme, "users.view").await;
            world.may(&bob, &acme, &format!("invented.{round}")).await;
            world.by(&bob).rename(&acme, "mine").await.expect_err("members rename nothing");
            sizes.push(watched.scrape().await.samples().count());
        }
        assert_eq!(sizes[1], sizes[2], "another member, another question: the same series");

        let (rpcs, scrape) = (rpcs(), watched.scrape().await);
        for ((name, labels), _) in scrape.samples() {
            assert!(name.starts_with("mandate_"), "{name}");
            for (label, value) in labels.iter().filter(|(label, _)| !["service", "method"].contains(&label.as_str())) {
                let is_bound = label == "le" && name.ends_with("_bucket");
                assert!(is_bound || values(label).contains(value), "{name} {labels:?}");
            }
            if let Some(service) = labels.get("service") {
                assert!(rpcs.contains(&(service.clone(), labels["method"].clone())), "{labels:?}");
            }
        }
        for (name, family) in &scrape.families {
            assert!(family.help.ends_with('.') && family.help.len() > 10, "{name}: {}", family.help);
        }
    }
}

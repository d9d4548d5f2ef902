//! The decision log, compared with the answers.

use std::path::PathBuf;
use std::time::Duration;

use mandate_proto::v1::{Account, BatchCheckRequest, User};
use mandate_tests::world::{where_may, who_may};
use mandate_tests::{Engine, Fixture, Scrape, Server, ServerBuilder, World, on_both_engines, poll};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::collector::{Collector, attributes, hex};
use crate::{TRACE, question, sampled, with};

const LIMIT: Duration = Duration::from_secs(30);

/// A world whose decisions go to a file.
struct Audited {
    world: World,
    folder: TempDir,
    ada: User,
    bob: User,
    acme: Account,
}

impl Audited {
    async fn on(engine: Engine, more: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let sink = format!("file:{}", folder.path().join("decisions").display());
        let builder = Server::builder(engine).argument("--decision-log").argument(sink);
        let builder = builder.argument("--metrics-listen").argument("127.0.0.1:0");
        let world = World::on(more(builder).start().await);
        let [ada, bob] = world.people(["Ada", "Bob"]).await;
        let acme = world.account("organization", &ada).await;
        world.member(&acme, &bob, &["member"]).await;
        Self { world, folder, ada, bob, acme }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("decisions")
    }

    /// What is in the file, once it has so many records.
    async fn records(&self, number: usize) -> Vec<Value> {
        let read = || {
            let text = std::fs::read_to_string(self.file()).unwrap_or_default();
            // The last line may be under way.
            let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
            whole.lines().map(|line| serde_json::from_str(line).expect(line)).collect::<Vec<Value>>()
        };
        let found = poll::until(LIMIT, async || Some(read()).filter(|records| records.len() >= number)).await;
        let found = found.unwrap_or_else(|| panic!("{number} records: {:#?}", read()));
        assert_eq!(found.len(), number, "{found:#?}");
        found
    }
}

impl Fixture for Audited {
    async fn prepare(engine: Engine) -> Self {
        Self::on(engine, |builder| builder).await
    }
}

on_both_engines! {
    /// Each answer has its record, whichever way it was asked, and the record says what the answer did.
    async fn each_decision_is_recorded(audited: Audited) {
        let Audited { world, ada, bob, acme, .. } = &audited;
        let service = world.service(&["authz.check"]);
        let metadata = [("x-request-id", "req-7"), ("traceparent", &sampled())];
        let allowed = service.authz().check(with(question(ada, acme, "users.view"), &metadata)).await;
        let allowed = allowed.expect("an answer").into_inner();
        let asked = vec![question(ada, acme, "users.view"), question(bob, acme, "users.view")];
        let batch = BatchCheckRequest { checks: asked.clone(), consistency: None };
        service.authz().batch_check(batch).await.expect("answers");
        service.ask_on_a_stream(asked).await.expect("answers");
        world.may(bob, acme, "users.view").of(world.by(bob)).await;
        let found = service_of(world).all_who_may(who_may(acme, "users.view")).await.expect("a list");
        service_of(world).all_where(where_may(ada, "users.view")).await.expect("a list");
        world.by(bob).rename(acme, "mine").await.expect_err("members rename nothing");

        let records = audited.records(9).await;
        let first = &records[0];
        assert_eq!(first["event"], "decision");
        assert_eq!(first["rpc"], "mandate.v1.AuthzService/Check");
        assert_eq!((&first["request_id"], &first["trace_id"]), (&json!("req-7"), &json!(TRACE)));
        assert_eq!(first["caller"]["kind"], "service");
        assert!(first["caller"]["name"].as_str().is_some_and(|name| name.ends_with("#backend")), "{first}");
        assert_eq!((&first["account"], &first["subject"]), (&json!(acme.id), &json!(ada.id)));
        assert_eq!((&first["permission"], &first["policy"]), (&json!("users.view"), &json!("organization")));
        assert_eq!((&first["outcome"], &first["reason"]), (&json!("allowed"), &json!("ROLE")));
        assert_eq!(first["consistency_token"], json!(allowed.consistency_token));
        let mandate_proto::v1::via::Via::Role(role) = allowed.via[0].via.clone().expect("a way") else {
            panic!("{allowed:?}")
        };
        assert_eq!(first["via"], json!([format!("role {role}")]));
        let time: &str = first["time"].as_str().expect("a time");
        assert!(time.parse::<prost_types::Timestamp>().is_ok(), "{time}");

        let of = |event: &str, rpc: &str| -> Vec<&Value> {
            let is_it = |record: &&Value| record["event"] == event && record["rpc"].as_str().unwrap().ends_with(rpc);
            records.iter().filter(is_it).collect()
        };
        for rpc in ["/BatchCheck", "/CheckStream"] {
            let outcomes: Vec<_> = of("decision", rpc).iter().map(|record| record["outcome"].clone()).collect();
            assert_eq!(outcomes, [json!("allowed"), json!("denied")], "{rpc}");
        }
        let checks = of("decision", "/Check");
        assert_eq!(checks[1]["caller"], json!({ "kind": "person", "user": bob.id }));
        assert_eq!(checks[1]["reason"], "NOT_GRANTED");
        let members = of("lookup", "/LookupMembers")[0];
        assert_eq!((&members["results"], &members["account"]), (&json!(found.len()), &json!(acme.id)));
        assert_eq!(of("lookup", "/LookupAccounts")[0]["subject"], json!(ada.id));
        let denied = of("denied_call", "/UpdateAccount")[0];
        assert_eq!((&denied["account"], &denied["reason"]), (&json!(acme.id), &json!("PERMISSION_MISSING")));
        let scrape = Scrape::of(world.server().metrics()).await;
        let labels = [("signal", "decisions"), ("outcome", "exported")];
        assert_eq!(scrape.value("mandate_telemetry_total", &labels), 9.0);
    }

    /// Those that deny, alone.
    async fn denials_alone(engine: Engine) {
        let audited = Audited::on(engine, |builder| {
            builder.argument("--decision-log-outcomes").argument("denied")
        }).await;
        for _ in 0..3 {
            audited.world.may(&audited.ada, &audited.acme, "users.view").await;
            audited.world.may(&audited.bob, &audited.acme, "users.view").await;
        }
        let records = audited.records(3).await;
        assert!(records.iter().all(|record| record["outcome"] == "denied"), "{records:#?}");
    }

    /// None of a sample of none; but denied administrative calls always.
    async fn a_sample(engine: Engine) {
        let audited = Audited::on(engine, |builder| {
            builder.argument("--decision-log-sample").argument("0")
        }).await;
        for _ in 0..20 {
            audited.world.may(&audited.bob, &audited.acme, "users.view").await;
        }
        audited.world.service(&["authz.check"])
            .ask_on_a_stream(vec![question(&audited.bob, &audited.acme, "users.view")]).await.expect("answers");
        audited.world.by(&audited.bob).rename(&audited.acme, "mine").await.expect_err("denied");
        assert_eq!(audited.records(1).await[0]["event"], "denied_call");
    }

    /// A file that was moved away goes on under its name after SIGHUP, and the server ends with all of it written.
    async fn a_file_is_opened_again(audited: Audited) {
        let mut audited = audited;
        audited.world.may(&audited.ada, &audited.acme, "users.view").await;
        audited.records(1).await;
        let moved = audited.folder.path().join("moved");
        std::fs::rename(audited.file(), &moved).expect("moved");
        audited.world.server().hang_up();
        poll::until(LIMIT, async || audited.file().exists().then_some(())).await.expect("opened again");
        for _ in 0..5 {
            audited.world.may(&audited.bob, &audited.acme, "users.view").await;
        }
        audited.world.server_mut().stop().await;
        assert_eq!(audited.records(5).await.len(), 5);
        assert_eq!(std::fs::read_to_string(moved).expect("the old one").lines().count(), 1);
    }

    /// The same as log records of OpenTelemetry, in the trace of the call.
    async fn the_collector_takes_them(engine: Engine) {
        let collector = Collector::start().await;
        let builder = Server::builder(engine).argument("--otlp-endpoint").argument(collector.url());
        let world = World::on(builder.argument("--decision-log").argument("otlp").start().await);
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        let call = with(question(&ada, &acme, "users.view"), &[("traceparent", &sampled())]);
        world.service(&["authz.check"]).authz().check(call).await.expect("an answer");
        let record = collector.until("the record", |all| all.records().into_iter().next()).await;
        assert_eq!((record.event_name.as_str(), hex(&record.trace_id).as_str()), ("mandate.decision", TRACE));
        let found = attributes(&record.attributes);
        assert_eq!((&found["mandate.outcome"], &found["mandate.subject"]), (&"allowed".to_owned(), &ada.id));
        assert_eq!(found["mandate.permission"], "users.view");
        let rpc = |span: &opentelemetry_proto::tonic::trace::v1::Span| span.span_id == record.span_id;
        let span = collector.until("the span", |all| all.spans().into_iter().find(rpc)).await;
        assert_eq!(span.name, "mandate.v1.AuthzService/Check");
    }
}

fn service_of(world: &World) -> mandate_tests::world::Party {
    world.service(&["authz.read", "accounts.read"])
}

/// A collector is needed for records that go to one.
#[tokio::test]
async fn otlp_without_a_collector_is_refused() {
    let builder = Server::builder(Engine::Sqlite).argument("--decision-log").argument("otlp");
    let error = builder.try_start().await.err().expect("refused");
    assert!(error.contains("--otlp-endpoint"), "{error}");
}

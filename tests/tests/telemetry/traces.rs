//! Traces: who is sampled, under whom, and what a trace holds.

use std::collections::BTreeMap;
use std::time::Duration;

use mandate_proto::v1::{Account, BatchCheckRequest, User};
use mandate_tests::{Engine, Fixture, Scrape, Server, World, on_both_engines, poll};
use opentelemetry_proto::tonic::trace::v1::Span;

use crate::collector::{Collector, attributes, hex};
use crate::{SPAN, TRACE, question, sampled, with};

/// A world that is traced where its callers ask for it, and not otherwise.
struct Traced {
    world: World,
    collector: Collector,
    ada: User,
    acme: Account,
}

impl Fixture for Traced {
    async fn prepare(engine: Engine) -> Self {
        let collector = Collector::start().await;
        let builder = Server::builder(engine)
            .argument("--otlp-endpoint")
            .argument(collector.url())
            .argument("--trace-sample-ratio")
            .argument("0")
            .argument("--metrics-listen")
            .argument("127.0.0.1:0");
        let world = World::on(builder.start().await);
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        Self { world, collector, ada, acme }
    }
}

impl Traced {
    /// Waits for the span of an RPC of this trace.
    async fn rpc(&self, trace: &str, name: &str) -> Span {
        let is_it = |span: &Span| hex(&span.trace_id) == trace && span.name == name;
        self.collector.until(name, |collector| collector.spans().into_iter().find(is_it)).await
    }

    /// The spans right under one.
    fn under(&self, parent: &Span) -> Vec<Span> {
        let all = self.collector.spans().into_iter();
        all.filter(|span| span.parent_span_id == parent.span_id && span.trace_id == parent.trace_id).collect()
    }
}

fn told(span: &Span) -> BTreeMap<String, String> {
    attributes(&span.attributes)
}

on_both_engines! {
    /// A Check of a traced caller is part of its trace: the RPC, its decision, the facts that were not in memory, and the
    /// statement that read them. What is in memory needs neither.
    async fn a_sampled_check_is_traced_down_to_its_statement(traced: Traced) {
        let Traced { world, collector, ada, acme } = &traced;
        let bob = world.person("Bob").await;
        let asker = world.service(&["authz.check"]);
        let metadata = [("traceparent", sampled()), ("x-request-id", "req-1".to_owned())];
        let metadata = metadata.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = asker.authz().check(with(question(&bob, acme, "users.view"), &metadata)).await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.metadata().get("x-request-id").expect("the id"), "req-1");

        let rpc = traced.rpc(TRACE, "mandate.v1.AuthzService/Check").await;
        assert_eq!(hex(&rpc.parent_span_id), SPAN);
        assert_eq!(rpc.kind, 2, "a server's");
        let found = told(&rpc);
        for (name, value) in [
            ("rpc.system", "grpc"),
            ("rpc.service", "mandate.v1.AuthzService"),
            ("rpc.method", "Check"),
            ("rpc.grpc.status_code", "0"),
            ("mandate.request_id", "req-1"),
        ] {
            assert_eq!(found.get(name).map(String::as_str), Some(value), "{found:?}");
        }
        let [decision] = &traced.under(&rpc)[..] else { panic!("{:#?}", traced.under(&rpc)) };
        assert_eq!(decision.name, "decide");
        let found = told(decision);
        for (name, value) in [
            ("mandate.policy", "organization"),
            ("mandate.permission", "users.view"),
            ("mandate.outcome", "denied"),
            ("mandate.reason", "NOT_A_MEMBER"),
        ] {
            assert_eq!(found.get(name).map(String::as_str), Some(value), "{found:?}");
        }
        let [facts] = &traced.under(decision)[..] else { panic!("{:#?}", traced.under(decision)) };
        assert_eq!((facts.name.as_str(), told(facts)["mandate.facts"].as_str()), ("read facts", "question"));
        let [statement] = &traced.under(facts)[..] else { panic!("{:#?}", traced.under(facts)) };
        let system = if world.server().engine() == Engine::Postgres { "postgresql" } else { "sqlite" };
        let found = told(statement);
        assert_eq!((statement.name.as_str(), found["db.system"].as_str()), ("SELECT", system));
        let text = &found["db.query.text"];
        assert!(text.contains("FROM accounts WHERE id = $1") && !text.contains(&acme.id), "{text}");
        assert!(statement.start_time_unix_nano >= rpc.start_time_unix_nano - 1_000_000);

        // Before long it is in memory. What no policy knows is not told.
        let mut trace = u128::from_str_radix(TRACE, 16).expect("a number");
        let found = poll::until(Duration::from_secs(30), async || {
            trace += 1;
            let parent = format!("00-{trace:032x}-{SPAN}-01");
            let call = with(question(ada, acme, "no.such.thing"), &[("traceparent", &parent)]);
            asker.authz().check(call).await.expect("an answer");
            let rpc = traced.rpc(&format!("{trace:032x}"), "mandate.v1.AuthzService/Check").await;
            let [decision] = &traced.under(&rpc)[..] else { panic!("{:#?}", traced.under(&rpc)) };
            assert_eq!(told(decision)["mandate.permission"], "unknown");
            traced.under(decision).is_empty().then_some(())
        });
        found.await.expect("a Check that reads nothing");
        assert_eq!(collector.resource()["service.name"], "mandate");
    }

    /// Writes have their statements, failures their codes, batches a span for each question; who is not sampled has nothing.
    async fn other_calls_are_traced_and_those_of_others_are_not(traced: Traced) {
        let Traced { world, collector, ada, acme } = &traced;
        let [bob, eve] = world.people(["Bob", "Eve"]).await;
        let before = collector.spans().len();
        for parent in [format!("00-{TRACE}-{SPAN}-00"), "nonsense".to_owned()] {
            let call = with(question(&eve, acme, "users.view"), &[("traceparent", &parent)]);
            world.service(&["authz.check"]).authz().check(call).await.expect("an answer");
        }
        let adding = mandate_tests::world::adding(acme, &bob, &["member"]);
        let call = with(adding.clone(), &[("traceparent", &sampled())]);
        world.operator().memberships().add_member(call).await.expect("a member");
        let rpc = traced.rpc(TRACE, "mandate.v1.MembershipService/AddMember").await;
        let statements = traced.under(&rpc);
        // On PostgreSQL it is part of a statement.
        let wrote = |span: &Span| {
            ["INSERT", "WITH"].contains(&span.name.as_str()) && told(span)["db.query.text"].contains("INSERT INTO memberships")
        };
        assert!(statements.iter().any(wrote), "{statements:#?}");
        assert!(statements.iter().all(|span| !told(span).values().any(|value| value.contains(&bob.id))));

        let call = with(adding, &[("traceparent", &sampled())]);
        let status = world.by(&bob).memberships().add_member(call).await.expect_err("members add nobody");
        assert!(status.metadata().get("x-request-id").is_some(), "{status:?}");
        let denied = |span: &Span| told(span).get("rpc.grpc.status_code").is_some_and(|code| code == "7");
        let status = collector.until("the failure", |all| all.spans().into_iter().find(denied)).await.status;
        assert_eq!(status.map_or(0, |status| status.code), 0, "a refusal is no fault of the server");

        let checks = vec![question(ada, acme, "users.view"), question(&bob, acme, "users.view")];
        let call = with(BatchCheckRequest { checks, consistency: None }, &[("traceparent", &sampled())]);
        world.service(&["authz.check"]).authz().batch_check(call).await.expect("answers");
        let rpc = traced.rpc(TRACE, "mandate.v1.AuthzService/BatchCheck").await;
        assert_eq!(traced.under(&rpc).len(), 2);

        let others = collector.spans().into_iter().skip(before);
        assert!(others.into_iter().all(|span| hex(&span.trace_id) == TRACE), "only sampled calls are traced");
        // It is counted when the collector has said so.
        let all_are_counted = poll::until(Duration::from_secs(30), async || {
            let scrape = Scrape::of(world.server().metrics()).await;
            let labels = [("signal", "spans"), ("outcome", "exported")];
            let exported = scrape.value("mandate_telemetry_total", &labels);
            (exported == collector.spans().len() as f64).then_some(scrape)
        });
        let scrape = all_are_counted.await.expect("what has arrived is counted");
        assert_eq!(scrape.value("mandate_telemetry_total", &[("signal", "spans"), ("outcome", "dropped")]), 0.0);
    }

    /// What is left is sent when the server ends.
    async fn the_end_flushes(engine: Engine) {
        let collector = Collector::start().await;
        let builder = Server::builder(engine).argument("--otlp-endpoint").argument(collector.url());
        let mut world = World::on(builder.argument("--trace-sample-ratio").argument("1").start().await);
        let ada = world.person("Ada").await;
        world.server_mut().stop().await;
        let named = |span: &Span| span.name == "mandate.v1.IdentityService/CreateUser";
        assert!(collector.spans().iter().any(named), "the span of {}", ada.id);
    }
}

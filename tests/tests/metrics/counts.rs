//! Counters say exactly what happened, no more and no less.

use std::collections::BTreeMap;
use std::time::Duration;

use mandate_proto::v1::consistency::Requirement;
use mandate_proto::v1::{BatchCheckRequest, CheckRequest, Consistency, FullyConsistent};
use mandate_tests::expect::assert_refused;
use mandate_tests::world::user_subject;
use mandate_tests::{Scrape, on_both_engines, poll};
use tonic::Code;

use crate::Watched;

/// By how much the series of a family have grown, each named by the values of its labels in the order of their names.
fn growth(after: &Scrape, before: &Scrape, family: &str) -> BTreeMap<String, f64> {
    let grown = after.growth(before, family).into_iter();
    grown.map(|((_, labels), more)| (labels.into_values().collect::<Vec<_>>().join(" "), more)).collect()
}

fn expected(series: &[(&str, f64)]) -> BTreeMap<String, f64> {
    series.iter().map(|(labels, more)| ((*labels).to_owned(), *more)).collect()
}

on_both_engines! {
    /// RPCs by method and code, each with its time; decisions by outcome and reason; what was in memory.
    async fn what_was_asked_and_answered_is_counted_once(watched: Watched) {
        let world = &watched.world;
        let [ada, bob, eve] = world.people(["Ada", "Bob", "Eve"]).await;
        let acme = world.account("organization", &ada).await;
        world.member(&acme, &bob, &["member"]).await;
        // What the first question of each read is in memory before the second one is answered.
        for who in [&ada, &bob, &eve].repeat(2) {
            world.may(who, &acme, "users.view").await;
        }
        let before = watched.scrape().await;

        for _ in 0..5 {
            assert!(world.may(&ada, &acme, "users.view").await.allowed());
        }
        for _ in 0..3 {
            assert!(!world.may(&bob, &acme, "users.view").await.allowed());
        }
        assert!(!world.may(&eve, &acme, "users.view").await.allowed());
        let question = |subject: &str, permission: &str| CheckRequest {
            account: acme.id.clone(),
            subject: Some(user_subject(subject)),
            permission: permission.to_owned(),
            ..CheckRequest::default()
        };
        let checks = vec![question(&ada.id, "users.view"), question(&ada.id, "no.such"), question("nobody", "x")];
        let batch = BatchCheckRequest { checks, consistency: None };
        let service = world.service(&["authz.check"]);
        service.authz().batch_check(batch).await.expect("answers");
        // Two in the short way of a stream and one that is left to the ordinary one; a fourth cannot be asked.
        let fresh = Consistency { requirement: Some(Requirement::FullyConsistent(FullyConsistent {})) };
        let checks = vec![
            question(&ada.id, "users.view"),
            question(&bob.id, "users.view"),
            CheckRequest { consistency: Some(fresh), ..question(&ada.id, "users.view") },
            question("nobody", "x"),
        ];
        service.ask_on_a_stream(checks).await.expect("answers");
        let refused = world.by(&ada).remove(&acme, &ada).await;
        assert_refused(refused, Code::PermissionDenied, "SELF_REMOVAL");
        let refused = world.service(&["authz.read"]).authz().check(question(&ada.id, "users.view")).await;
        assert_refused(refused, Code::PermissionDenied, "SCOPE_MISSING");

        let after = watched.scrape().await;
        assert_eq!(
            growth(&after, &before, "mandate_rpcs_total"),
            expected(&[
                ("OK Check mandate.v1.AuthzService", 9.0),
                ("PERMISSION_DENIED Check mandate.v1.AuthzService", 1.0),
                ("OK BatchCheck mandate.v1.AuthzService", 1.0),
                ("OK CheckStream mandate.v1.AuthzService", 1.0),
                ("PERMISSION_DENIED RemoveMember mandate.v1.MembershipService", 1.0),
            ])
        );
        assert_eq!(
            growth(&after, &before, "mandate_decisions_total"),
            expected(&[
                ("allowed ROLE", 8.0),
                ("denied NOT_GRANTED", 4.0),
                ("denied NOT_A_MEMBER", 1.0),
                ("denied UNKNOWN_PERMISSION", 1.0),
            ])
        );
        for (service, method, calls) in [
            ("mandate.v1.AuthzService", "Check", 10.0),
            ("mandate.v1.AuthzService", "BatchCheck", 1.0),
            ("mandate.v1.AuthzService", "CheckStream", 1.0),
            ("mandate.v1.MembershipService", "RemoveMember", 1.0),
        ] {
            let labels = [("service", service), ("method", method)];
            let grown = |suffix| {
                let name = format!("mandate_rpc_duration_seconds{suffix}");
                after.value(&name, &labels) - before.value(&name, &labels)
            };
            assert_eq!(grown("_count"), calls, "{method}");
            assert!(grown("_sum") > 0.0, "{method} takes time");
        }
        // Fourteen questions about three facts each, all of them in memory; the refused write looks for facts, too.
        let looked = |family: &str, kind: &str| {
            after.value(family, &[("kind", kind)]) - before.value(family, &[("kind", kind)])
        };
        for kind in ["account", "user", "member"] {
            assert!(looked("mandate_facts_hits_total", kind) >= 14.0, "{kind}");
            assert_eq!(looked("mandate_facts_misses_total", kind), 0.0, "{kind}");
            assert!(after.value("mandate_facts_entries", &[("kind", kind)]) >= 1.0, "{kind}");
            assert!(after.value("mandate_facts_bytes", &[("kind", kind)]) > 0.0, "{kind}");
        }
        assert_eq!(after.growth(&before, "mandate_facts_evictions_total"), BTreeMap::new());
    }

    /// Calls that nobody serves are one, whatever they are named; health and reflection are by name.
    async fn what_callers_invent_makes_no_series(watched: Watched) {
        use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
        let before = watched.scrape().await;
        let channel = watched.world.server().channel();
        for method in ["One", "Two", "Three"] {
            let path = format!("/no.such.Service/{method}").parse().expect("a path");
            let mut client = tonic::client::Grpc::new(channel.clone());
            client.ready().await.expect("a connection");
            let codec = tonic_prost::ProstCodec::<(), ()>::default();
            let refused = client.unary(tonic::Request::new(()), path, codec).await;
            assert_eq!(refused.expect_err("nobody serves it").code(), Code::Unimplemented);
        }
        HealthClient::new(channel).check(HealthCheckRequest::default()).await.expect("healthy");
        let after = watched.scrape().await;
        assert_eq!(
            growth(&after, &before, "mandate_rpcs_total"),
            expected(&[("UNIMPLEMENTED other other", 3.0), ("OK Check grpc.health.v1.Health", 1.0)])
        );
    }

    /// Mail that waits is told within seconds, and that it has gone, too.
    async fn mail_that_waits_is_told(watched: Watched) {
        let world = &watched.world;
        let queued = [("state", "queued")];
        let told = async |series: fn(&Scrape) -> bool| {
            poll::until(Duration::from_secs(30), async || series(&watched.scrape().await).then_some(())).await
        };
        let is_there = told(|scrape| scrape.families.contains_key("mandate_outbox_mails"));
        is_there.await.expect("the outbox is read");
        assert_eq!(watched.scrape().await.value("mandate_outbox_mails", &queued), 0.0);
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        world.by(&ada).invite(&acme, "new@example.com", &["member"]).await.expect("invited");
        // The mail went to a folder meanwhile.
        told(|scrape| scrape.value("mandate_outbox_oldest_seconds", &[]) == 0.0).await.expect("nothing waits");
    }
}

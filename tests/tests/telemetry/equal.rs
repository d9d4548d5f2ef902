//! That whoever is nobody costs a sign-in as much as somebody: what takes time is the same, so that the time tells nothing.

use mandate_proto::v1::{CreateUserRequest, SignInRequest};
use mandate_tests::{Engine, Server, World, on_both_engines};

use crate::collector::{Collector, attributes, hex};
use crate::{SPAN, with};

const PASSWORD: &str = "a password of theirs 4711";

on_both_engines! {
    /// The statements of a sign-in with a wrong password, for an address that nobody has, and for people with a password,
    /// without one, and suspended. That a password is hashed for each of them a test of `passwords.rs` says.
    async fn a_failed_sign_in_does_the_same_for_nobody_and_for_somebody(engine: Engine) {
        let collector = Collector::start().await;
        let builder = Server::builder(engine).argument("--otlp-endpoint").argument(collector.url());
        let world = World::on(builder.start().await);
        let [known, suspended] = world.people(["Ada", "Bob"]).await;
        for person in [&known, &suspended] {
            world.has_password(person, PASSWORD).await;
        }
        world.operator().suspend_user(&suspended).await.expect("suspended");
        let request = CreateUserRequest {
            email: "cleo@example.com".to_owned(),
            display_name: "Cleo".to_owned(),
            ..CreateUserRequest::default()
        };
        world.operator().identity().create_user(request).await.expect("a person without a password");

        let mut all = Vec::new();
        let addresses = ["nobody@example.com", &known.email, &suspended.email, "cleo@example.com"];
        for (address, number) in addresses.into_iter().zip(1_u128..) {
            let trace = format!("{:032x}", 0xabcd_0000 + number);
            let request = SignInRequest { email: address.to_owned(), password: "no such password".to_owned() };
            let call = with(request, &[("traceparent", &format!("00-{trace}-{SPAN}-01"))]);
            let status = world.anybody().sign_in(call).await.expect_err("wrong");
            let rpc = collector.until("the sign-in", |collector| {
                let is_it = |span: &opentelemetry_proto::tonic::trace::v1::Span| {
                    hex(&span.trace_id) == trace && span.name == "mandate.v1.IdentityService/SignIn"
                };
                collector.spans().into_iter().find(is_it)
            });
            let rpc = rpc.await;
            let mut spans = collector.spans();
            spans.retain(|span| span.trace_id == rpc.trace_id && span.span_id != rpc.span_id);
            spans.sort_by_key(|span| span.start_time_unix_nano);
            let statements: Vec<String> = spans
                .iter()
                .map(|span| format!("{} {:?}", span.name, attributes(&span.attributes).get("db.query.text")))
                .collect();
            all.push((status.code(), status.message().to_owned(), status.details().to_owned(), statements));
        }
        let nobody = &all[0];
        assert!(nobody.3.len() >= 2, "who it is, and the password: {nobody:?}");
        for (address, told) in addresses.iter().zip(&all) {
            assert_eq!(told, nobody, "{address}");
        }
    }
}

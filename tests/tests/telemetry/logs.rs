//! Log lines as JSON, read line by line.

use mandate_tests::{Engine, Fixture, Server, World, on_both_engines};
use serde_json::Value;

use crate::{TRACE, question, sampled, with};

/// A world whose server logs JSON.
struct Logged {
    world: World,
}

impl Fixture for Logged {
    async fn prepare(engine: Engine) -> Self {
        let builder = Server::builder(engine).argument("--log-format").argument("json");
        let builder = builder.variable("MANDATE_LOG", "debug");
        Self { world: World::on(builder.start().await) }
    }
}

impl Logged {
    /// Each line, but for the one on stdout that says where the server listens.
    fn lines(&self) -> Vec<Value> {
        let log = self.world.server().log();
        let lines = log.lines().filter(|line| !line.starts_with("mandate listens on "));
        lines
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect()
    }
}

on_both_engines! {
    /// Each line of a call has its request id, the caller's own where that is a good one, and the caller's trace.
    async fn each_line_of_a_call_says_which(logged: Logged) {
        let world = &logged.world;
        let [ada, bob] = world.people(["Ada", "Bob"]).await;
        let acme = world.account("organization", &ada).await;
        world.member(&acme, &bob, &["member"]).await;
        let metadata = [("x-request-id", "from-the-caller"), ("traceparent", &sampled())];
        let call = with(mandate_tests::world::adding(&acme, &bob, &["member"]), &metadata);
        world.by(&bob).memberships().add_member(call).await.expect_err("members add nobody");
        let call = with(question(&bob, &acme, "users.view"), &[("x-request-id", "ada@example.com")]);
        let answer = world.by(&bob).authz().check(call).await.expect("an answer");
        let made = answer.metadata().get("x-request-id").expect("a new id").to_str().expect("text");
        assert!(made.len() == 32 && made.bytes().all(|byte| byte.is_ascii_hexdigit()), "{made}");

        let lines = logged.lines();
        let denied = lines.iter().find(|line| line["message"] == "a call was denied").expect("a line");
        assert_eq!(denied["span"]["request_id"], "from-the-caller", "{denied}");
        assert_eq!(denied["span"]["trace_id"], TRACE, "{denied}");
        assert_eq!(denied["span"]["rpc"], "mandate.v1.MembershipService/AddMember", "{denied}");
        assert_eq!(denied["caller"], format!("person {}", bob.id), "{denied}");
        assert_eq!((denied["reason"].as_str(), denied["account"].as_str()), (Some("OPERATOR_ONLY"), Some(&*acme.id)));
        assert_eq!(denied["operation"], "member.add", "{denied}");
        // What sqlx says of the statements of a call is a line of it, too, also of a write's own task.
        let of_a_write = |line: &&Value| {
            line["target"] == "sqlx::query" && line["span"]["rpc"] == "mandate.v1.MembershipService/AddMember"
        };
        let statement = lines.iter().find(of_a_write).expect("statements at the level debug");
        assert!(statement["span"]["request_id"].as_str().is_some_and(|id| !id.is_empty()), "{statement}");
        let nameless = |line: &&Value| line["target"] == "sqlx::query" && line["span"]["name"] == "read facts";
        assert_eq!(lines.iter().find(nameless), None);
        assert!(lines.iter().all(|line| line["timestamp"].is_string() && line["level"].is_string()));
    }

    /// Denied calls are told whatever the level.
    async fn denied_calls_are_told_at_any_level(engine: Engine) {
        let world = World::on(Server::builder(engine).variable("MANDATE_LOG", "error").start().await);
        let [ada, bob] = world.people(["Ada", "Bob"]).await;
        let acme = world.account("organization", &ada).await;
        world.by(&bob).rename(&acme, "mine").await.expect_err("strangers rename nothing");
        world.service(&["authz.check"]).add(&acme, &bob, &["admin"]).await.expect_err("no scope for it");
        let log = world.server().log();
        let denied: Vec<&str> = log.lines().filter(|line| line.contains("a call was denied")).collect();
        assert_eq!(denied.len(), 2, "{log}");
        assert!(denied[0].contains("NOT_A_MEMBER") && denied[0].contains(&bob.id), "{log}");
        assert!(denied[1].contains("SCOPE_MISSING") && denied[1].contains("#backend"), "{log}");
        assert!(denied.iter().all(|line| line.contains("request_id=")), "{log}");
    }
}

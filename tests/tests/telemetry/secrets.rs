//! What must not be told anywhere: secrets, addresses, and names.

use mandate_proto::v1::CreateUserRequest;
use mandate_tests::world::{OWN, inviting, row, text};
use mandate_tests::{Server, World, on_both_engines};

use crate::collector::Collector;
use crate::{question, with};

/// Names that stand nowhere else.
const NAMES: [&str; 4] = ["Xenophilia", "Quirinalis", "Wolkenkuckuck", "Zwetschge"];

/// A password that stands nowhere else.
const PASSWORD: &str = "correct horse battery staple 4711";

on_both_engines! {
    /// Many calls, those that fail among them, with the log at its most talkative that anybody runs, all calls traced, and all
    /// decisions recorded: whatever is secret, or says who somebody is, is in none of it.
    async fn nobody_is_told_of(engine: mandate_tests::Engine) {
        let (collector, folder) = (Collector::start().await, tempfile::tempdir().expect("a folder"));
        let file = folder.path().join("decisions");
        let builder = Server::builder(engine)
            .variable("MANDATE_LOG", "debug")
            .argument("--log-format")
            .argument("json")
            .argument("--otlp-endpoint")
            .argument(collector.url())
            .argument("--trace-sample-ratio")
            .argument("1")
            .argument("--decision-log")
            .argument(format!("file:{}", file.display()));
        let mut world = World::on(builder.start().await);
        let mut secrets: Vec<String> = NAMES.map(str::to_owned).to_vec();
        secrets.extend([PASSWORD, OWN, "an initial password", "example.com", "customer.example"].map(str::to_owned));

        let [ada, bob] = world.people([NAMES[0], NAMES[1]]).await;
        let acme = world.account("organization", &ada).await;
        world.has_password(&ada, PASSWORD).await;
        world.sign_in(&ada.email, "a wrong password").await.expect_err("wrong");
        secrets.push("a wrong password".to_owned());
        let tokens = world.sign_in(&ada.email, PASSWORD).await.expect("signed in");
        let later = world.refresh(&tokens).await.expect("refreshed");
        world.refresh(&tokens).await.expect_err("a refresh token is good once");
        for token in [&tokens, &later] {
            secrets.extend([signature(&token.access_token), token.refresh_token.clone()]);
        }
        world.with_token("not.a.token").rename(&acme, "no").await.expect_err("no token");

        // Invitations, accepted and not.
        let mail = format!("{}@example.com", NAMES[2].to_lowercase());
        world.by(&ada).invite_with(inviting(&acme, &mail, &["member"])).await.expect("invited");
        let link = world.letter(&mail, 1).await.token();
        let secret = link.rsplit('.').next().expect("a secret").to_owned();
        world.accept(&format!("{link}x"), NAMES[2]).await.expect_err("no such link");
        world.accept(&link, NAMES[2]).await.expect("a member");
        world.accept(&link, NAMES[2]).await.expect_err("once");
        secrets.push(secret);

        // Contacts with initial passwords.
        let olga = world.person("Olga").await;
        let terminal = world.ready_terminal(&olga).await;
        let contact = world.by(&olga).create_contact(&terminal, NAMES[3]).await.expect("a contact");
        world.operator().activate(&terminal, &contact, &["terminal_user"]).await.expect("activated");
        let initial = world.letter(&contact.email, 1).await.password();
        world.come_in(&contact.email, &initial).await.expect("came in");
        world.sign_in(&contact.email, &initial).await.expect_err("once");
        secrets.push(initial);

        // Everything else: what is refused, what is listed, what is asked about.
        world.member(&acme, &bob, &["member"]).await;
        world.by(&bob).rename(&acme, NAMES[1]).await.expect_err("members rename nothing");
        world.operator().set(&acme, "no_such", text(NAMES[1])).await.expect_err("no such attribute");
        world.operator().import(vec![row(&terminal, &bob.email, &["no.such"])]).await.expect("results");
        let again = CreateUserRequest { email: bob.email.clone(), display_name: NAMES[1].to_owned(), ..Default::default() };
        world.operator().identity().create_user(again).await.expect_err("the address is taken");
        world.operator().all_who_may(mandate_tests::world::who_may(&acme, "users.view")).await.expect("a list");
        let asked = question(&bob, &acme, "users.view");
        let call = with(asked.clone(), &[("x-request-id", &bob.email)]);
        world.service(&["authz.check"]).authz().check(call).await.expect("an answer");
        world.service(&["authz.check"]).ask_on_a_stream(vec![asked]).await.expect("answers");
        secrets.push(signature(&world.server().token("backend", &["authz.check"])));
        secrets.push(signature(&world.server().token("backend", &["platform.operator"])));
        world.operator().erase_user(&bob).await.expect("erased");

        let log = world.server().log();
        world.server_mut().stop().await;
        let log = format!("{log}{}", world.server().log());
        let decisions = std::fs::read_to_string(&file).expect("decisions");
        let spans = format!("{:?}", collector.spans());
        assert!(log.lines().count() > 100 && log.contains("a call was denied"), "it is not silent: {log}");
        assert!(decisions.lines().count() >= 3 && collector.spans().len() > 100, "neither are they");
        for (name, told) in [("log", &log), ("decision log", &decisions), ("spans", &spans)] {
            for secret in &secrets {
                let found = told.to_lowercase().find(&secret.to_lowercase());
                let around = found.map(|at| told.chars().skip(at.saturating_sub(200)).take(400).collect::<String>());
                assert_eq!(around, None, "the {name} has {secret}");
            }
        }
    }
}

/// The part of a token without which it is worth nothing.
fn signature(token: &str) -> String {
    token.rsplit('.').next().expect("a signature").to_owned()
}

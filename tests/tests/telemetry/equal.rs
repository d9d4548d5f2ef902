//! That whoever is nobody costs a call as much as somebody: what takes time is the same, so that the time tells nothing.

use mandate_proto::v1::{
    ActivateContactRequest, CreateContactRequest, CreateUserRequest, InviteMemberRequest, SignInRequest,
};
use mandate_tests::{Engine, Server, World, on_both_engines};

use crate::collector::{Collector, attributes, hex};
use crate::{SPAN, with};

const PASSWORD: &str = "a password of theirs 4711";

/// What a sampled call is in whose statements are looked at, and the trace's number.
fn traced(number: u128) -> (String, String) {
    let trace = format!("{:032x}", 0xabcd_0000 + number);
    (format!("00-{trace}-{SPAN}-01"), trace)
}

/// The statements of that trace's call, in their order.
async fn statements(collector: &Collector, trace: &str, method: &str) -> Vec<String> {
    let rpc = collector.until(method, |collector| {
        collector.spans().into_iter().find(|span| hex(&span.trace_id) == trace && span.name.ends_with(method))
    });
    let rpc = rpc.await;
    let mut spans = collector.spans();
    spans.retain(|span| span.trace_id == rpc.trace_id && span.span_id != rpc.span_id);
    spans.sort_by_key(|span| span.start_time_unix_nano);
    let text = |span: &opentelemetry_proto::tonic::trace::v1::Span| {
        format!("{} {:?}", span.name, attributes(&span.attributes).get("db.query.text"))
    };
    spans.iter().map(text).collect()
}

async fn observed(engine: Engine) -> (Collector, World) {
    let collector = Collector::start().await;
    let builder = Server::builder(engine).argument("--otlp-endpoint").argument(collector.url());
    let world = World::on(builder.start().await);
    (collector, world)
}

on_both_engines! {
    /// The statements of a sign-in with a wrong password, for an address that nobody has, and for people with a password,
    /// without one, and suspended. That a password is hashed for each of them a test of `passwords.rs` says.
    async fn a_failed_sign_in_does_the_same_for_nobody_and_for_somebody(engine: Engine) {
        let (collector, world) = observed(engine).await;
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
            let (parent, trace) = traced(number);
            let request = SignInRequest { email: address.to_owned(), password: "no such password".to_owned() };
            let status = world.anybody().sign_in(with(request, &[("traceparent", &parent)])).await.expect_err("wrong");
            let statements = statements(&collector, &trace, "IdentityService/SignIn").await;
            all.push((status.code(), status.message().to_owned(), status.details().to_owned(), statements));
        }
        let nobody = &all[0];
        assert!(nobody.3.len() >= 2, "who it is, and the password: {nobody:?}");
        for (address, told) in addresses.iter().zip(&all) {
            assert_eq!(told, nobody, "{address}");
        }
    }

    /// What is read, and how often it is begun anew, when an address is invited, written down as a contact's, and its login
    /// activated, for nobody's and for that of somebody with a password.
    async fn an_invitation_reads_the_same_for_nobody_and_for_somebody(engine: Engine) {
        let (collector, world) = observed(engine).await;
        let [olga, known] = world.people(["Olga", "Ada"]).await;
        world.has_password(&known, PASSWORD).await;
        let desk = world.ready_terminal(&olga).await.id;
        let chatty = world.account("organization", &olga).await.id;
        let mut party = world.by(&olga).memberships();

        let mut all = Vec::new();
        // The first one finds nothing in memory.
        let addresses = ["first@example.com", "nobody@example.com", &known.email];
        for (address, number) in addresses.into_iter().zip([1_u128, 11, 21]) {
            let (account, email) = (chatty.clone(), address.to_owned());
            let request = InviteMemberRequest { account, email, roles: vec!["member".to_owned()], ..Default::default() };
            let (parent, invited) = traced(number);
            party.invite_member(with(request, &[("traceparent", &parent)])).await.expect("invited");

            let (account, email, display_name) = (desk.clone(), address.to_owned(), "Somebody".to_owned());
            let request = CreateContactRequest { account, email, display_name, ..Default::default() };
            let (parent, made) = traced(number + 1);
            let answer = party.create_contact(with(request, &[("traceparent", &parent)])).await.expect("a contact");
            let contact = answer.into_inner().contact.expect("the contact").id;

            let (account, roles) = (desk.clone(), vec!["terminal_user".to_owned()]);
            let request = ActivateContactRequest { account, contact, roles, ..Default::default() };
            let (parent, activated) = traced(number + 2);
            party.activate_contact(with(request, &[("traceparent", &parent)])).await.expect("activated");

            let mut told = Vec::new();
            for (trace, method) in [
                (invited, "MembershipService/InviteMember"),
                (made, "MembershipService/CreateContact"),
                (activated, "MembershipService/ActivateContact"),
            ] {
                let statements = statements(&collector, &trace, method).await;
                // An activation makes a user of nobody, and so needs more places in the feed.
                let reads = |text: &&String| {
                    (text.starts_with("SELECT") || text.starts_with("BEGIN")) && !text.contains("(\"SELECT nextval")
                };
                told.push((method, statements.iter().filter(reads).cloned().collect::<Vec<_>>()));
            }
            all.push(told);
        }
        assert!(all[1].iter().all(|(_, reads)| !reads.is_empty()), "{all:#?}");
        assert_eq!(all[1], all[2], "nobody, and somebody");
    }
}

//! What the activity log tells: who did what to whom, for which account.

use mandate_proto::v1::activity_actor::Actor;
use mandate_proto::v1::{Account, Activity, ListActivityRequest, RemoveMemberRequest, User};
use mandate_tests::expect::{assert_invalid, assert_refused};
use mandate_tests::world::Party;
use mandate_tests::{World, on_both_engines};
use tonic::{Code, Request, Status};

/// A page of the log, of one subject's entries where one is given.
async fn log(
    by: &Party,
    account: &Account,
    subject: &str,
    size: i32,
    token: &str,
) -> Result<(Vec<Activity>, String), Status> {
    let request = ListActivityRequest {
        account: account.id.clone(),
        subject: subject.to_owned(),
        page_size: size,
        page_token: token.to_owned(),
    };
    let answer = by.accounts().list_activity(request).await?.into_inner();
    Ok((answer.activities, answer.next_page_token))
}

fn person(user: &User) -> Option<Actor> {
    Some(Actor::User(user.id.clone()))
}

on_both_engines! {
    /// Third parties act on an account's behalf; the log names both the person and the account acted for.
    async fn gw_04_the_log_names_the_person_and_the_account_acted_for(world: World) {
        // Given an agency that is a user in two customers' accounts and may order domains in both,
        let [olga, oskar, agency] = world.people(["Olga", "Oskar", "Agency"]).await;
        let (shop, cafe) = (world.account("client-area", &olga).await, world.account("client-area", &oskar).await);
        for (account, owner) in [(&shop, &olga), (&cafe, &oskar)] {
            world.by(owner).add(account, &agency, &["user"]).await.expect("a user");
            world.by(owner).set_grants(account, &agency, &["domains.order"]).await.expect("a grant");
        }
        // when it orders a domain for one of them,
        let domain = mandate_tests::world::resource("domain", "shop.example");
        world.by(&agency).register(&shop, domain, None).await.expect("a domain");
        // then the log of that account tells who did it and for whom, and the other one's log does not.
        let (entries, _) = log(&world.by(&olga), &shop, "", 0, "").await.expect("the log");
        let latest = entries.first().expect("an entry");
        assert_eq!(latest.operation, "resource.create");
        assert_eq!(latest.actor.clone().expect("who").actor, person(&agency));
        assert_eq!((latest.account.as_str(), latest.subject.as_str()), (shop.id.as_str(), "domain/shop.example"));
        let told: Vec<&str> = entries.iter().map(|entry| entry.operation.as_str()).collect();
        assert_eq!(told, ["resource.create", "member.update", "member.add", "account.create"]);
        let (others, _) = log(&world.by(&oskar), &cafe, "", 0, "").await.expect("the log");
        assert!(others.iter().all(|entry| entry.account == cafe.id && entry.operation != "resource.create"));
    }

    /// What changed stands in the entry: the grant that was given, and then what was taken.
    async fn gw_04_the_log_tells_what_changed(world: World) {
        let [olga, bob] = world.people(["Olga", "Bob"]).await;
        let shop = world.account("client-area", &olga).await;
        world.by(&olga).add(&shop, &bob, &["user"]).await.expect("a user");
        world.by(&olga).set_grants(&shop, &bob, &["invoices.view"]).await.expect("a grant");
        world.by(&olga).set_grants(&shop, &bob, &[]).await.expect("no grant");

        let (entries, _) = log(&world.by(&olga), &shop, &bob.id, 0, "").await.expect("the log");
        let grants: Vec<String> = entries.iter().map(|entry| format!("{:?}", entry.changes[0].fact)).collect();
        assert_eq!(entries.len(), 3, "added, granted, withdrawn: {entries:?}");
        assert!(entries.iter().all(|entry| entry.subject == bob.id && entry.changes[0].kind == "membership"));
        assert!(!grants[0].contains("invoices.view") && grants[1].contains("invoices.view"), "{grants:?}");
        // Nobody's address stands in it.
        assert!(!format!("{entries:?}").contains("@example.com"));
    }

    /// A service that acts for a person is named beside them.
    async fn gw_04_a_service_between_is_named(world: World) {
        let [olga, bob] = world.people(["Olga", "Bob"]).await;
        let shop = world.account("client-area", &olga).await;
        world.by(&olga).add(&shop, &bob, &["user"]).await.expect("a user");
        let mut request = Request::new(RemoveMemberRequest { account: shop.id.clone(), user: bob.id.clone(), ..Default::default() });
        request.metadata_mut().insert("mandate-acting-for", olga.id.parse().expect("ASCII"));
        world.service(&["people.act"]).memberships().remove_member(request).await.expect("removed");

        let (entries, _) = log(&world.by(&olga), &shop, "", 1, "").await.expect("the log");
        let actor = entries[0].actor.clone().expect("who");
        assert_eq!(actor.actor, person(&olga));
        assert_eq!(actor.through, "mandate#backend");
    }

    /// Whoever lacks the permission reads nothing; pages are complete; a bad request says what is wrong.
    async fn the_log_is_read_by_whom_the_policy_lets(world: World) {
        let [olga, bob, eve] = world.people(["Olga", "Bob", "Eve"]).await;
        let shop = world.account("client-area", &olga).await;
        world.by(&olga).add(&shop, &bob, &["user"]).await.expect("a user");
        assert_refused(log(&world.by(&bob), &shop, "", 0, "").await, Code::PermissionDenied, "PERMISSION_MISSING");
        assert_refused(log(&world.by(&eve), &shop, "", 0, "").await, Code::PermissionDenied, "NOT_A_MEMBER");
        world.by(&olga).set_grants(&shop, &bob, &["activity.view"]).await.expect("a grant");

        let (first, token) = log(&world.by(&bob), &shop, "", 2, "").await.expect("a page");
        let (second, end) = log(&world.by(&bob), &shop, "", 2, &token).await.expect("a page");
        assert_eq!((first.len(), second.len(), end.as_str()), (2, 1, ""));
        assert_eq!(second[0].operation, "account.create");
        assert_invalid(log(&world.by(&bob), &shop, "other", 2, &token).await, &["page_token"]);
        assert_invalid(log(&world.by(&bob), &shop, "", -1, "").await, &["page_size"]);
    }
}

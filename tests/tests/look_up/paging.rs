//! Lists of what Check allows, page by page.

use std::collections::BTreeSet;

use mandate_proto::v1::{Account, LookupAccountsRequest, LookupMembersRequest, LookupResourcesRequest};
use mandate_tests::expect::assert_invalid;
use mandate_tests::world::{resource, to_what, where_may, who_may};
use mandate_tests::{World, on_both_engines};

use crate::{asking, ids};

on_both_engines! {
    /// Large accounts and groups come in pages, each of them once and all of them.
    async fn large_accounts_come_in_pages(world: World) {
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        let mut readers = ids([&ada]);
        for number in 0..230 {
            let user = world.person(&format!("P{number}")).await;
            // Every third one may see users.
            let role = if number % 3 == 0 { "user_admin" } else { "member" };
            world.operator().add(&acme, &user, &[role]).await.expect("a member");
            if role == "user_admin" {
                readers.insert(user.id);
            }
        }
        for page_size in [0, 1, 7, 1_000] {
            let query = LookupMembersRequest { page_size, ..who_may(&acme, "users.view") };
            let found = asking(&world).all_who_may(query).await.expect("every page");
            assert!(found.is_sorted_by_key(|found| found.user.clone()), "by id");
            assert_eq!(found.into_iter().map(|found| found.user).collect::<BTreeSet<_>>(), readers);
        }
        let first = LookupMembersRequest { page_size: 7, ..who_may(&acme, "users.view") };
        let first = asking(&world).authz().lookup_members(first).await.expect("a page").into_inner();
        assert_eq!((first.users.len(), first.next_page_token.is_empty()), (7, false));

        // A user in many accounts, and one whom a group alone leads to as many.
        let max = world.person("Max").await;
        let mut brands = Vec::new();
        for _ in 0..120 {
            brands.push(world.account("managed-accounts", &ada).await);
        }
        let all: Vec<&Account> = brands.iter().collect();
        let group = world.by(&ada).found_group("Agency", &all).await.expect("a group");
        world.by(&ada).add_to_group(&group, &max, "manager").await.expect("a manager");
        let all: Vec<String> = brands.iter().map(|brand| brand.id.clone()).collect();
        for user in [&ada, &max] {
            for page_size in [1, 7, 0] {
                let query = LookupAccountsRequest { page_size, ..where_may(user, "campaigns.launch") };
                let found = asking(&world).all_where(query).await.expect("every page");
                assert_eq!(found.into_iter().map(|found| found.account).collect::<Vec<_>>(), all);
            }
        }

        for number in 0..130 {
            world.resource(&acme, "workspace", &format!("w{number:03}")).await;
        }
        let query = LookupResourcesRequest { page_size: 9, ..to_what(&acme, &ada, "workspaces.view") };
        let found = asking(&world).all_to_which(query).await.expect("every page");
        assert_eq!(found.len(), 130);
        assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), 130);
    }

    /// A page token is good for the query that gave it out.
    async fn tokens_of_another_query(world: World) {
        let [ada, bob] = world.people(["Ada", "Bob"]).await;
        let acme = world.account("organization", &ada).await;
        let other = world.account("organization", &ada).await;
        world.member(&acme, &bob, &["user_admin"]).await;
        for workspace in ["a", "b"] {
            world.resource(&acme, "workspace", workspace).await;
        }
        let authz = || asking(&world).authz();
        let members = LookupMembersRequest { page_size: 1, ..who_may(&acme, "users.view") };
        let page_token = authz().lookup_members(members.clone()).await.expect("a page").into_inner().next_page_token;
        let members = LookupMembersRequest { page_token: page_token.clone(), ..members };
        assert_eq!(authz().lookup_members(members.clone()).await.expect("a page").into_inner().users.len(), 1);
        for query in [
            LookupMembersRequest { account: other.id.clone(), ..members.clone() },
            LookupMembersRequest { permission: "users.add".to_owned(), ..members.clone() },
            LookupMembersRequest { resource: Some(resource("workspace", "a")), ..members.clone() },
        ] {
            assert_invalid(authz().lookup_members(query).await, &["page_token"]);
        }
        let accounts = LookupAccountsRequest { page_token, ..where_may(&ada, "users.view") };
        assert_invalid(authz().lookup_accounts(accounts).await, &["page_token"]);

        let accounts = LookupAccountsRequest { page_size: 1, ..where_may(&ada, "users.view") };
        let page_token = authz().lookup_accounts(accounts).await.expect("a page").into_inner().next_page_token;
        let accounts = LookupAccountsRequest { page_token, ..where_may(&bob, "users.view") };
        assert_invalid(authz().lookup_accounts(accounts).await, &["page_token"]);

        let things = LookupResourcesRequest { page_size: 1, ..to_what(&acme, &ada, "workspaces.view") };
        let page_token = authz().lookup_resources(things.clone()).await.expect("a page").into_inner().next_page_token;
        let things = LookupResourcesRequest { page_token, ..things };
        assert_eq!(authz().lookup_resources(things.clone()).await.expect("a page").into_inner().resources.len(), 1);
        for query in [
            LookupResourcesRequest { r#type: "workspace".to_owned(), ..things.clone() },
            LookupResourcesRequest { subject: to_what(&acme, &bob, "").subject, ..things.clone() },
        ] {
            assert_invalid(authz().lookup_resources(query).await, &["page_token"]);
        }
    }
}

//! Who may do something, to what, and in which accounts: lists of what Check allows.

use std::collections::BTreeSet;

use mandate_proto::v1::consistency::Requirement;
use mandate_proto::v1::via::{GroupVia, ModuleGrant, Via as Way};
use mandate_proto::v1::{
    Account, Consistency, DecisionReason as Reason, FullyConsistent, LookupAccountsRequest,
    LookupMembersRequest, LookupResourcesRequest, ResourceRef, Subject, User, Via, subject,
};
use mandate_tests::expect::{assert_invalid, assert_refused};
use mandate_tests::world::{adding, assignment, names, resource, to_what, where_may, who_may};
use mandate_tests::{World, on_both_engines};
use tonic::Code;

fn role(name: &str) -> Via {
    Via { via: Some(Way::Role(name.to_owned())) }
}

fn ids<'a>(users: impl IntoIterator<Item = &'a User>) -> BTreeSet<String> {
    users.into_iter().map(|user| user.id.clone()).collect()
}

fn asking(world: &World) -> mandate_tests::world::Party {
    world.service(&["authz.read"])
}

async fn who(world: &World, query: LookupMembersRequest) -> BTreeSet<String> {
    let users = asking(world).all_who_may(query).await.expect("an answer");
    let ids: BTreeSet<String> = users.iter().map(|found| found.user.clone()).collect();
    assert_eq!(ids.len(), users.len(), "nobody is listed twice");
    ids
}

async fn places(world: &World, user: &User, permission: &str) -> Vec<String> {
    let accounts = asking(world).all_where(where_may(user, permission)).await.expect("an answer");
    accounts.into_iter().map(|found| found.account).collect()
}

async fn things(world: &World, account: &Account, user: &User, permission: &str) -> Vec<String> {
    asking(world).all_to_which(to_what(account, user, permission)).await.expect("an answer")
}

/// An organization whose member Bob is assigned a workspace, in which contacts live, and one contact in another.
async fn organization(world: &World) -> (Account, [User; 3]) {
    let [ada, bob, cleo] = world.people(["Ada", "Bob", "Cleo"]).await;
    let acme = world.account("organization", &ada).await;
    for workspace in ["north", "south"] {
        world.resource(&acme, "workspace", workspace).await;
    }
    for (contact, workspace) in [("ina", "north"), ("ole", "north"), ("uwe", "south")] {
        let parent = Some(resource("workspace", workspace));
        let registered = world.by(&ada).register(&acme, resource("customer_contact", contact), parent).await;
        registered.expect("a contact");
    }
    world.member(&acme, &bob, &["member"]).await;
    world.member(&acme, &cleo, &["billing_admin"]).await;
    assign(world, &acme, &bob, resource("workspace", "north")).await;
    assign(world, &acme, &bob, resource("customer_contact", "ina")).await;
    assign(world, &acme, &bob, resource("customer_contact", "uwe")).await;
    (acme, [ada, bob, cleo])
}

async fn assign(world: &World, account: &Account, user: &User, resource: ResourceRef) {
    let assigned = world.operator().assign(account, user, assignment(&resource, &[], &[])).await;
    assigned.expect("assigned");
}

on_both_engines! {
    /// GW-04: who may pay invoices is the owner, and each user to whom the owner gave it.
    async fn gw_04_who_may_pay_invoices(world: World) {
        let [ada, bob, cleo] = world.people(["Ada", "Bob", "Cleo"]).await;
        let shop = world.account("client-area", &ada).await;
        for (user, grant) in [(&bob, "invoices.pay"), (&cleo, "invoices.view")] {
            let request = mandate_proto::v1::AddMemberRequest { grants: names(&[grant]), ..adding(&shop, user, &["user"]) };
            world.by(&ada).add_with(request).await.expect("a user");
        }
        let found = asking(&world).all_who_may(who_may(&shop, "invoices.pay")).await.expect("an answer");
        let [of_ada, of_bob] = [&ada, &bob].map(|user| {
            found.iter().find(|found| found.user == user.id).expect("is listed")
        });
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!((of_ada.reason(), &*of_ada.via), (Reason::Role, &[role("owner")][..]));
        let grant = Way::Grant(ModuleGrant { permission: "invoices.pay".to_owned() });
        assert_eq!((of_bob.reason(), &*of_bob.via), (Reason::Grant, &[Via { via: Some(grant) }][..]));

        // The next list shows what a write did, and so does one that waits for it.
        world.by(&ada).suspend(&shop, &bob).await.expect("suspended");
        assert_eq!(who(&world, who_may(&shop, "invoices.pay")).await, ids([&ada]));
        world.by(&ada).set_grants(&shop, &cleo, &["invoices.pay"]).await.expect("granted");
        assert_eq!(who(&world, who_may(&shop, "invoices.pay")).await, ids([&ada, &cleo]));
        let token = world.operator().remove_for_token(&shop, &cleo).await.expect("removed");
        for requirement in [Requirement::AtLeastAsFresh(token), Requirement::FullyConsistent(FullyConsistent {})] {
            let consistency = Some(Consistency { requirement: Some(requirement) });
            let query = LookupMembersRequest { consistency, ..who_may(&shop, "invoices.pay") };
            assert_eq!(who(&world, query).await, ids([&ada]));
        }
    }

    /// PE-03: which accounts a manager acts in: those of the group, and by every way there is.
    async fn pe_03_in_which_accounts_a_manager_may_launch_campaigns(world: World) {
        let [ada, max] = world.people(["Ada", "Max"]).await;
        let mut brands = Vec::new();
        for _ in 0..3 {
            brands.push(world.account("managed-accounts", &ada).await);
        }
        let group = world.by(&ada).found_group("Agency", &[&brands[0], &brands[1]]).await.expect("a group");
        world.by(&ada).add_to_group(&group, &max, "manager").await.expect("a manager");
        let launch = "campaigns.launch";
        let all: Vec<String> = brands.iter().map(|brand| brand.id.clone()).collect();
        assert_eq!(places(&world, &ada, launch).await, all);
        assert_eq!(places(&world, &max, launch).await, all[..2]);
        assert!(places(&world, &max, "team.add").await.is_empty(), "managers do not manage the team");

        world.by(&ada).add(&brands[1], &max, &["member"]).await.expect("a member besides");
        let found = asking(&world).all_where(where_may(&max, launch)).await.expect("an answer");
        let through = GroupVia { group: group.id.clone(), role: "manager".to_owned() };
        let through = Via { via: Some(Way::Group(through)) };
        assert_eq!((found[0].reason(), &*found[0].via), (Reason::Group, &[through.clone()][..]));
        assert_eq!((found[1].reason(), &*found[1].via), (Reason::Role, &[role("member"), through][..]));

        assert_eq!(who(&world, who_may(&brands[0], launch)).await, ids([&ada, &max]));
        assert_eq!(who(&world, who_may(&brands[2], launch)).await, ids([&ada]));

        world.operator().suspend_account(&brands[0]).await.expect("suspended");
        assert_eq!(places(&world, &max, launch).await, all[1..2], "nobody acts in a suspended account");
        let page = asking(&world).authz().lookup_members(who_may(&brands[0], launch)).await.expect("an answer");
        assert_eq!(page.into_inner().reason(), Reason::AccountSuspended);
        world.by(&ada).remove_from_group(&group, &max).await.expect("removed");
        assert!(places(&world, &max, launch).await.is_empty());
    }

    /// RE-12: a member works in the assigned workspaces and in what lives there; each is listed once.
    async fn re_12_to_what_a_member_may_reply(world: World) {
        let (acme, [ada, bob, cleo]) = organization(&world).await;
        let mut found = things(&world, &acme, &bob, "inbox.reply").await;
        found.sort();
        let ina = "customer_contact/ina";
        assert_eq!(found, [ina, "customer_contact/ole", "customer_contact/uwe", "workspace/north"]);
        let of_type = LookupResourcesRequest { r#type: "workspace".to_owned(), ..to_what(&acme, &bob, "inbox.reply") };
        assert_eq!(asking(&world).all_to_which(of_type).await.expect("an answer"), ["workspace/north"]);
        let all = asking(&world).all_resources(to_what(&acme, &bob, "inbox.reply")).await.expect("an answer");
        let ways = |name: &str| {
            let named = all.iter().find(|found| found.resource.as_ref().is_some_and(|found| found.id == name));
            named.expect("is listed").via.clone()
        };
        let by = |kind, id| Via { via: Some(Way::Assignment(resource(kind, id))) };
        assert_eq!(ways("ina"), [by("customer_contact", "ina"), by("workspace", "north")]);
        assert_eq!(ways("ole"), [by("workspace", "north")]);
        // Page by page it is the same.
        let paged = LookupResourcesRequest { page_size: 1, ..to_what(&acme, &bob, "inbox.reply") };
        let mut paged = asking(&world).all_to_which(paged).await.expect("an answer");
        paged.sort();
        assert_eq!(paged, found);

        assert_eq!(things(&world, &acme, &ada, "inbox.reply").await.len(), 5, "an admin: to all there are");
        assert!(things(&world, &acme, &cleo, "inbox.reply").await.is_empty(), "nothing is assigned to her");
        assert_eq!(things(&world, &acme, &cleo, "workspaces.view").await.len(), 2, "account-wide");
        let on = |kind, id| LookupMembersRequest { resource: Some(resource(kind, id)), ..who_may(&acme, "inbox.reply") };
        assert_eq!(who(&world, on("customer_contact", "ole")).await, ids([&ada, &bob]));
        assert_eq!(who(&world, on("workspace", "south")).await, ids([&ada]));
        assert_eq!(who(&world, who_may(&acme, "inbox.reply")).await, ids([&ada]));
    }

    /// Why a list is empty, where nothing could be in it.
    async fn an_empty_list_says_why(world: World) {
        let (acme, [ada, bob, _]) = organization(&world).await;
        let members = async |query| asking(&world).authz().lookup_members(query).await.expect("a page").into_inner();
        let fly = members(who_may(&acme, "pigs.fly")).await;
        assert_eq!((fly.reason(), fly.users.len(), &*fly.next_page_token), (Reason::UnknownPermission, 0, ""));
        assert!(!fly.consistency_token.is_empty());
        let nowhere = Account { id: "acc_01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned(), ..Account::default() };
        assert_eq!(members(who_may(&nowhere, "users.view")).await.reason(), Reason::UnknownAccount);
        let on = |name: &str| Some(resource("workspace", name));
        let west = LookupMembersRequest { resource: on("west"), ..who_may(&acme, "inbox.reply") };
        assert_eq!(members(west).await.reason(), Reason::UnknownResource);
        let users = LookupMembersRequest { resource: on("north"), ..who_may(&acme, "users.view") };
        assert_eq!(members(users).await.reason(), Reason::PermissionNotOnResource);

        let things = async |query| asking(&world).authz().lookup_resources(query).await.expect("a page").into_inner();
        let eve = world.person("Eve").await;
        assert_eq!(things(to_what(&acme, &eve, "inbox.reply")).await.reason(), Reason::NotAMember);
        assert_eq!(things(to_what(&acme, &ada, "users.view")).await.reason(), Reason::PermissionNotOnResource);
        let submarines = LookupResourcesRequest { r#type: "submarine".to_owned(), ..to_what(&acme, &bob, "inbox.reply") };
        assert_eq!(things(submarines).await.reason(), Reason::UnknownResourceType);
        assert!(places(&world, &eve, "users.view").await.is_empty());
    }

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

    /// Persons ask about themselves, and about others what the account's policy lets them see.
    async fn persons_ask_about_themselves(world: World) {
        let (acme, [ada, bob, cleo]) = organization(&world).await;
        let eve = world.person("Eve").await;
        let own = LookupResourcesRequest { subject: None, ..to_what(&acme, &bob, "inbox.reply") };
        assert_eq!(world.by(&bob).all_to_which(own.clone()).await.expect("his own").len(), 4);
        let of_bob = to_what(&acme, &bob, "inbox.reply");
        assert_eq!(world.by(&ada).all_to_which(of_bob.clone()).await.expect("an admin sees members").len(), 4);
        assert_refused(world.by(&bob).all_to_which(to_what(&acme, &cleo, "inbox.reply")).await, Code::PermissionDenied, "PERMISSION_MISSING");
        assert_refused(world.by(&eve).all_to_which(of_bob).await, Code::PermissionDenied, "NOT_A_MEMBER");
        // What a stranger hears does not tell whether there is such an account.
        let nowhere = Account { id: "acc_01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned(), ..Account::default() };
        world.operator().suspend_account(&acme).await.expect("suspended");
        for account in [&acme, &nowhere] {
            let query = LookupResourcesRequest { subject: None, ..to_what(account, &eve, "inbox.reply") };
            let page = world.by(&eve).authz().lookup_resources(query).await.expect("a page").into_inner();
            assert_eq!((page.reason(), page.resources.len()), (Reason::NotAMember, 0));
            let refused = world.by(&eve).all_who_may(who_may(account, "users.view")).await;
            assert_refused(refused, Code::PermissionDenied, "NOT_A_MEMBER");
        }
        world.operator().reinstate_account(&acme).await.expect("reinstated");

        assert_eq!(world.by(&ada).all_who_may(who_may(&acme, "users.view")).await.expect("she lists members").len(), 2);
        let refused = world.by(&bob).all_who_may(who_may(&acme, "users.view")).await;
        assert_refused(refused, Code::PermissionDenied, "PERMISSION_MISSING");

        let own = LookupAccountsRequest { subject: None, ..where_may(&ada, "users.view") };
        let found = world.by(&ada).all_where(own).await.expect("her own");
        assert_eq!(found.into_iter().map(|found| found.account).collect::<Vec<_>>(), [acme.id.clone()]);
        let refused = world.by(&ada).all_where(where_may(&bob, "users.view")).await;
        assert_refused(refused, Code::PermissionDenied, "NOT_ONESELF");
        let refused = world.service(&["authz.check"]).all_where(where_may(&bob, "users.view")).await;
        assert_refused(refused, Code::PermissionDenied, "SCOPE_MISSING");
    }

    /// A contact holds what was granted on everything of its type, and is listed nowhere as a user.
    async fn a_contacts_resources(world: World) {
        let ada = world.person("Ada").await;
        let terminal = world.ready_terminal(&ada).await;
        let contact = world.by(&ada).create_contact(&terminal, "Ina").await.expect("a contact");
        let subject = Some(Subject { subject: Some(subject::Subject::Contact(contact.id.clone())) });
        let query = LookupResourcesRequest { subject: subject.clone(), ..to_what(&terminal, &ada, "access.view") };
        let page = asking(&world).authz().lookup_resources(query).await.expect("a page").into_inner();
        assert!(page.resources.is_empty() && page.every_of_types.is_empty(), "{page:?}");
        let unknown = Some(Subject { subject: Some(subject::Subject::Contact("con_01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned())) });
        let query = LookupResourcesRequest { subject: unknown, ..to_what(&terminal, &ada, "access.view") };
        let page = asking(&world).authz().lookup_resources(query).await.expect("a page").into_inner();
        assert_eq!(page.reason(), Reason::UnknownSubject);
        let query = LookupAccountsRequest { subject, ..where_may(&ada, "access.view") };
        assert_invalid(asking(&world).all_where(query).await, &["subject.contact"]);
    }

    /// Whatever is wrong is told at once, by path.
    async fn bad_requests(world: World) {
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        let authz = || asking(&world).authz();
        let nothing = LookupMembersRequest { page_size: -1, page_token: "!".to_owned(), ..Default::default() };
        let expected = ["account", "page_size", "page_token", "permission"];
        assert_invalid(authz().lookup_members(nothing).await, &expected);
        let nothing = LookupResourcesRequest {
            subject: Some(Subject::default()),
            r#type: "two\nlines".to_owned(),
            consistency: Some(Consistency::default()),
            page_size: 1_001,
            page_token: "!".to_owned(),
            ..Default::default()
        };
        let expected = ["account", "consistency", "page_size", "page_token", "permission", "subject", "type"];
        assert_invalid(authz().lookup_resources(nothing).await, &expected);
        let nothing = LookupAccountsRequest { page_size: -1, page_token: "!".to_owned(), ..Default::default() };
        assert_invalid(authz().lookup_accounts(nothing).await, &["page_size", "page_token", "permission"]);
        let unnamed = LookupAccountsRequest { subject: None, ..where_may(&ada, "users.view") };
        assert_invalid(authz().lookup_accounts(unnamed).await, &["subject"]);
        let half = LookupMembersRequest {
            resource: Some(ResourceRef::default()),
            permission: "p".repeat(129),
            ..who_may(&acme, "users.view")
        };
        let expected = ["permission", "resource.id", "resource.type"];
        assert_invalid(authz().lookup_members(half).await, &expected);
        let elsewhere = Some(Consistency { requirement: Some(Requirement::AtLeastAsFresh("!".to_owned())) });
        let stale = LookupMembersRequest { consistency: elsewhere, ..who_may(&acme, "users.view") };
        assert_refused(authz().lookup_members(stale).await, Code::InvalidArgument, "CONSISTENCY_TOKEN_INVALID");
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

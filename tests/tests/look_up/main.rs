//! Who may do something, to what, and in which accounts: lists of what Check allows.

mod paging;
mod requests;

use std::collections::BTreeSet;

use mandate_proto::v1::consistency::Requirement;
use mandate_proto::v1::via::{GroupVia, ModuleGrant, Via as Way};
use mandate_proto::v1::{
    Account, Consistency, DecisionReason as Reason, FullyConsistent, LookupMembersRequest,
    LookupResourcesRequest, ResourceRef, User, Via,
};
use mandate_tests::world::{adding, assignment, names, resource, to_what, where_may, who_may};
use mandate_tests::{World, on_both_engines};

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
}

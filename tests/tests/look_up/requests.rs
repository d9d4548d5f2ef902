//! Who may ask for lists of what Check allows, and for what.

use mandate_proto::v1::consistency::Requirement;
use mandate_proto::v1::{
    Account, Consistency, DecisionReason as Reason, LookupAccountsRequest, LookupMembersRequest,
    LookupResourcesRequest, ResourceRef, Subject, subject,
};
use mandate_tests::expect::{assert_invalid, assert_refused};
use mandate_tests::world::{resource, to_what, where_may, who_may};
use mandate_tests::{World, on_both_engines};
use tonic::Code;

use crate::{asking, organization, places};

on_both_engines! {
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
        assert_eq!((found.len(), &*found[0].account), (1, &*acme.id));
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
}

//! Names, pages, tenants and scopes that are not the caller's or not there.

use mandate_proto::v1::{
    AddMemberRequest, CheckRequest, CreateAccountRequest, GetAccountRequest, ListAccountsRequest,
    ListMembersRequest, LookupPermissionsRequest, UpdateAccountRequest, UpdateMemberRequest,
};
use mandate_tests::expect::{assert_invalid, assert_refused, fields, metadata};
use mandate_tests::world::{adding, names, resource, text, user_subject};
use mandate_tests::{World, on_both_engines};
use tonic::{Code, Request, Response};

use crate::{complaint, mask};

on_both_engines! {
    /// Names that the policy does not have come with the nearest one that it has, all at once.
    async fn unknown_names_come_with_the_nearest(world: World) {
        let [ada, eve] = world.people(["Ada", "Eve"]).await;
        let acme = world.account("organization", &ada).await;
        let shop = world.account("client-area", &ada).await;
        let by = world.by(&ada);

        let request = CreateAccountRequest {
            policy: "organisation".to_owned(),
            display_name: "A".to_owned(),
            ..CreateAccountRequest::default()
        };
        let told = complaint(by.create_account(request).await, "policy");
        assert!(told.contains("\"organisation\"") && told.contains("organization"), "{told}");

        let request = AddMemberRequest {
            grants: names(&["invoices.view", "invoices.veiw"]),
            restrictions: names(&["quiet"]),
            ..adding(&shop, &eve, &["usr"])
        };
        let status =
            assert_invalid(by.add_with(request).await, &["grants[1]", "restrictions[0]", "roles[0]"]);
        assert!(status.message().contains("did you mean \"user\"?"), "{status:?}");
        assert!(status.message().contains("did you mean \"invoices.view\"?"), "{status:?}");
        let told = complaint(
            by.invite(&acme, &eve.email, &["admn"]).await,
            "roles[0]",
        );
        assert!(told.contains("did you mean \"admin\"?"), "{told}");

        let told = complaint(by.register(&acme, resource("workspaces", "w"), None).await, "resource.type");
        assert!(told.contains("did you mean \"workspace\"?"), "{told}");
        let told = complaint(by.set(&shop, "teir", text("x")).await, "attributes[teir]");
        assert!(told.contains("no attribute \"teir\""), "{told}");
        let told = complaint(by.register(&acme, resource("customer_contact", "c"), None).await, "parent");
        assert!(told.contains("workspace"), "{told}");
    }

    /// Masks that name what cannot be changed, and enum values that do not exist.
    async fn unknown_masks_and_enum_values(world: World) {
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        let by = world.by(&ada);
        let request = UpdateAccountRequest {
            account: acme.id.clone(),
            display_name: "Acme".to_owned(),
            update_mask: mask(&["display_name", "policy", "Display_Name"]),
            ..UpdateAccountRequest::default()
        };
        assert_invalid(
            by.accounts().update_account(request).await,
            &["update_mask.paths[1]", "update_mask.paths[2]"],
        );
        let request = UpdateMemberRequest {
            account: acme.id.clone(),
            user: ada.id.clone(),
            update_mask: mask(&["role"]),
            ..UpdateMemberRequest::default()
        };
        let told = complaint(by.memberships().update_member(request).await, "update_mask.paths[0]");
        assert!(told.contains("roles, grants or restrictions"), "{told}");
        for state in [4, -1, i32::MAX] {
            let request =
                ListMembersRequest { account: acme.id.clone(), state, ..ListMembersRequest::default() };
            complaint(by.memberships().list_members(request).await, "state");
        }
    }

    /// Another tenant's account: the same words whatever the call, right or wrong fields included.
    async fn a_wrong_tenant_learns_nothing(world: World) {
        let [ada, eve] = world.people(["Ada", "Eve"]).await;
        let acme = world.account("organization", &ada).await;
        world.account("organization", &eve).await;
        let by = world.by(&eve);
        let check = CheckRequest {
            account: acme.id.clone(),
            subject: Some(user_subject(&ada.id)),
            permission: "users.view".to_owned(),
            resource: None,
            consistency: None,
        };
        let lookup = LookupPermissionsRequest {
            account: acme.id.clone(),
            subject: Some(user_subject(&ada.id)),
            resource: None,
            consistency: None,
        };
        assert_refused(by.authz().check(check).await, Code::PermissionDenied, "NOT_ONESELF");
        let mut told = Vec::new();
        for refused in [
            by.account(&acme).await.map(|_| ()),
            by.rename(&acme, "Mine").await.map(|_| ()),
            by.members(&acme, "").await.map(|_| ()),
            by.members(&acme, "no such role").await.map(|_| ()),
            by.add(&acme, &eve, &["admin"]).await.map(|_| ()),
            by.add(&acme, &eve, &["no such role"]).await.map(|_| ()),
            by.remove(&acme, &ada).await.map(|_| ()),
            by.register(&acme, resource("workspace", "w"), None).await.map(|_| ()),
            by.register(&acme, resource("no such type", "w"), None).await.map(|_| ()),
            by.assignees(&acme, &resource("workspace", "w")).await.map(|_| ()),
            by.authz().lookup_permissions(lookup).await.map(|_| ()),
        ] {
            let status = assert_refused(refused, Code::PermissionDenied, "NOT_A_MEMBER");
            assert!(status.message().contains("check the account's id"), "{status:?}");
            told.push((status.message().to_owned(), status.details().to_vec()));
        }
        told.dedup();
        assert_eq!(told.len(), 1);
        assert_eq!(world.membership(&eve, &acme).await, None);
    }

    /// A page's token leads its own query on, and no other.
    async fn paging_tokens_and_sizes(world: World) {
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        let other = world.account("organization", &ada).await;
        for name in ["Bea", "Cem", "Dan"] {
            let user = world.person(name).await;
            world.member(&acme, &user, &["member"]).await;
        }
        let list = async |account: &str, role: &str, page_size: i32, page_token: &str| {
            let request = ListMembersRequest {
                account: account.to_owned(),
                role: role.to_owned(),
                page_size,
                page_token: page_token.to_owned(),
                ..ListMembersRequest::default()
            };
            world.by(&ada).memberships().list_members(request).await.map(Response::into_inner)
        };
        let first = list(&acme.id, "", 3, "").await.expect("the first page");
        assert_eq!((first.members.len(), first.next_page_token.is_empty()), (3, false));
        let token = &first.next_page_token;
        let second = list(&acme.id, "", 2, token).await.expect("the second page, of another size");
        assert_eq!((second.members.len(), second.next_page_token.as_str()), (1, ""));

        for (account, role, token) in [
            (&acme.id, "member", &**token),
            (&other.id, "", token),
            (&acme.id, "", &token[1..]),
            (&acme.id, "", "!"),
        ] {
            let told = complaint(list(account, role, 3, token).await, "page_token");
            assert!(told.contains("send next_page_token of its last answer"), "{told}");
        }
        let accounts = ListAccountsRequest { page_size: 3, page_token: token.clone() };
        complaint(world.by(&ada).accounts().list_accounts(accounts).await, "page_token");
        for size in [-1, i32::MIN, 1_001] {
            complaint(list(&acme.id, "", size, "").await, "page_size");
        }
        assert_invalid(list("", "", -1, "!").await, &["account", "page_size", "page_token"]);
    }

    /// Services are kept to their scopes, and to themselves in whose name they act.
    async fn scopes_and_acting_for(world: World) {
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        let status = assert_refused(
            world.service(&["authz.read"]).account(&acme).await,
            Code::PermissionDenied,
            "SCOPE_MISSING",
        );
        assert_eq!(metadata(&status, "scope").as_deref(), Some("accounts.read"));

        let get = async |scopes: &[&str], acting_for: &str| {
            let mut request = Request::new(GetAccountRequest { account: acme.id.clone() });
            request.metadata_mut().insert("mandate-acting-for", acting_for.parse().expect("a header"));
            world.service(scopes).accounts().get_account(request).await
        };
        get(&["people.act"], &ada.id).await.expect("as Ada");
        assert_refused(get(&["accounts.read"], &ada.id).await, Code::PermissionDenied, "SCOPE_MISSING");
        assert_invalid(get(&["people.act"], &acme.id).await, &["metadata[mandate-acting-for]"]);
        let nobody = get(&["people.act"], "usr_01ARZ3NDEKTSV4RRFFQ69G5FAV").await;
        assert_refused(nobody, Code::Unauthenticated, "CALLER_UNKNOWN");
        // A person who names another one is refused, not taken for either.
        let eve = world.person("Eve").await;
        let mut request = Request::new(GetAccountRequest { account: acme.id.clone() });
        request.metadata_mut().insert("mandate-acting-for", ada.id.parse().expect("a header"));
        let refused = world.by(&eve).accounts().get_account(request).await;
        let status = assert_refused(refused, Code::PermissionDenied, "SCOPE_MISSING");
        assert!(fields(&status).is_empty(), "{status:?}");
    }
}

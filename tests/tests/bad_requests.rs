//! Hand-written bad requests: each gets one clear error with code, reason and fields, and does nothing else.

use mandate_proto::v1::{
    AddAccountGroupUserRequest, AddMemberRequest, AssignResourceRequest, AttributeValue, CheckRequest,
    CreateAccountGroupRequest, CreateAccountRequest, CreateResourceRequest, CreateUserRequest, GetAccountRequest,
    GetAccountResponse, Identity, ListAccountsRequest, ListAssignmentsRequest, ListMembersRequest,
    ListResourcesRequest, LookupPermissionsRequest, NewAssignment, RemoveAccountGroupUserRequest,
    RemoveMemberRequest, ResourceRef, Subject, UpdateAccountRequest, UpdateMemberRequest,
};
use mandate_tests::expect::{assert_invalid, assert_refused, fields, metadata};
use mandate_tests::world::{adding, assignment, names, resource, text, user_subject};
use mandate_tests::{Authorized, World, on_both_engines};
use prost_types::FieldMask;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Response, Status};

/// The description of the only bad field.
#[track_caller]
fn complaint<T: std::fmt::Debug>(result: Result<T, Status>, path: &str) -> String {
    let status = assert_invalid(result, &[path]);
    assert_eq!(mandate_tests::expect::reason(&status), "INVALID_FIELDS");
    status.message().to_owned()
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: names(paths) })
}

/// Calls GetAccount with a message of another type.
async fn get_account_with(channel: Authorized, message: ListAccountsRequest) -> Result<Response<GetAccountResponse>, Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.expect("a connection");
    let path = PathAndQuery::from_static("/mandate.v1.AccountService/GetAccount");
    client.unary(Request::new(message), path, tonic_prost::ProstCodec::default()).await
}

on_both_engines! {
    /// The id of something else is named as such; misspelt ones say how an id is written.
    async fn ids_of_another_kind_or_misspelt(world: World) {
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        let get = async |account: &str| {
            let request = GetAccountRequest { account: account.to_owned() };
            world.operator().accounts().get_account(request).await
        };
        let told = complaint(get(&ada.id).await, "account");
        assert!(told.contains("is the id of a user; give the id of an account"), "{told}");
        let told = complaint(get("grp_01ARZ3NDEKTSV4RRFFQ69G5FAV").await, "account");
        assert!(told.contains("is the id of an account group"), "{told}");

        for misspelt in [&acme.id.to_lowercase(), &format!("{} ", acme.id), &acme.id[4..], "acc_", "acc_1", "*", "' OR 1=1 --"] {
            let told = complaint(get(misspelt).await, "account");
            assert!(told.contains("write `acc_` followed by 26 characters"), "{told}");
        }
        assert!(complaint(get("").await, "account").contains("is required"));
    }

    /// Whatever is missing is told at once, by path.
    async fn missing_fields_are_reported_together(world: World) {
        let operator = world.operator();
        let (mut accounts, mut memberships) = (operator.accounts(), operator.memberships());
        let ada = world.by(&world.person("Ada").await);

        assert_invalid(ada.accounts().create_account(CreateAccountRequest::default()).await, &["display_name", "policy"]);
        assert_invalid(operator.identity().create_user(CreateUserRequest::default()).await, &["display_name", "email"]);
        assert_invalid(accounts.update_account(UpdateAccountRequest::default()).await, &["account", "update_mask"]);
        assert_invalid(accounts.create_resource(CreateResourceRequest::default()).await, &["account", "resource"]);
        assert_invalid(accounts.list_resources(ListResourcesRequest::default()).await, &["account", "type"]);
        assert_invalid(ada.accounts().create_account_group(CreateAccountGroupRequest::default()).await, &["accounts", "display_name"]);
        assert_invalid(accounts.add_account_group_user(AddAccountGroupUserRequest::default()).await, &["group", "role", "user"]);
        assert_invalid(accounts.remove_account_group_user(RemoveAccountGroupUserRequest::default()).await, &["group", "user"]);
        assert_invalid(memberships.add_member(AddMemberRequest::default()).await, &["account", "roles", "user"]);
        assert_invalid(memberships.update_member(UpdateMemberRequest::default()).await, &["account", "update_mask", "user"]);
        assert_invalid(memberships.remove_member(RemoveMemberRequest::default()).await, &["account", "user"]);
        assert_invalid(memberships.assign_resource(AssignResourceRequest::default()).await, &["account", "assignment", "user"]);
        assert_invalid(memberships.list_assignments(ListAssignmentsRequest::default()).await, &["account", "of"]);
        let mut authz = operator.authz();
        assert_invalid(authz.check(CheckRequest::default()).await, &["account", "permission", "subject"]);
        assert_invalid(authz.lookup_permissions(LookupPermissionsRequest::default()).await, &["account"]);
        let nobody = LookupPermissionsRequest { subject: Some(Subject::default()), ..LookupPermissionsRequest::default() };
        assert_invalid(authz.lookup_permissions(nobody).await, &["account", "subject"]);
        // Deep inside a list, too.
        let assignments = vec![
            assignment(&resource("workspace", "w"), &[], &[]),
            NewAssignment::default(),
            NewAssignment { resource: Some(ResourceRef::default()), ..NewAssignment::default() },
        ];
        let request = AddMemberRequest { assignments, ..AddMemberRequest::default() };
        let expected = ["account", "assignments[1].resource", "assignments[2].resource.id", "assignments[2].resource.type", "roles", "user"];
        let status = assert_invalid(memberships.add_member(request).await, &expected);
        assert!(status.message().starts_with("6 field(s) need correction"), "{status:?}");
    }

    /// An operator names the first user; a person names nobody but themself.
    async fn people_that_a_call_is_for(world: World) {
        let [ada, eve] = world.people(["Ada", "Eve"]).await;
        let request = |first_user: &str| CreateAccountRequest {
            policy: "organization".to_owned(),
            display_name: "Acme".to_owned(),
            first_user: first_user.to_owned(),
            ..CreateAccountRequest::default()
        };
        complaint(world.operator().create_account(request("")).await, "first_user");
        complaint(world.by(&ada).create_account(request(&eve.id)).await, "first_user");
        let unknown = world.operator().create_account(request("usr_01ARZ3NDEKTSV4RRFFQ69G5FAV")).await;
        assert_refused(unknown, Code::NotFound, "NOT_FOUND");
        world.by(&ada).create_account(request(&ada.id)).await.expect("oneself may be named");
    }

    /// Texts and lists that are too long, and texts that nobody can read.
    async fn oversize_and_unreadable_fields(world: World) {
        let ada = world.person("Ada").await;
        let acme = world.account("terminal", &ada).await;
        let operator = world.operator();
        let user = |email: &str, name: &str| CreateUserRequest { email: email.to_owned(), display_name: name.to_owned(), identities: vec![] };
        for (email, name, path) in [
            (&*format!("{}@example.com", "a".repeat(250)), "A", "email"),
            ("not an address", "A", "email"),
            ("a@example.com", &"ä".repeat(201), "display_name"),
            ("a@example.com", "two\nlines", "display_name"),
            ("a@example.com", "   ", "display_name"),
        ] {
            complaint(operator.identity().create_user(user(email, name)).await, path);
        }
        operator.identity().create_user(user("a@example.com", &"ä".repeat(200))).await.expect("200 characters fit");
        let identities = vec![Identity { issuer: "i".to_owned(), subject: "s".repeat(256) }];
        let request = CreateUserRequest { identities, ..user("b@example.com", "B") };
        complaint(operator.identity().create_user(request).await, "identities[0].subject");
        let identities = (0..17).map(|n| Identity { issuer: "i".to_owned(), subject: n.to_string() }).collect();
        let request = CreateUserRequest { identities, ..user("b@example.com", "B") };
        complaint(operator.identity().create_user(request).await, "identities");

        let add = |request: AddMemberRequest| operator.add_with(request);
        let many = |count: usize| (0..count).map(|n| format!("n{n}")).collect::<Vec<_>>();
        complaint(add(AddMemberRequest { roles: many(65), ..adding(&acme, &ada, &[]) }).await, "roles");
        complaint(add(AddMemberRequest { grants: many(513), ..adding(&acme, &ada, &["owner"]) }).await, "grants");
        complaint(add(AddMemberRequest { restrictions: many(65), ..adding(&acme, &ada, &["owner"]) }).await, "restrictions");
        let assignments = vec![assignment(&resource("cloud", "c"), &[], &[]); 1_001];
        complaint(add(AddMemberRequest { assignments, ..adding(&acme, &ada, &["owner"]) }).await, "assignments");

        let long = resource("cloud", &"c".repeat(256));
        complaint(operator.register(&acme, long, None).await, "resource.id");
        let long = operator.set(&acme, "organization_domain", text(&"d".repeat(256))).await;
        complaint(long, "attributes[organization_domain].text");
        let attributes = (0..65).map(|n| (format!("a{n}"), AttributeValue::default())).collect();
        let request = UpdateAccountRequest { account: acme.id.clone(), attributes, update_mask: mask(&["attributes"]), ..UpdateAccountRequest::default() };
        complaint(operator.accounts().update_account(request).await, "attributes");
        let accounts = vec![acme.id.clone(); 1_001];
        let request = CreateAccountGroupRequest { display_name: "G".to_owned(), accounts, founder: ada.id.clone() };
        complaint(operator.accounts().create_account_group(request).await, "accounts");
        let request = CheckRequest { account: acme.id.clone(), subject: Some(user_subject(&ada.id)), permission: "p".repeat(129), resource: None };
        complaint(operator.authz().check(request).await, "permission");
    }

    /// A message of more than the server takes, and bytes that are another message.
    async fn oversize_and_foreign_messages(world: World) {
        let ada = world.person("Ada").await;
        let request = CreateAccountRequest {
            policy: "organization".to_owned(),
            display_name: "a".repeat(5 << 20),
            ..CreateAccountRequest::default()
        };
        let status = assert_refused(world.by(&ada).create_account(request).await, Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
        assert!(status.message().contains("MiB"), "{status:?}");

        let channel = world.server().calling_as(&ada.id, &[]);
        let foreign = ListAccountsRequest { page_size: 5, page_token: String::new() };
        let status = assert_refused(get_account_with(channel, foreign).await, Code::InvalidArgument, "INVALID_FIELDS");
        assert!(status.message().contains("not the message of this call"), "{status:?}");
    }

    /// Names that the policy does not have come with the nearest one that it has, all at once.
    async fn unknown_names_come_with_the_nearest(world: World) {
        let [ada, eve] = world.people(["Ada", "Eve"]).await;
        let acme = world.account("organization", &ada).await;
        let shop = world.account("client-area", &ada).await;
        let by = world.by(&ada);

        let request = CreateAccountRequest { policy: "organisation".to_owned(), display_name: "A".to_owned(), ..CreateAccountRequest::default() };
        let told = complaint(by.create_account(request).await, "policy");
        assert!(told.contains("\"organisation\"") && told.contains("organization"), "{told}");

        let request = AddMemberRequest {
            grants: names(&["invoices.view", "invoices.veiw"]),
            restrictions: names(&["quiet"]),
            ..adding(&shop, &eve, &["usr"])
        };
        let status = assert_invalid(by.add_with(request).await, &["grants[1]", "restrictions[0]", "roles[0]"]);
        assert!(status.message().contains("did you mean \"user\"?"), "{status:?}");
        assert!(status.message().contains("did you mean \"invoices.view\"?"), "{status:?}");
        let told = complaint(by.set_roles(&acme, &eve, &["admn"]).await.or(by.add(&acme, &eve, &["admn"]).await), "roles[0]");
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
        assert_invalid(by.accounts().update_account(request).await, &["update_mask.paths[1]", "update_mask.paths[2]"]);
        let request = UpdateMemberRequest { account: acme.id.clone(), user: ada.id.clone(), update_mask: mask(&["role"]), ..UpdateMemberRequest::default() };
        let told = complaint(by.memberships().update_member(request).await, "update_mask.paths[0]");
        assert!(told.contains("roles, grants or restrictions"), "{told}");
        for state in [4, -1, i32::MAX] {
            let request = ListMembersRequest { account: acme.id.clone(), state, ..ListMembersRequest::default() };
            complaint(by.memberships().list_members(request).await, "state");
        }
    }

    /// Another tenant's account: the same words whatever the call, right or wrong fields included.
    async fn a_wrong_tenant_learns_nothing(world: World) {
        let [ada, eve] = world.people(["Ada", "Eve"]).await;
        let acme = world.account("organization", &ada).await;
        world.account("organization", &eve).await;
        let by = world.by(&eve);
        let check = CheckRequest { account: acme.id.clone(), subject: Some(user_subject(&ada.id)), permission: "users.view".to_owned(), resource: None };
        let lookup = LookupPermissionsRequest { account: acme.id.clone(), subject: Some(user_subject(&ada.id)), resource: None };
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

        for (account, role, token) in [(&acme.id, "member", &**token), (&other.id, "", token), (&acme.id, "", &token[1..]), (&acme.id, "", "!")] {
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
        let status = assert_refused(world.service(&["authz.read"]).account(&acme).await, Code::PermissionDenied, "SCOPE_MISSING");
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

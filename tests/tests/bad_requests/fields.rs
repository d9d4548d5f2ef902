//! Fields that are missing, misspelt, too long or not to be read.

use mandate_proto::v1::{
    AddAccountGroupUserRequest, AddMemberRequest, AssignResourceRequest, AttributeValue, CheckRequest,
    CreateAccountGroupRequest, CreateAccountRequest, CreateResourceRequest, CreateUserRequest,
    GetAccountRequest, GetAccountResponse, Identity, ListAccountsRequest, ListAssignmentsRequest,
    ListResourcesRequest, LookupPermissionsRequest, NewAssignment, RemoveAccountGroupUserRequest,
    RemoveMemberRequest, ResourceRef, Subject, UpdateAccountRequest, UpdateMemberRequest,
};
use mandate_tests::expect::{assert_invalid, assert_refused};
use mandate_tests::world::{adding, assignment, resource, text, user_subject};
use mandate_tests::{Authorized, World, on_both_engines};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Response, Status};

use crate::{complaint, mask};

/// Calls GetAccount with a message of another type.
async fn get_account_with(
    channel: Authorized,
    message: ListAccountsRequest,
) -> Result<Response<GetAccountResponse>, Status> {
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

        for misspelt in [
            &acme.id.to_lowercase(),
            &format!("{} ", acme.id),
            &acme.id[4..],
            "acc_",
            "acc_1",
            "*",
            "' OR 1=1 --",
        ] {
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

        assert_invalid(
            ada.accounts().create_account(CreateAccountRequest::default()).await,
            &["display_name", "policy"],
        );
        assert_invalid(
            operator.identity().create_user(CreateUserRequest::default()).await,
            &["display_name", "email"],
        );
        assert_invalid(
            accounts.update_account(UpdateAccountRequest::default()).await,
            &["account", "update_mask"],
        );
        assert_invalid(
            accounts.create_resource(CreateResourceRequest::default()).await,
            &["account", "resource"],
        );
        assert_invalid(accounts.list_resources(ListResourcesRequest::default()).await, &["account", "type"]);
        assert_invalid(
            ada.accounts().create_account_group(CreateAccountGroupRequest::default()).await,
            &["accounts", "display_name"],
        );
        assert_invalid(
            accounts.add_account_group_user(AddAccountGroupUserRequest::default()).await,
            &["group", "role", "user"],
        );
        assert_invalid(
            accounts.remove_account_group_user(RemoveAccountGroupUserRequest::default()).await,
            &["group", "user"],
        );
        assert_invalid(
            memberships.add_member(AddMemberRequest::default()).await,
            &["account", "roles", "user"],
        );
        assert_invalid(
            memberships.update_member(UpdateMemberRequest::default()).await,
            &["account", "update_mask", "user"],
        );
        assert_invalid(memberships.remove_member(RemoveMemberRequest::default()).await, &["account", "user"]);
        assert_invalid(
            memberships.assign_resource(AssignResourceRequest::default()).await,
            &["account", "assignment", "user"],
        );
        assert_invalid(
            memberships.list_assignments(ListAssignmentsRequest::default()).await,
            &["account", "of"],
        );
        let mut authz = operator.authz();
        assert_invalid(authz.check(CheckRequest::default()).await, &["account", "permission", "subject"]);
        assert_invalid(authz.lookup_permissions(LookupPermissionsRequest::default()).await, &["account"]);
        let nobody = LookupPermissionsRequest {
            subject: Some(Subject::default()),
            ..LookupPermissionsRequest::default()
        };
        assert_invalid(authz.lookup_permissions(nobody).await, &["account", "subject"]);
        // Deep inside a list, too.
        let assignments = vec![
            assignment(&resource("workspace", "w"), &[], &[]),
            NewAssignment::default(),
            NewAssignment { resource: Some(ResourceRef::default()), ..NewAssignment::default() },
        ];
        let request = AddMemberRequest { assignments, ..AddMemberRequest::default() };
        let expected = [
            "account",
            "assignments[1].resource",
            "assignments[2].resource.id",
            "assignments[2].resource.type",
            "roles",
            "user",
        ];
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
        let user = |email: &str, name: &str| CreateUserRequest {
            email: email.to_owned(),
            display_name: name.to_owned(),
            ..CreateUserRequest::default()
        };
        for (email, name, path) in [
            (&*format!("{}@example.com", "a".repeat(250)), "A", "email"),
            ("not an address", "A", "email"),
            ("a@example.com", &"ä".repeat(201), "display_name"),
            ("a@example.com", "two\nlines", "display_name"),
            ("a@example.com", "   ", "display_name"),
        ] {
            complaint(operator.identity().create_user(user(email, name)).await, path);
        }
        operator
            .identity()
            .create_user(user("a@example.com", &"ä".repeat(200)))
            .await
            .expect("200 characters fit");
        let identities = vec![Identity { issuer: "i".to_owned(), subject: "s".repeat(256) }];
        let request = CreateUserRequest { identities, ..user("b@example.com", "B") };
        complaint(operator.identity().create_user(request).await, "identities[0].subject");
        let identities =
            (0..17).map(|n| Identity { issuer: "i".to_owned(), subject: n.to_string() }).collect();
        let request = CreateUserRequest { identities, ..user("b@example.com", "B") };
        complaint(operator.identity().create_user(request).await, "identities");

        let add = |request: AddMemberRequest| operator.add_with(request);
        let many = |count: usize| (0..count).map(|n| format!("n{n}")).collect::<Vec<_>>();
        complaint(add(AddMemberRequest { roles: many(65), ..adding(&acme, &ada, &[]) }).await, "roles");
        complaint(
            add(AddMemberRequest { grants: many(513), ..adding(&acme, &ada, &["owner"]) }).await,
            "grants",
        );
        complaint(
            add(AddMemberRequest { restrictions: many(65), ..adding(&acme, &ada, &["owner"]) }).await,
            "restrictions",
        );
        let assignments = vec![assignment(&resource("cloud", "c"), &[], &[]); 1_001];
        complaint(
            add(AddMemberRequest { assignments, ..adding(&acme, &ada, &["owner"]) }).await,
            "assignments",
        );

        let long = resource("cloud", &"c".repeat(256));
        complaint(operator.register(&acme, long, None).await, "resource.id");
        let long = operator.set(&acme, "organization_domain", text(&"d".repeat(256))).await;
        complaint(long, "attributes[organization_domain].text");
        let attributes = (0..65).map(|n| (format!("a{n}"), AttributeValue::default())).collect();
        let request = UpdateAccountRequest {
            account: acme.id.clone(),
            attributes,
            update_mask: mask(&["attributes"]),
            ..UpdateAccountRequest::default()
        };
        complaint(operator.accounts().update_account(request).await, "attributes");
        let accounts = vec![acme.id.clone(); 1_001];
        let request =
            CreateAccountGroupRequest { display_name: "G".to_owned(), accounts, founder: ada.id.clone(), ..Default::default() };
        complaint(operator.accounts().create_account_group(request).await, "accounts");
        let request = CheckRequest {
            account: acme.id.clone(),
            subject: Some(user_subject(&ada.id)),
            permission: "p".repeat(129),
            resource: None,
            consistency: None,
        };
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
        let status = assert_refused(
            world.by(&ada).create_account(request).await,
            Code::ResourceExhausted,
            "MESSAGE_TOO_LARGE",
        );
        assert!(status.message().contains("MiB"), "{status:?}");

        let channel = world.server().calling_as(&ada.id, &[]);
        let foreign = ListAccountsRequest { page_size: 5, page_token: String::new() };
        let status =
            assert_refused(get_account_with(channel, foreign).await, Code::InvalidArgument, "INVALID_FIELDS");
        assert!(status.message().contains("not the message of this call"), "{status:?}");
    }
}

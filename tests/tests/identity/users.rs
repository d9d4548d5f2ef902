//! Profiles, lists, export and erasure.

use mandate_proto::v1::{
    CreateUserRequest, Identity, ListUsersRequest, SignOutScope, UpdateUserRequest, User,
};
use mandate_tests::expect::{assert_invalid, assert_refused};
use mandate_tests::world::{Party, assignment, names, resource};
use mandate_tests::{Engine, World, dump, on_both_engines};
use prost_types::FieldMask;
use tonic::{Code, Status};

async fn update(party: &Party, user: &str, paths: &[&str], name: &str, locale: &str) -> Result<User, Status> {
    let request = UpdateUserRequest {
        user: user.to_owned(),
        display_name: name.to_owned(),
        locale: locale.to_owned(),
        update_mask: Some(FieldMask { paths: names(paths) }),
        ..UpdateUserRequest::default()
    };
    Ok(party.identity().update_user(request).await?.into_inner().user.expect("the user"))
}

async fn list(party: &Party, email: &str, size: i32, token: &str) -> Result<(Vec<User>, String), Status> {
    let request = ListUsersRequest { email: email.to_owned(), page_size: size, page_token: token.to_owned() };
    let answer = party.identity().list_users(request).await?.into_inner();
    Ok((answer.users, answer.next_page_token))
}

on_both_engines! {
    /// "Die E-Mail-Adresse eines Benutzers kann nicht geändert werden": whoever asks, however.
    async fn ix_11_an_address_never_changes_and_a_new_one_is_a_new_user(world: World) {
        let uwe = world.person("Uwe").await;
        for by in [world.by(&uwe), world.operator(), world.service(&["users.write"])] {
            let status = assert_invalid(update(&by, &uwe.id, &["email"], "", "").await, &["update_mask.paths[0]"]);
            assert!(status.message().contains("a new address is a new user"), "{status:?}");
            let both = update(&by, &uwe.id, &["display_name", "email"], "Uwe U.", "").await;
            assert_invalid(both, &["update_mask.paths[1]"]);
        }
        let (found, _) = list(&world.operator(), &uwe.email, 0, "").await.expect("listed");
        assert_eq!(found, std::slice::from_ref(&uwe), "nothing of it was done");
        // Case does not make another address; another address makes another user.
        let again = |email: &str| CreateUserRequest {
            email: email.to_owned(), display_name: "Uwe".into(), ..Default::default()
        };
        let taken = world.operator().identity().create_user(again(&uwe.email.to_uppercase())).await;
        assert_refused(taken, Code::AlreadyExists, "ALREADY_EXISTS");
        let new = world.operator().identity().create_user(again("uwe.new@example.com")).await.expect("a new user");
        assert_ne!(new.into_inner().user.expect("the user").id, uwe.id);
    }

    async fn people_change_their_own_profile_and_nobody_elses(world: World) {
        let [ada, bob] = world.people(["Ada", "Bob"]).await;
        let by = world.by(&ada);
        let changed = update(&by, "", &["display_name", "locale"], "Ada L.", "de-CH").await.expect("changed");
        assert_eq!((changed.display_name.as_str(), changed.locale.as_str()), ("Ada L.", "de-CH"));
        let changed = update(&by, &ada.id, &["locale"], "ignored", "").await.expect("changed");
        assert_eq!((changed.display_name.as_str(), changed.locale.as_str()), ("Ada L.", ""));
        assert_refused(update(&by, &bob.id, &["locale"], "", "de").await, Code::PermissionDenied, "NOT_ONESELF");
        update(&world.service(&["users.write"]), &bob.id, &["display_name"], "Bobby", "").await.expect("changed");
        let by_reader = update(&world.service(&["users.read"]), &bob.id, &["display_name"], "B", "").await;
        assert_refused(by_reader, Code::PermissionDenied, "SCOPE_MISSING");
        assert_invalid(
            update(&by, "", &["display_name", "locale"], " ", "german!").await,
            &["display_name", "locale"],
        );
        assert_invalid(update(&by, "", &[], "Ada", "").await, &["update_mask"]);
        let nobody = "usr_00000000000000000000000000";
        let missing = update(&world.operator(), nobody, &["locale"], "", "de").await;
        assert_refused(missing, Code::NotFound, "NOT_FOUND");
    }

    async fn users_are_listed_page_by_page_and_found_by_address(world: World) {
        let people = world.people(["Ada", "Bob", "Cleo", "Dan", "Eve"]).await;
        let reader = world.service(&["users.read"]);
        let (mut found, mut token) = (Vec::new(), String::new());
        for _ in 0..people.len() {
            let (page, next) = list(&reader, "", 2, &token).await.expect("a page");
            found.extend(page.into_iter().map(|user| user.id));
            token = next;
            if token.is_empty() {
                break;
            }
        }
        let mut expected: Vec<_> = people.iter().map(|user| user.id.clone()).collect();
        expected.sort();
        assert_eq!(found, expected);
        let (page, next) = list(&reader, "CLEO@Example.com", 0, "").await.expect("a page");
        assert_eq!((page, next.as_str()), (vec![people[2].clone()], ""));
        assert!(list(&reader, "nobody@example.com", 0, "").await.expect("a page").0.is_empty());
        assert_refused(list(&world.by(&people[0]), "", 0, "").await, Code::PermissionDenied, "SCOPE_MISSING");
        assert_invalid(list(&reader, "no address", 0, "made up").await, &["email", "page_token"]);
    }

    async fn an_export_holds_everything_known_of_a_person(world: World) {
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        world.resource(&acme, "workspace", "ws-1").await;
        world.operator().assign(&acme, &ada, assignment(&resource("workspace", "ws-1"), &[], &[])).await.expect("assigned");
        world.has_password(&ada, "a password of hers").await;
        world.sign_in(&ada.email, "a password of hers").await.expect("signed in");
        for n in 0..3 {
            world.by(&ada).rename(&acme, &format!("Acme {n}")).await.expect("renamed");
        }
        let (data, next) = world.by(&ada).export_user(&ada, 2, "").await.expect("her export");
        let text = format!("{data:?}");
        for known in [&ada.email, "Ada", &acme.id, "ws-1", "account.update"] {
            assert!(text.contains(known), "{known}: {text}");
        }
        let keys: Vec<_> = data.fields.keys().map(String::as_str).collect();
        let expected = ["activity", "assignments", "groups", "memberships", "password", "profile", "sessions"];
        assert_eq!(keys, expected);
        assert!(!text.contains("argon2"), "{text}");
        // The rest of what she did is on the following pages.
        let (mut token, mut pages) = (next, String::new());
        for _ in 0..20 {
            let (page, next) = world.operator().export_user(&ada, 2, &token).await.expect("a page");
            assert_eq!(page.fields.len(), 1);
            pages.push_str(&format!("{page:?}"));
            token = next;
            if token.is_empty() {
                break;
            }
        }
        assert!(pages.contains("account.create") && pages.contains("session.begin"), "{pages}");
        let bob = world.person("Bob").await;
        assert_refused(world.by(&bob).export_user(&ada, 0, "").await, Code::PermissionDenied, "NOT_ONESELF");
        let service = world.service(&["users.read", "users.write"]).export_user(&ada, 0, "").await;
        assert_refused(service, Code::PermissionDenied, "SCOPE_MISSING");
    }

    /// Memberships end within the limits, history stays, and nothing that identifies the person is left anywhere.
    async fn an_erased_person_is_gone_from_the_whole_database(mut world: World) {
        let ada = world.person("Ada").await;
        let login = Identity { issuer: "https://login.example.net".into(), subject: "wilhelmina-1843".into() };
        let eve = world.person_with_logins("Wilhelmina Quist", vec![login]).await;
        let acme = world.account("organization", &ada).await;
        world.member(&acme, &eve, &["admin"]).await;
        world.resource(&acme, "workspace", "ws-1").await;
        world.operator().assign(&acme, &eve, assignment(&resource("workspace", "ws-1"), &[], &[])).await.expect("assigned");
        world.has_password(&eve, "password of Quist").await;
        world.by(&eve).rename(&acme, "Renamed").await.expect("renamed");
        update(&world.by(&eve), "", &["locale"], "", "nl-BE").await.expect("changed");
        let tokens = world.sign_in(&eve.email, "password of Quist").await.expect("signed in");

        for by in [world.by(&eve), world.by(&ada), world.service(&["users.write"])] {
            assert_refused(by.erase_user(&eve).await, Code::PermissionDenied, "SCOPE_MISSING");
        }
        world.operator().set_roles(&acme, &ada, &["member"]).await.expect("Eve alone is admin");
        assert_refused(world.operator().erase_user(&eve).await, Code::FailedPrecondition, "LIMIT_LEAST");
        world.operator().set_roles(&acme, &ada, &["admin"]).await.expect("both are admins");
        assert_eq!(world.operator().erase_user(&eve).await.expect("erased"), std::slice::from_ref(&acme.id));

        assert!(!world.may(&eve, &acme, "users.view").await.allowed());
        assert!(world.membership(&eve, &acme).await.is_none());
        assert_refused(world.operator().erase_user(&eve).await, Code::NotFound, "NOT_FOUND");
        assert_refused(world.by(&eve).account(&acme).await, Code::Unauthenticated, "CALLER_UNKNOWN");
        let signed_out = world.with_tokens(&tokens).sign_out(SignOutScope::AllSessions).await;
        assert_refused(signed_out, Code::Unauthenticated, "CALLER_UNKNOWN");
        assert_refused(world.refresh(&tokens).await, Code::Unauthenticated, "REFRESH_TOKEN_INVALID");
        let signed_in = world.sign_in(&eve.email, "password of Quist").await;
        assert_refused(signed_in, Code::Unauthenticated, "SIGN_IN_FAILED");

        let personal = ["quist", "wilhelmina", "nl-be", "login.example.net", "argon2", &tokens.refresh_token.to_lowercase()];
        let rows = dump::rows(world.server()).to_lowercase();
        assert!(rows.contains(&eve.id.to_lowercase()), "history names her by id");
        for found in personal {
            assert!(!rows.contains(found), "{found} is left:\n{rows}");
        }
        // The name is free for a new person, who is somebody else.
        world.person("Wilhelmina Quist").await;
        if world.server().engine() == Engine::Sqlite {
            let file = world.server().data_dir().join("mandate.db");
            let again = list(&world.operator(), &eve.email, 0, "").await.expect("listed").0;
            world.operator().erase_user(&again[0]).await.expect("erased");
            assert!(world.server_mut().stop().await.success());
            let bytes = std::fs::read(file).expect("the database").to_ascii_lowercase();
            assert!(!bytes.windows(5).any(|window| window == b"quist"), "left in a free page");
        }
    }
}

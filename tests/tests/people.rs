//! IX-09: one overview of contacts and users, and a user's page.

use mandate_proto::v1::{
    Account, ActivateContactRequest, Contact, ListActivityRequest, ListPeopleRequest, MemberState, Person,
    User,
};
use mandate_tests::expect::{assert_invalid, assert_refused};
use mandate_tests::world::{assignment, flag, resource};
use mandate_tests::{Engine, Fixture, World, on_both_engines};
use tonic::Code;

/// A terminal: Olga owns it, Toni administers it, Uwe uses it; Kai and Lea are contacts.
struct Desk {
    world: World,
    acme: Account,
    olga: User,
    toni: User,
    uwe: User,
    kai: Contact,
    lea: Contact,
}

impl Fixture for Desk {
    async fn prepare(engine: Engine) -> Self {
        let world = World::that_records_at_once(engine).await;
        let [olga, toni, uwe] = world.people(["Olga", "Toni", "Uwe"]).await;
        let acme = world.ready_terminal(&olga).await;
        world.member(&acme, &toni, &["terminal_admin"]).await;
        world.member(&acme, &uwe, &["terminal_user"]).await;
        let kai = world.by(&olga).create_contact(&acme, "Kai").await.expect("a contact");
        let lea = world.by(&olga).create_contact(&acme, "Lea").await.expect("a contact");
        Self { world, acme, olga, toni, uwe, kai, lea }
    }
}

fn query(account: &Account, search: &str, page_size: i32) -> ListPeopleRequest {
    ListPeopleRequest {
        account: account.id.clone(),
        search: search.to_owned(),
        page_size,
        ..ListPeopleRequest::default()
    }
}

/// Who somebody is as a contact, and who as a user; the address of whoever was only invited.
fn parts(people: &[Person]) -> Vec<(&str, &str)> {
    fn row(person: &Person) -> (&str, &str) {
        let contact = person.contact.as_ref().map_or("", |contact| &contact.display_name);
        let member = person.member.as_ref().map_or("", |member| match member.state() {
            MemberState::Pending => &member.email,
            _ => &member.display_name,
        });
        (contact, member)
    }
    people.iter().map(row).collect()
}

on_both_engines! {
    /// "Sie sehen nun eine Übersicht über all Ihre Kontakte": contacts, users and whoever is invited, on one list.
    async fn ix_09_one_overview_lists_contacts_and_users(desk: Desk) {
        let Desk { world, acme, olga, toni, uwe, kai, lea } = &desk;
        world.by(olga).invite(acme, "ines@example.com", &["terminal_user"]).await.expect("invited");
        let everybody = [("Kai", ""), ("Lea", ""), ("", "Olga"), ("", "Toni"), ("", "Uwe"), ("", "ines@example.com")];
        for by in [world.by(olga), world.by(toni), world.operator(), world.service(&["accounts.read"])] {
            for size in [0, 1, 2, 3, 5, 6, 1_000] {
                let people = by.everybody(query(acme, "", size)).await.expect("the overview");
                assert_eq!(parts(&people), everybody, "pages of {size}");
            }
        }
        let people = world.by(toni).everybody(query(acme, "", 0)).await.expect("the overview");
        assert_eq!(people[0].contact.as_ref(), Some(kai));
        assert_eq!(people[1].contact.as_ref(), Some(lea));
        assert_eq!(people[4].member.as_ref().map(|member| &member.user), Some(&uwe.id));
        assert_eq!(people[5].member.as_ref().map(|member| member.state()), Some(MemberState::Pending));
        for (search, found) in [
            ("kai", &everybody[..1]),
            ("@CUSTOMER", &everybody[..2]),
            ("example", &everybody[..]),
            ("toni", &everybody[3..4]),
            ("ines@", &everybody[5..]),
            ("nobody", &[]),
        ] {
            for size in [1, 50] {
                let people = world.by(olga).everybody(query(acme, search, size)).await.expect("found");
                assert_eq!(parts(&people), found, "{search}");
            }
        }
        // A page of another search, or of another list, leads nowhere.
        let first = world.by(olga).memberships().list_people(query(acme, "", 1)).await.expect("a page").into_inner();
        let other = ListPeopleRequest { page_token: first.next_page_token, ..query(acme, "kai", 1) };
        assert_invalid(world.by(olga).memberships().list_people(other).await, &["page_token"]);
    }

    /// A contact whose login is activated is one row, with both: from the activation on, and until the user is removed.
    async fn ix_09_whoever_is_both_is_there_once(desk: Desk) {
        let Desk { world, acme, olga, kai, .. } = &desk;
        let user = world.person_called("Kai Uwe Meier", &kai.email).await;
        let by = world.by(olga);
        let overview = async |search: &str, size| by.everybody(query(acme, search, size)).await.expect("the overview");
        // Who has the address elsewhere, and what they are called there, is not for this account (GW-06).
        assert_eq!(overview("meier", 0).await, []);
        let request = ActivateContactRequest {
            account: acme.id.clone(),
            contact: kai.id.clone(),
            roles: vec!["terminal_user".to_owned()],
            ..ActivateContactRequest::default()
        };
        by.memberships().activate_contact(request).await.expect("activated");
        let rest = [("Lea", ""), ("", "Olga"), ("", "Toni"), ("", "Uwe")];
        for size in [1, 2, 50] {
            let people = overview("", size).await;
            assert_eq!(parts(&people)[0], ("Kai", &*kai.email), "invited");
            assert_eq!(parts(&people)[1..], rest);
            assert_eq!(people[0].member.as_ref().map(|member| member.state()), Some(MemberState::Pending));
        }
        assert_eq!(overview("meier", 0).await, []);

        let letter = world.letter(&kai.email, 1).await;
        world.accept(&letter.token(), "").await.expect("accepted");
        for size in [1, 2, 50] {
            let people = overview("", size).await;
            assert_eq!(parts(&people)[0], ("Kai", "Kai Uwe Meier"), "a user");
            assert_eq!(parts(&people)[1..], rest);
            assert_eq!(people[0].member.as_ref().map(|member| &member.user), Some(&user.id));
            for search in ["meier", "kai", "@customer"] {
                assert_eq!(parts(&overview(search, size).await)[0], ("Kai", "Kai Uwe Meier"), "{search}");
            }
        }
        world.active_since(&user, acme).await; // following the link is being there
        by.remove(acme, &user).await.expect("removed");
        let people = overview("", 2).await;
        assert_eq!(parts(&people)[0], ("Kai", ""), "a contact again");
        assert_eq!(parts(&people)[1..], rest);
        assert_eq!(overview("meier", 0).await, []);
    }

    /// Whoever may not see users, or not see contacts, does not see them together.
    async fn ix_09_the_overview_is_for_whoever_sees_both(desk: Desk) {
        let Desk { world, acme, olga, uwe, .. } = &desk;
        let refused = world.by(uwe).everybody(query(acme, "", 0)).await;
        assert_refused(refused, Code::PermissionDenied, "PERMISSION_MISSING");
        let stranger = world.person("Stella").await;
        world.ready_terminal(&stranger).await;
        let refused = world.by(&stranger).everybody(query(acme, "", 0)).await;
        assert_refused(refused, Code::PermissionDenied, "NOT_A_MEMBER");
        let scopeless = world.service(&["users.read"]).everybody(query(acme, "", 0)).await;
        assert_refused(scopeless, Code::PermissionDenied, "SCOPE_MISSING");
        // IX-06: contacts wait for the access control center, and so does a list that has them.
        world.operator().set(acme, "access_control", flag(false)).await.expect("taken back");
        let refused = world.by(olga).everybody(query(acme, "", 0)).await;
        assert_refused(refused, Code::FailedPrecondition, "REQUIREMENT_UNMET");
        world.by(olga).members(acme, "").await.expect("the users alone");
    }

    /// Where a policy knows no contacts, the overview is that of the members; nobody of another account is on it.
    async fn ix_09_without_contacts_the_overview_is_the_members(world: World) {
        let [ada, mia, bob] = world.people(["Ada", "Mia", "Bob"]).await;
        let (acme, other) = (world.account("organization", &ada).await, world.account("organization", &bob).await);
        world.member(&acme, &mia, &["member"]).await;
        world.member(&other, &mia, &["member"]).await;
        world.operator().invite(&acme, "new@example.com", &["member"]).await.expect("invited");
        for size in [1, 2, 50] {
            let people = world.by(&ada).everybody(query(&acme, "", size)).await.expect("the overview");
            assert_eq!(parts(&people), [("", "Ada"), ("", "Mia"), ("", "new@example.com")]);
        }
        let people = world.by(&bob).everybody(query(&other, "", 0)).await.expect("the overview");
        assert_eq!(parts(&people), [("", "Mia"), ("", "Bob")]);
        assert_refused(world.by(&mia).everybody(query(&acme, "", 0)).await, Code::PermissionDenied, "PERMISSION_MISSING");
    }

    /// "Dort sehen Sie neben der vergebenen Rolle auch das Aktivitäten Log … und die zugeteilten Clouds."
    async fn ix_09_a_users_page_shows_role_activity_and_clouds(desk: Desk) {
        let Desk { world, acme, olga, toni, uwe, .. } = &desk;
        let cloud = resource("cloud", "c1");
        world.by(olga).register(acme, cloud.clone(), None).await.expect("a cloud");
        world.by(olga).assign(acme, uwe, assignment(&cloud, &["cloud_member"], &["clouds.read"])).await.expect("assigned");
        world.by(olga).set_grants(acme, uwe, &["servers.view"]).await.expect("granted");
        world.may(uwe, acme, "servers.view").await;
        world.active_since(uwe, acme).await;

        let page = world.by(toni).member(acme, uwe).await.expect("the user's page");
        assert_eq!((page.roles, page.grants), (vec!["terminal_user".to_owned()], vec!["servers.view".to_owned()]));
        assert!(page.last_active_time.is_some());
        let clouds = world.by(toni).assigned_to(acme, uwe).await.expect("the clouds");
        assert_eq!(clouds.iter().map(|one| one.resource.as_ref()).collect::<Vec<_>>(), [Some(&cloud)]);
        let request = ListActivityRequest { account: acme.id.clone(), subject: uwe.id.clone(), ..Default::default() };
        let log = world.by(toni).accounts().list_activity(request).await.expect("the log").into_inner().activities;
        let done: Vec<_> = log.iter().map(|entry| entry.operation.as_str()).collect();
        assert_eq!(done, ["member.update", "resource.assign", "member.add"], "latest first");
    }
}

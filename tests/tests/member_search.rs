//! Lists of members and contacts by name, address, role, state and activity: always complete, never beyond the account.

use mandate_proto::v1::{
    Account, CreateContactRequest, ListContactsRequest, ListMembersRequest, ListPeopleRequest, Member,
    MemberState, UpdateUserRequest, User,
};
use mandate_tests::expect::assert_invalid;
use mandate_tests::world::Party;
use mandate_tests::{Engine, Fixture, World, on_both_engines};
use prost_types::{FieldMask, Timestamp};

/// Names that differ in what usually goes wrong: case, scripts, wildcards, what grows when its case changes.
const NAMES: &[&str] = &[
    "Anna Groß",
    "ANNA GROSS",
    "Hauptstraße 9",
    "STRASSER",
    "İpek Yılmaz",
    "IPEK YILMAZ",
    "ipek%yilmaz",
    "100% sure",
    "under_score",
    "underXscore",
    r"back\slash",
    r"back\\slash",
    "O'Brien",
    "--; DROP",
    "Łukasz Żak",
    "łukasz żak",
    "Жанна Д'Арк",
    "жанна",
    "李小龍",
    "Anna 🦀 Crab",
    "🦀🦀🦀",
    "Mc Donald",
    "mcdonald",
    "Ünal",
    "UNAL",
    "ÜNAL",
    "ﬁscher",
];

/// What people type.
const SEARCHES: &[&str] = &[
    "anna",
    "ANN",
    "groß",
    "GROSS",
    "gross",
    "straße",
    "STRASSE",
    "strass",
    "ipek",
    "İpek",
    "YIL",
    "%yi",
    "100%",
    "0% ",
    "_sc",
    "r_s",
    "rxs",
    r"k\s",
    r"\\s",
    r"k\\",
    "'br",
    "--;",
    "ŁUK",
    "żak",
    "ЖАННА",
    "нна",
    "李小龍",
    "🦀🦀🦀",
    "a 🦀",
    "mc d",
    "MCD",
    "ünal",
    "una",
    "fischer",
    "@example",
    "EXAMPLE.COM",
    ".com",
    "member1",
    "%%%",
    "___",
    r"\\\",
    "nobody",
];

/// An organization of many people, and another one with the same names.
struct Crowd {
    world: World,
    acme: Account,
    ada: User,
}

impl Fixture for Crowd {
    async fn prepare(engine: Engine) -> Self {
        let world = World::prepare(engine).await;
        let [ada, bob] = world.people(["Ada", "Bob"]).await;
        let (acme, other) =
            (world.account("organization", &ada).await, world.account("organization", &bob).await);
        for (number, name) in NAMES.iter().enumerate() {
            let member = world.person_called(name, &format!("member{number}@example.com")).await;
            let role = if number % 3 == 0 { "billing_admin" } else { "member" };
            world.member(&acme, &member, &[role]).await;
            if number % 4 == 0 {
                world.operator().suspend(&acme, &member).await.expect("suspended");
            }
            let stranger = world.person_called(name, &format!("stranger{number}@example.com")).await;
            world.member(&other, &stranger, &["member"]).await;
        }
        for address in ["straße@example.com", "100%@example.com", "anna_g@example.com"] {
            world.operator().invite(&acme, address, &["member"]).await.expect("invited");
        }
        world.operator().invite(&other, "anna@example.com", &["member"]).await.expect("invited");
        Self { world, acme, ada }
    }
}

/// What a text looks like whatever its case, as the test understands it.
fn alike(text: &str) -> String {
    text.to_lowercase().to_uppercase().to_lowercase()
}

fn holds(text: &str, infix: &str) -> bool {
    alike(text).contains(&alike(infix))
}

fn query(account: &Account, search: &str, page_size: i32) -> ListMembersRequest {
    ListMembersRequest {
        account: account.id.clone(),
        search: search.to_owned(),
        page_size,
        ..ListMembersRequest::default()
    }
}

async fn found(party: &Party, query: ListMembersRequest) -> Vec<Member> {
    party.every_member(query).await.expect("listed")
}

async fn rename(world: &World, user: &User, name: &str) {
    let request = UpdateUserRequest {
        user: user.id.clone(),
        display_name: name.to_owned(),
        update_mask: Some(FieldMask { paths: vec!["display_name".to_owned()] }),
        ..UpdateUserRequest::default()
    };
    world.operator().identity().update_user(request).await.expect("renamed");
}

on_both_engines! {
    /// Whatever is typed, with whatever filter and size of page: exactly those whom a look at each would find.
    async fn re_04_search_finds_exactly_those_whose_name_or_address_holds_it(crowd: Crowd) {
        let Crowd { world, acme, ada } = &crowd;
        let by = world.by(ada);
        let all = found(&by, query(acme, "", 1_000)).await;
        assert_eq!(all.len(), NAMES.len() + 1 + 3, "members and invitations");
        for (number, search) in SEARCHES.iter().enumerate() {
            let size = [1, 2, 3, 50][number % 4];
            for (role, state) in [
                ("", MemberState::Unspecified),
                ("billing_admin", MemberState::Unspecified),
                ("", MemberState::Suspended),
                ("member", MemberState::Active),
                ("member", MemberState::Pending),
            ] {
                let naive: Vec<&Member> = all
                    .iter()
                    .filter(|one| holds(&one.display_name, search) || holds(&one.email, search))
                    .filter(|one| role.is_empty() || one.roles.contains(&role.to_owned()))
                    .filter(|one| state == MemberState::Unspecified || one.state() == state)
                    .collect();
                let query = ListMembersRequest {
                    role: role.to_owned(),
                    state: state.into(),
                    ..query(acme, search, size)
                };
                let found = found(&by, query).await;
                assert_eq!(found.iter().collect::<Vec<_>>(), naive, "{search} {role} {state:?}, pages of {size}");
            }
        }
    }

    /// A name is searched as it is now; who has left or was erased is not found; an address counts when it is invited.
    async fn re_04_search_follows_changes(crowd: Crowd) {
        let Crowd { world, acme, ada } = &crowd;
        let by = world.by(ada);
        let zoe = world.person("Zoe").await;
        world.member(acme, &zoe, &["member"]).await;
        assert_eq!(found(&by, query(acme, "zoe", 0)).await.len(), 1);
        rename(world, &zoe, "Chloë").await;
        let by_name = found(&by, query(acme, "CHLOË", 0)).await;
        assert_eq!(by_name.iter().map(|one| &one.user).collect::<Vec<_>>(), [&zoe.id]);
        assert_eq!(found(&by, query(acme, "zoe", 0)).await.len(), 1, "by the address, which stays");
        world.operator().erase_user(&zoe).await.expect("erased");
        assert_eq!(found(&by, query(acme, "chloë", 0)).await, []);

        let pending = found(&by, query(acme, "STRASSE@", 0)).await;
        assert_eq!(pending.iter().map(|one| one.state()).collect::<Vec<_>>(), [MemberState::Pending]);
        let invited = world.operator().invite(acme, "yan@example.com", &["member"]).await.expect("invited");
        assert_eq!(found(&by, query(acme, "YAN@", 0)).await.len(), 1);
        world.operator().revoke(&invited).await.expect("revoked");
        assert_eq!(found(&by, query(acme, "yan@", 0)).await, []);
    }

    /// Short and endless texts are refused, and so is a page of another search.
    async fn re_04_a_search_has_three_to_two_hundred_characters(crowd: Crowd) {
        let Crowd { world, acme, ada } = &crowd;
        let (long, longer) = ("ü".repeat(200), "ü".repeat(201));
        for (search, good) in [("ab", false), ("ßß", false), ("üüü", true), ("   ", true), (&long, true), (&longer, false)] {
            let members = world.by(ada).memberships().list_members(query(acme, search, 0)).await;
            let (account, search) = (acme.id.clone(), search.to_owned());
            let people = ListPeopleRequest { account: account.clone(), search: search.clone(), ..Default::default() };
            let people = world.by(ada).memberships().list_people(people).await;
            let contacts = ListContactsRequest { account, search, ..Default::default() };
            let contacts = world.operator().memberships().list_contacts(contacts).await;
            if good {
                members.expect("searched");
                people.expect("searched");
                contacts.expect("searched");
            } else {
                assert_invalid(members, &["search"]);
                assert_invalid(people, &["search"]);
                assert_invalid(contacts, &["search"]);
            }
        }
        let first = world.by(ada).memberships().list_members(query(acme, "anna", 1)).await.expect("listed").into_inner();
        for other in [query(acme, "ann", 1), ListMembersRequest { last_active_before: Some(Timestamp::default()), ..query(acme, "anna", 1) }] {
            let other = ListMembersRequest { page_token: first.next_page_token.clone(), ..other };
            assert_invalid(world.by(ada).memberships().list_members(other).await, &["page_token"]);
        }
        for (seconds, nanos) in [(i64::MAX, 0), (i64::MIN, 0), (0, -1), (0, 1_000_000_000)] {
            let time = Some(Timestamp { seconds, nanos });
            let never = ListMembersRequest { last_active_before: time, ..query(acme, "", 0) };
            assert_invalid(world.by(ada).memberships().list_members(never).await, &["last_active_before"]);
        }
    }

    /// The same for contacts.
    async fn ix_09_contacts_are_searched_by_name_and_address(world: World) {
        let [olga, otto] = world.people(["Olga", "Otto"]).await;
        let (acme, other) = (world.ready_terminal(&olga).await, world.ready_terminal(&otto).await);
        for (number, name) in NAMES.iter().enumerate() {
            for account in [&acme, &other] {
                let request = CreateContactRequest {
                    account: account.id.clone(),
                    email: format!("contact{number}@customer.example"),
                    display_name: (*name).to_owned(),
                    details: "details are not searched".to_owned(),
                    ..CreateContactRequest::default()
                };
                world.operator().memberships().create_contact(request).await.expect("a contact");
            }
        }
        let query = |search: &str, page_size| ListContactsRequest {
            account: acme.id.clone(),
            search: search.to_owned(),
            page_size,
            ..ListContactsRequest::default()
        };
        let by = world.by(&olga);
        let all = by.every_contact(query("", 1_000)).await.expect("listed");
        assert_eq!(all.len(), NAMES.len());
        for (number, search) in SEARCHES.iter().chain(&["contact1", "details"]).enumerate() {
            let naive = all.iter().filter(|one| holds(&one.display_name, search) || holds(&one.email, search));
            let found = by.every_contact(query(search, [1, 3, 50][number % 3])).await.expect("listed");
            assert_eq!(found.iter().collect::<Vec<_>>(), naive.collect::<Vec<_>>(), "{search}");
        }
    }
}

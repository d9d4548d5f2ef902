//! GW-08: former sub-accounts become users, by a stream of rows.

use std::collections::BTreeSet;
use std::time::Duration;

use mandate_proto::v1::ImportOutcome::{Added, Created, Refused, Unchanged, Updated};
use mandate_proto::v1::activity_actor::Actor;
use mandate_proto::v1::{
    Account, DecisionReason as Reason, ExistingMember, ImportMembersRequest, ImportMembersResponse,
    ListActivityRequest, ListUsersRequest, User,
};
use mandate_tests::expect::{assert_invalid, assert_refused, metadata, reason};
use mandate_tests::world::{as_call, names, outcomes, row};
use mandate_tests::{Bearer, Engine, Fixture, Server, World, on_both_engines, poll};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

/// Two web shops with sub-accounts of old.
struct Legacy {
    world: World,
    shop: Account,
    cafe: Account,
    olga: User,
}

impl Fixture for Legacy {
    async fn prepare(engine: Engine) -> Self {
        let world = World::prepare(engine).await;
        let [olga, oskar] = world.people(["Olga", "Oskar"]).await;
        let shop = world.account("client-area", &olga).await;
        let cafe = world.account("client-area", &oskar).await;
        Self { world, shop, cafe, olga }
    }
}

impl Legacy {
    /// Rows of as many sub-accounts, each of a person of their own.
    fn file(&self, length: usize) -> Vec<ImportMembersRequest> {
        let account = |n: usize| if n.is_multiple_of(2) { &self.shop } else { &self.cafe };
        (0..length).map(|n| row(account(n), &format!("sub{n}@example.com"), &["invoices"])).collect()
    }

    /// The user with an address, if there is one.
    async fn user(&self, email: &str) -> Option<User> {
        let request = ListUsersRequest { email: email.to_owned(), ..ListUsersRequest::default() };
        let users = self.world.operator().identity().list_users(request).await.expect("the users");
        users.into_inner().users.into_iter().next()
    }

    /// How many entries the log of an account has, and by which operation and actor the latest was made.
    async fn log(&self, account: &Account) -> (usize, String, Option<Actor>) {
        let request =
            ListActivityRequest { account: account.id.clone(), page_size: 1_000, ..Default::default() };
        let log = self.world.operator().accounts().list_activity(request).await.expect("the log");
        let entries = log.into_inner().activities;
        let latest = entries.first().cloned().unwrap_or_default();
        (entries.len(), latest.operation, latest.actor.and_then(|actor| actor.actor))
    }

    /// How many members an account has.
    async fn size(&self, account: &Account) -> usize {
        let (mut size, mut token) = (0, String::new());
        for _ in 0..100 {
            let request = mandate_proto::v1::ListMembersRequest {
                account: account.id.clone(),
                page_size: 1_000,
                page_token: token,
                ..Default::default()
            };
            let page = self.world.operator().memberships().list_members(request).await.expect("the members");
            let page = page.into_inner();
            size += page.members.len();
            token = page.next_page_token;
            if token.is_empty() {
                return size;
            }
        }
        panic!("pages without an end");
    }
}

on_both_engines! {
    /// "Frühere Sub-Accounts sind mit dem aktuellen Update automatisch ‚User'": account, address, list of modules.
    async fn gw_08_former_sub_accounts_become_users(legacy: Legacy) {
        let Legacy { world, shop, cafe, .. } = &legacy;
        let bob = world.person("Bob").await;
        let named = ImportMembersRequest {
            display_name: "Anna Lang".to_owned(),
            ..row(shop, "Anna.Lang@Example.com", &["invoices", "tickets.*", "domains.view"])
        };
        let rows = vec![named, row(cafe, "anna.lang@example.com", &["contacts"]), row(shop, "bob@example.com", &[])];

        let results = world.operator().import(rows.clone()).await.expect("the results");
        assert_eq!(outcomes(&results), [Created, Added, Added]);
        let echoed: Vec<&str> = results.iter().map(|result| result.row_id.as_str()).collect();
        assert_eq!(echoed, ["Anna.Lang@Example.com", "anna.lang@example.com", "bob@example.com"]);

        // One person in both accounts, with the modules of each; the accounts stay unconnected.
        let anna = legacy.user("anna.lang@example.com").await.expect("a user");
        assert_eq!((anna.display_name.as_str(), &results[0].user, &results[1].user), ("Anna Lang", &anna.id, &anna.id));
        assert_eq!(results[2].user, bob.id);
        assert_eq!(world.roles(&anna, shop).await, ["user"]);
        let held = ["invoices.view", "invoices.pay", "domains.view", "tickets.view", "tickets.write"];
        assert_eq!(world.permissions(&anna, shop).await, held);
        // What only the owner may do is in no module that can be given.
        assert_eq!(world.permissions(&anna, cafe).await, ["contacts.view"]);
        world.may(&anna, shop, "invoices.pay").await.allowed_by(Reason::Grant);
        world.may(&anna, cafe, "invoices.view").await.denied_for(Reason::NotGranted);
        assert_eq!(world.permissions(&bob, shop).await, [""; 0]);

        // The same file again changes nothing: no entry in the log, none in the feed, nothing in any table.
        let before = mandate_tests::dump::rows(world.server());
        let again = world.operator().import(rows).await.expect("the results");
        assert_eq!(outcomes(&again), [Unchanged; 3]);
        let users: Vec<&String> = again.iter().map(|result| &result.user).collect();
        assert_eq!(users, [&anna.id, &anna.id, &bob.id]);
        assert_eq!(mandate_tests::dump::rows(world.server()), before);
    }

    /// Bad rows of every kind are refused one by one, with the reason of a single call, and stop nothing.
    async fn gw_08_a_bad_row_stops_nothing(legacy: Legacy) {
        let Legacy { world, shop, .. } = &legacy;
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        let gone = world.account("client-area", &ada).await;
        let request = mandate_proto::v1::DeleteAccountRequest { account: gone.id.clone(), ..Default::default() };
        world.operator().accounts().delete_account(request).await.expect("deleted");
        let nowhere = Account { id: "acc_01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned(), ..Account::default() };
        let user_id = Account { id: ada.id.clone(), ..Account::default() };
        let sam = world.person("Sam").await;
        let suspend = mandate_proto::v1::SuspendUserRequest { user: sam.id.clone(), ..Default::default() };
        world.operator().identity().suspend_user(suspend).await.expect("suspended");
        let with_role = |email: &str, role: &str| ImportMembersRequest {
            roles: names(&[role]),
            ..row(shop, email, &["invoices"])
        };
        let rows = vec![
            row(shop, "first@example.com", &["invoices"]),
            row(&nowhere, "a@example.com", &["invoices"]),
            row(&user_id, "b@example.com", &["invoices"]),
            row(&gone, "c@example.com", &["invoices"]),
            row(&acme, "d@example.com", &["invoices"]),
            row(shop, "no address", &["invoices"]),
            row(shop, "", &["invoices"]),
            row(shop, "e@example.com", &["invoices", "invoicess", "users.add", "users"]),
            with_role("f@example.com", "admin"),
            with_role("g@example.com", "owner"),
            with_role("first@example.com", "user"),
            row(shop, "first@example.com", &["domains"]),
            row(shop, "sam@example.com", &["invoices"]),
            ImportMembersRequest { display_name: "x".repeat(201), ..row(shop, "h@example.com", &[]) },
            ImportMembersRequest { existing: 7, ..row(shop, "i@example.com", &[]) },
            ImportMembersRequest { row_id: "r".repeat(129), ..row(shop, "j@example.com", &[]) },
            row(shop, "last@example.com", &["tickets"]),
        ];
        let sent = rows.len();
        let results = world.operator().import(rows).await.expect("the results");
        assert_eq!(results.len(), sent);

        assert_eq!((results[0].outcome(), results[10].outcome()), (Created, Unchanged));
        assert_eq!(results[16].outcome(), Created);
        let refused = |index: usize| {
            assert_eq!((results[index].outcome(), results[index].user.as_str()), (Refused, ""));
            as_call(&results[index])
        };
        assert_refused(refused(1), Code::NotFound, "NOT_FOUND");
        assert_invalid(refused(2), &["account"]);
        assert_refused(refused(3), Code::FailedPrecondition, "WRONG_STATE");
        // Another policy has neither that module nor a role for those whose row names none.
        assert_invalid(refused(4), &["roles", "grants[0]"]);
        assert_invalid(refused(5), &["email"]);
        assert_invalid(refused(6), &["email"]);
        let status = assert_invalid(refused(7), &["grants[1]", "grants[3]"]);
        assert!(status.message().contains("did you mean \"invoices\""), "{status:?}");
        assert_invalid(refused(8), &["roles[0]"]);
        assert_invalid(refused(9), &["grants[0]"]);
        let status = assert_refused(refused(11), Code::AlreadyExists, "ALREADY_EXISTS");
        assert_eq!(metadata(&status, "id").as_deref(), Some(results[0].user.as_str()));
        assert!(metadata(&status, "lacks").is_some_and(|lacks| lacks.contains("domains.view")), "{status:?}");
        assert_refused(refused(12), Code::FailedPrecondition, "WRONG_STATE");
        assert_invalid(refused(13), &["display_name"]);
        assert_invalid(refused(14), &["existing"]);
        assert_invalid(refused(15), &["row_id"]);

        // Nothing is left of the refused ones.
        for nobody in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] {
            assert_eq!(legacy.user(&format!("{nobody}@example.com")).await, None, "{nobody}");
        }
        assert_eq!(legacy.size(shop).await, 3, "the owner, the first and the last");
    }

    /// Limits hold row by row, those before in the same stream included (X-06).
    async fn gw_08_x_06_limits_hold_from_row_to_row(world: World) {
        let [olga, sandra] = world.people(["Olga", "Sandra"]).await;
        let shop = world.account("client-area", &olga).await;
        let firm = world.account("company-account", &sandra).await;
        let owner = ImportMembersRequest { roles: names(&["owner"]), ..row(&shop, "second@example.com", &[]) };
        let refused = world.operator().import_one(owner).await;
        let status = assert_refused(refused, Code::FailedPrecondition, "LIMIT_MOST");
        assert_eq!(metadata(&status, "role").as_deref(), Some("owner"));

        // Three billing contacts at most, of whom the first user is one.
        let billed = (0..5).map(|n| ImportMembersRequest {
            roles: names(&["member", "billing_contact"]),
            ..row(&firm, &format!("bill{n}@example.com"), &[])
        });
        let results = world.operator().import(billed.collect()).await.expect("the results");
        assert_eq!(outcomes(&results), [Created, Created, Refused, Refused, Refused]);
        let status = assert_refused(as_call(&results[2]), Code::FailedPrecondition, "LIMIT_MOST");
        assert_eq!(metadata(&status, "holders").as_deref(), Some("3"));

        // Nor does replacing leave an account without its owner.
        let demoted = ImportMembersRequest {
            roles: names(&["user"]),
            existing: ExistingMember::Replace.into(),
            ..row(&shop, "olga@example.com", &[])
        };
        let refused = world.operator().import_one(demoted).await;
        assert_refused(refused, Code::FailedPrecondition, "LIMIT_LEAST");
        assert_eq!(world.roles(&olga, &shop).await, ["owner"]);
    }

    /// What the owner has changed since stays, unless whoever imports says otherwise (GW-05).
    async fn gw_08_who_is_there_already_is_replaced_on_demand_alone(legacy: Legacy) {
        let Legacy { world, shop, olga, .. } = &legacy;
        let bob = world.person("Bob").await;
        let operator = world.operator();
        let given = row(shop, "bob@example.com", &["invoices"]);
        assert_eq!(operator.import_one(given.clone()).await.expect("a member"), Added);
        world.by(olga).set_grants(shop, &bob, &["invoices.view", "tickets.view"]).await.expect("changed");

        let status = assert_refused(operator.import_one(given.clone()).await, Code::AlreadyExists, "ALREADY_EXISTS");
        assert_eq!(metadata(&status, "holds").as_deref(), Some("permission tickets.view"));
        assert_eq!(metadata(&status, "lacks").as_deref(), Some("permission invoices.pay"));
        assert_eq!(world.permissions(&bob, shop).await, ["invoices.view", "tickets.view"]);

        let replacing = ImportMembersRequest { existing: ExistingMember::Replace.into(), ..given };
        assert_eq!(operator.import_one(replacing.clone()).await.expect("replaced"), Updated);
        assert_eq!(world.permissions(&bob, shop).await, ["invoices.view", "invoices.pay"]);
        assert_eq!(operator.import_one(replacing).await.expect("the same"), Unchanged);
        // The owner in the list, without a role: nothing is taken from them.
        assert_eq!(operator.import_one(row(shop, "olga@example.com", &[])).await.expect("the same"), Unchanged);
        assert_eq!(world.roles(olga, shop).await, ["owner"]);
    }

    /// `validate_only` says what would become of a row, and writes nothing.
    async fn gw_08_a_row_can_be_judged_without_being_written(legacy: Legacy) {
        let Legacy { world, shop, .. } = &legacy;
        let bob = world.person("Bob").await;
        let before = mandate_tests::dump::rows(world.server());
        let judged = |email: &str, grants: &[&str]| ImportMembersRequest {
            validate_only: true,
            ..row(shop, email, grants)
        };
        let rows = vec![
            judged("new@example.com", &["invoices"]),
            judged("bob@example.com", &["invoices"]),
            judged("olga@example.com", &[]),
            judged("bad@example.com", &["nothing"]),
        ];
        let results = world.operator().import(rows).await.expect("the results");
        assert_eq!(outcomes(&results), [Created, Added, Unchanged, Refused]);
        assert_eq!((results[0].user.as_str(), &results[1].user), ("", &bob.id));
        let gained = |index: usize| results[index].effects.iter().flat_map(|effect| effect.gained.clone());
        assert_eq!(gained(1).collect::<Vec<_>>(), ["invoices.pay", "invoices.view"]);
        assert_eq!(gained(0).chain(gained(2)).chain(gained(3)).count(), 0, "of nobody, and of nothing new");
        assert_eq!(mandate_tests::dump::rows(world.server()), before);
    }

    /// Whoever imports the same file at the same time as somebody else: each row happens once.
    async fn gw_08_two_imports_of_the_same_file_at_once(legacy: Legacy) {
        let file = legacy.file(300);
        let mut backwards = file.clone();
        backwards.reverse();
        let (one, other) = (legacy.world.another_operator(), legacy.world.another_operator());
        let (one, other) = tokio::join!(one.import(file), other.import(backwards));
        let (one, mut other) = (one.expect("the results"), other.expect("the results"));
        other.reverse();
        for (a, b) in one.iter().zip(&other) {
            let both = BTreeSet::from([a.outcome().as_str_name(), b.outcome().as_str_name()]);
            assert_eq!(both, BTreeSet::from([Created.as_str_name(), Unchanged.as_str_name()]), "{a:?} {b:?}");
            assert_eq!(a.user, b.user);
        }
        assert_eq!((one.len(), legacy.size(&legacy.shop).await, legacy.size(&legacy.cafe).await), (300, 151, 151));
    }

    /// The same people come to two accounts at the same time, from both ends: each is made once, by whoever is faster.
    async fn gw_08_the_same_people_in_two_imports_at_once(legacy: Legacy) {
        let file = |account: &Account| -> Vec<ImportMembersRequest> {
            (0..200).map(|n| row(account, &format!("sub{n}@example.com"), &["invoices"])).collect()
        };
        let (to_shop, mut to_cafe) = (file(&legacy.shop), file(&legacy.cafe));
        to_cafe.reverse();
        let (one, other) = (legacy.world.another_operator(), legacy.world.another_operator());
        let (one, other) = tokio::join!(one.import(to_shop), other.import(to_cafe));
        let (one, mut other) = (one.expect("the results"), other.expect("the results"));
        other.reverse();
        for (a, b) in one.iter().zip(&other) {
            let both = BTreeSet::from([a.outcome().as_str_name(), b.outcome().as_str_name()]);
            assert_eq!(both, BTreeSet::from([Created.as_str_name(), Added.as_str_name()]), "{a:?} {b:?}");
            assert_eq!(a.user, b.user);
        }
        assert_eq!((legacy.size(&legacy.shop).await, legacy.size(&legacy.cafe).await), (201, 201));
    }

    /// One person, many accounts, one after the other in the same stream.
    async fn gw_08_a_person_made_by_one_row_is_known_to_the_next(legacy: Legacy) {
        let Legacy { world, shop, cafe, .. } = &legacy;
        let rows = vec![
            row(shop, "new@example.com", &["invoices"]),
            row(shop, "NEW@example.com", &["invoices"]),
            row(cafe, "new@example.com", &["tickets"]),
        ];
        let results = world.operator().import(rows).await.expect("the results");
        assert_eq!(outcomes(&results), [Created, Unchanged, Added]);
        assert!(results.iter().all(|result| result.user == results[0].user));
    }

    /// Whoever waits for a result before the next row is sent gets it.
    async fn gw_08_a_row_need_not_wait_for_others(legacy: Legacy) {
        let (rows, stream) = mpsc::channel(1);
        let mut client = legacy.world.operator().memberships();
        let mut answers =
            client.import_members(ReceiverStream::new(stream)).await.expect("a stream").into_inner();
        for (n, row) in legacy.file(3).into_iter().enumerate() {
            rows.send(row).await.expect("taken");
            let answer = tokio::time::timeout(Duration::from_secs(30), answers.message()).await;
            let result = answer.expect("in time").expect("an answer").expect("a result");
            assert_eq!((result.outcome(), result.row_id), (Created, format!("sub{n}@example.com")));
        }
        drop(rows);
        assert_eq!(answers.message().await.expect("the end"), None);
    }

    /// A caller who hangs up leaves whole rows, and the file is sent again as it is.
    async fn gw_08_a_stream_that_broke_off_is_sent_again(legacy: Legacy) {
        let file = legacy.file(200);
        let (rows, stream) = mpsc::channel(1);
        let mut client = legacy.world.another_operator().memberships();
        let mut answers =
            client.import_members(ReceiverStream::new(stream)).await.expect("a stream").into_inner();
        for row in file.iter().take(20).cloned() {
            rows.send(row).await.expect("taken");
        }
        let first = answers.message().await.expect("an answer").expect("a result");
        assert_eq!(first.outcome(), Created);
        drop((rows, answers, client));

        let results = legacy.world.operator().import(file.clone()).await.expect("the results");
        assert!(outcomes(&results).iter().all(|outcome| matches!(outcome, Created | Unchanged)), "{results:?}");
        assert_eq!((results.len(), results[0].outcome()), (200, Unchanged));
        assert_eq!((legacy.size(&legacy.shop).await, legacy.size(&legacy.cafe).await), (101, 101));
    }

    /// A server that is asked to stop does not wait for a client who could go on for ever.
    async fn gw_08_a_stream_ends_when_the_server_stops(legacy: Legacy) {
        let mut legacy = legacy;
        let (rows, stream) = mpsc::channel(1);
        let mut client = legacy.world.another_operator().memberships();
        let mut answers =
            client.import_members(ReceiverStream::new(stream)).await.expect("a stream").into_inner();
        rows.send(legacy.file(1).remove(0)).await.expect("taken");
        assert_eq!(answers.message().await.expect("an answer").expect("a result").outcome(), Created);
        let exit = legacy.world.server_mut().stop().await;
        assert!(exit.success(), "{exit}");
        let end = answers.message().await.expect_err("no end like that of a whole stream");
        assert_eq!((end.code(), reason(&end).as_str()), (Code::Unavailable, "SERVER_STOPPING"));
    }

    /// A power cut in the middle leaves whole rows alone: whoever is a user is a member with everything, and in the log.
    async fn gw_08_a_power_cut_leaves_nothing_half_done(legacy: Legacy) {
        let mut legacy = legacy;
        let file = legacy.file(2_000);
        let client = legacy.world.another_operator();
        let sent = file.clone();
        let importing = tokio::spawn(async move { client.import(sent).await });
        // Killed as soon as the first rows are there.
        let begun = poll::until(Duration::from_secs(30), async || {
            (legacy.size(&legacy.shop).await > 1).then_some(())
        });
        begun.await.expect("rows in time");
        legacy.world.server_mut().kill9();
        assert!(importing.await.expect("a task").is_err(), "a stream that breaks off does not look complete");
        legacy.world.server_mut().restart().await;

        let (mut done, shop) = (0, &legacy.shop);
        let request = ListUsersRequest { page_size: 1_000, ..ListUsersRequest::default() };
        let users = legacy.world.operator().identity().list_users(request).await.expect("the users").into_inner();
        let number = |user: &User| user.email.strip_prefix("sub")?.strip_suffix("@example.com")?.parse::<usize>().ok();
        let former = users.users.iter().filter_map(|user| number(user).map(|number| (user, number)));
        for (user, number) in former.take(40) {
            let account = if number.is_multiple_of(2) { shop } else { &legacy.cafe };
            let held = legacy.world.permissions(user, account).await;
            assert_eq!(held, ["invoices.view", "invoices.pay"], "{}", user.email);
            done += 1;
        }
        assert!(done > 0);
        let members = legacy.size(shop).await;
        assert_eq!(legacy.log(shop).await.0, members.min(1_000), "an entry for each, and the account's own");

        let results = legacy.world.operator().import(file).await.expect("the results");
        assert!(outcomes(&results).iter().all(|outcome| matches!(outcome, Created | Unchanged)));
        assert_eq!((legacy.size(shop).await, legacy.size(&legacy.cafe).await), (1_001, 1_001));
    }

    /// The log of each account tells who imported whom.
    async fn gw_08_the_log_tells_who_imported(legacy: Legacy) {
        let Legacy { world, shop, olga, .. } = &legacy;
        let result = world.operator().import(vec![row(shop, "anna@example.com", &["tickets"])]).await;
        let user = result.expect("the results")[0].user.clone();
        let (entries, operation, actor) = legacy.log(shop).await;
        assert_eq!((entries, operation.as_str()), (2, "member.import"));
        assert_eq!(actor, Some(Actor::Operator("mandate#backend".to_owned())));
        let request = ListActivityRequest { account: shop.id.clone(), subject: user, ..Default::default() };
        let seen = world.by(olga).accounts().list_activity(request).await.expect("the owner sees it").into_inner();
        assert_eq!(seen.activities.len(), 1);
    }

    /// The import was the provider's: no person has it under that policy, and nobody learns what accounts there are.
    async fn gw_08_x_04_persons_import_nothing_where_no_policy_says_so(legacy: Legacy) {
        let Legacy { world, shop, cafe, olga } = &legacy;
        let bob = world.person("Bob").await;
        world.by(olga).add(shop, &bob, &["user"]).await.expect("a user");
        let row_of = |account: &Account| row(account, "new@example.com", &["invoices"]);
        for person in [olga, &bob] {
            let refused = world.by(person).import_one(row_of(shop)).await;
            assert_refused(refused, Code::PermissionDenied, "OPERATOR_ONLY");
        }
        let nowhere = Account { id: "acc_01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned(), ..Account::default() };
        let there = assert_refused(world.by(olga).import_one(row_of(cafe)).await, Code::PermissionDenied, "NOT_A_MEMBER");
        let not_there = assert_refused(world.by(olga).import_one(row_of(&nowhere)).await, Code::PermissionDenied, "NOT_A_MEMBER");
        assert_eq!((there.message(), there.details()), (not_there.message(), not_there.details()));
        let service = world.service(&["accounts.read", "users.write"]).import(vec![row_of(shop)]).await;
        assert_refused(service, Code::PermissionDenied, "SCOPE_MISSING");
        assert_eq!(legacy.user("new@example.com").await, None);
    }
}

/// A club whose stewards import members, give the roles below their own, and one permission.
const CLUB: &str = r#"
policy: club
modules:
  people: { actions: [view, add, edit] }
  bar: { actions: [view, serve, order] }
roles:
  chief: { at_birth: true, holders: { least: 1 }, may: "*", grantable: [bar.*], delegation: { over: anyone, give: "*", grant: bar.*, remove: true } }
  steward: { may: [people.*, bar.view], grantable: [bar.*], delegation: { over: guest, give: guest, grant: bar.view } }
  guest: { grantable: [bar.*] }
operations:
  member.add: people.add
  member.import: people.add
  member.update: people.edit
boarding: { ways: direct, role: guest }
"#;

/// A club with a chief and a steward.
struct Club {
    world: World,
    club: Account,
    carl: User,
    stella: User,
}

impl Fixture for Club {
    async fn prepare(engine: Engine) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("club.yaml"), CLUB).expect("a policy");
        let world = World::on(Server::builder(engine).policies(folder.path()).start().await);
        let [carl, stella] = world.people(["Carl", "Stella"]).await;
        let club = world.account("club", &carl).await;
        world.member(&club, &stella, &["steward"]).await;
        Self { world, club, carl, stella }
    }
}

mod by_persons {
    use super::*;

    /// A stream by a token that expires soon, with a row that was carried out in time. How soon is soon enough, and
    /// late enough for that row, depends on the machine.
    async fn stream_of_a_short_token(
        world: &World,
        person: &User,
        row: ImportMembersRequest,
    ) -> (mpsc::Sender<ImportMembersRequest>, tonic::Streaming<ImportMembersResponse>) {
        for seconds in [3, 6, 12, 24, 48] {
            let token = world.server().short_token(&person.id, Duration::from_secs(seconds));
            let bearer = Bearer::new(&token).on(world.server().channel());
            let (rows, stream) = mpsc::channel(1);
            let mut client = mandate_tests::world::Party::new(bearer).memberships();
            let Ok(answers) = client.import_members(ReceiverStream::new(stream)).await else { continue };
            let mut answers = answers.into_inner();
            rows.send(row.clone()).await.expect("taken");
            if let Ok(Some(result)) = answers.message().await {
                assert!(matches!(result.outcome(), Created | Unchanged), "{result:?}");
                return (rows, answers);
            }
        }
        panic!("no row within a minute");
    }

    on_both_engines! {
        /// An import gives nothing that its actor could not give otherwise.
        async fn gw_08_x_04_a_person_imports_within_their_rights(club: Club) {
            let Club { world, club, carl, stella } = &club;
            let with = |email: &str, role: &str, grants: &[&str]| ImportMembersRequest {
                roles: names(&[role]),
                ..row(club, email, grants)
            };
            let steward = world.by(stella);
            assert_eq!(steward.import_one(row(club, "gast@example.com", &["bar.view"])).await.expect("a guest"), Created);
            for refused in [
                with("a@example.com", "steward", &[]),
                with("b@example.com", "chief", &[]),
                with("c@example.com", "guest", &["bar.serve"]),
                with("d@example.com", "guest", &["bar"]),
                // Neither to others who are there, nor to oneself.
                ImportMembersRequest { existing: ExistingMember::Replace.into(), ..with("gast@example.com", "guest", &["bar"]) },
                ImportMembersRequest { existing: ExistingMember::Replace.into(), ..with("carl@example.com", "guest", &[]) },
                ImportMembersRequest { existing: ExistingMember::Replace.into(), ..with("stella@example.com", "chief", &[]) },
            ] {
                assert_refused(steward.import_one(refused).await, Code::PermissionDenied, "DELEGATION_DENIED");
            }
            assert_eq!((world.roles(carl, club).await, world.roles(stella, club).await), (names(&["chief"]), names(&["steward"])));
            let chief = world.by(carl);
            assert_eq!(chief.import_one(with("a@example.com", "steward", &["bar"])).await.expect("by the chief"), Created);
            // Whoever lacks the permission imports nobody.
            let gil = world.person("Gil").await;
            world.member(club, &gil, &["guest"]).await;
            let refused = world.by(&gil).import_one(row(club, "e@example.com", &[])).await;
            assert_refused(refused, Code::PermissionDenied, "PERMISSION_MISSING");
        }

        /// Who is suspended in the middle of a stream is refused from the next row on, and so is an expired token.
        async fn gw_08_x_02_a_stream_ends_with_its_callers_rights(club: Club) {
            let Club { world, club, stella, .. } = &club;
            let (rows, mut expiring) = stream_of_a_short_token(world, stella, row(club, "one@example.com", &[])).await;
            let mut other = world.by(stella).memberships();
            let (other_rows, stream) = mpsc::channel(1);
            let mut suspended = other.import_members(ReceiverStream::new(stream)).await.expect("a stream").into_inner();
            other_rows.send(row(club, "two@example.com", &[])).await.expect("taken");
            assert_eq!(suspended.message().await.expect("an answer").expect("a result").outcome(), Created);

            // A row a moment, until the token's time is over: bounded by that time.
            let ended = poll::until(Duration::from_secs(60), async || {
                if rows.send(row(club, "one@example.com", &[])).await.is_err() {
                    return Some(Status::unknown("gone without a word"));
                }
                expiring.message().await.err()
            });
            assert_refused(Err::<(), _>(ended.await.expect("an end")), Code::Unauthenticated, "TOKEN_EXPIRED");

            let request = mandate_proto::v1::SuspendUserRequest { user: stella.id.clone(), ..Default::default() };
            world.operator().identity().suspend_user(request).await.expect("suspended");
            other_rows.send(row(club, "three@example.com", &[])).await.expect("taken");
            let status = suspended.message().await.expect_err("refused");
            assert_refused(Err::<(), _>(status), Code::PermissionDenied, "CALLER_SUSPENDED");
            let members = world.operator().members(club, "guest").await.expect("the members");
            assert_eq!(members.len(), 2, "{members:?}");
        }
    }
}

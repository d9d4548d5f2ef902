//! Versions of policies, and which of their names are held.

use mandate_domain::command::{Actor, Command};
use mandate_domain::effects::Subject;
use mandate_storage::{
    Applied, Mode, NameInUse, NameKind, NewVersion, PolicySource, Store, StoreError, WriteError,
};

use crate::on_every_engine;
use crate::world::{NOW, World, assign, create_resource, group, names, new_user, thing};

/// A version of this text, judged beside this one.
fn version<'a>(name: &'a str, text: &'a str, judged: i64) -> NewVersion<'a> {
    let policy = PolicySource { name, source: text, digest: text };
    NewVersion { policy, judged, leaves_out: &[], actor: None }
}

/// Writes it, and returns its number; `None`: another one was written meanwhile.
pub(crate) async fn apply(store: &Store, new: NewVersion<'_>, now: i64) -> Option<i64> {
    match store.apply_policy(new, Mode::Once, now).await.expect("writes") {
        Applied::Prepared(prepared) => {
            let version = prepared.stored.version;
            prepared.commit().await.expect("commits");
            Some(version)
        }
        Applied::Overtaken => None,
        _ => panic!("neither written nor overtaken"),
    }
}

on_every_engine! {
    async fn a_version_is_written_when_the_text_differs(database: Database) {
        let store = database.open().await;
        assert_eq!(apply(&store, version("b", "one", 0), NOW).await, Some(1));
        assert_eq!(apply(&store, version("a", "one", 0), NOW).await, Some(1));
        assert_eq!(apply(&store, version("a", "one", 1), NOW).await, Some(1), "the same text is the same version");
        assert_eq!(apply(&store, version("a", "two", 0), NOW).await, None, "it was judged beside none");
        assert_eq!(apply(&store, version("a", "two", 1), NOW + 1).await, Some(2));
        // A text of before is a new version, too: the newest is what counts.
        let ann = Actor::Operator { name: "here#ann".to_owned() };
        let back = NewVersion { actor: Some(&ann), ..version("a", "one", 2) };
        assert_eq!(apply(&store, back, NOW + 2).await, Some(3));
        let newest = store.load_policies().await.expect("reads");
        let newest: Vec<_> = newest.iter().map(|p| (p.name.as_str(), p.version, p.source.as_str(), p.at)).collect();
        assert_eq!(newest, [("a", 3, "one", NOW + 2), ("b", 1, "one", NOW)]);

        let first = store.policy_version("a", Some(1)).await.expect("reads").expect("there");
        assert_eq!((first.source.as_str(), first.applied_by), ("one", None));
        let third = store.policy_version("a", None).await.expect("reads").expect("there");
        assert_eq!((third.version, third.applied_by.as_deref()), (3, Some("operator here#ann")));
        assert_eq!(store.policy_version("c", None).await.expect("reads"), None);
        assert_eq!(store.version_of_digest("a", "one").await.expect("reads"), Some(3));
        assert_eq!(store.version_of_digest("a", "three").await.expect("reads"), None);
        let page = store.list_policy_versions("a", None, 2).await.expect("reads");
        assert_eq!((page.items.iter().map(|p| p.version).collect::<Vec<_>>(), page.more), (vec![3, 2], true));
        let page = store.list_policies("a", 5).await.expect("reads");
        assert_eq!((page.items.len(), page.items[0].name.as_str(), page.more), (1, "b", false));
    }

    async fn versions_written_at_once_are_judged_one_beside_the_other(database: Database) {
        let first = database.open().await;
        let second = database.open_beside(&first).await;
        for n in 0..10 {
            let text = n.to_string();
            let (one, two) = tokio::join!(
                apply(&first, version("a", &text, n), NOW),
                apply(&second, version("a", &text, n), NOW)
            );
            assert!(one.is_some() != two.is_some(), "{one:?} {two:?}");
        }
        assert_eq!(first.load_policies().await.expect("reads")[0].version, 10);
    }

    // What was only asked, or is not committed, has written nothing; what is held must not be left out.
    async fn a_version_that_leaves_out_what_is_held_is_refused(database: Database) {
        let world = World::new(database.open().await);
        let (ada, bob) = (world.user(1).await, world.user(2).await);
        let home = world.account(7, "company-account", ada).await;
        world.member(home, bob, &["manager"]).await;
        let names = ["member", "manager"].map(|name| (NameKind::Role, name.to_owned()));
        let new = NewVersion { leaves_out: &names, ..version("company-account", "text", 0) };
        for mode in [Mode::Preview, Mode::Once] {
            let applied = world.store.apply_policy(new, mode, NOW).await.expect("reads");
            let Applied::InUse(held) = applied else { panic!("it is not refused") };
            assert_eq!(held, [(1, 1)]);
        }
        let new = NewVersion { leaves_out: &names[..1], ..new };
        let Applied::Previewed(stored) = world.store.apply_policy(new, Mode::Preview, NOW).await.expect("reads") else {
            panic!("not previewed")
        };
        assert_eq!((stored.version, stored.at), (1, NOW));
        drop(world.store.apply_policy(new, Mode::Once, NOW).await.expect("writes"));
        assert_eq!(world.store.load_policies().await.expect("reads"), []);
    }

    // A write that has counted the versions and is not committed yet keeps the next one waiting; one that begins
    // afterwards counts that one.
    async fn a_write_is_committed_under_the_policies_that_judged_it(database: Database) {
        let world = World::new(database.open().await);
        let before = crate::world::policies().of_revision(0);
        let operator = Actor::Operator { name: "here#ann".to_owned() };
        let under_way = world.store.prepare(&before, &operator, &new_user(1, "a@example.org"), NOW).await;
        let under_way = under_way.expect("writes");
        let store = world.store.clone();
        let applied = tokio::spawn(async move { apply(&store, version("a", "one", 0), NOW).await });
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        assert!(!applied.is_finished(), "it waits for the write");
        under_way.commit().await.expect("commits");
        assert_eq!(applied.await.expect("ends"), Some(1));
        let late = world.store.prepare(&before, &operator, &new_user(2, "b@example.org"), NOW).await;
        assert!(matches!(late.map(drop), Err(WriteError::Store(StoreError::PoliciesChanged))));
        // Nor is it refused by them: those of now may allow it.
        let taken = world.store.prepare(&before, &operator, &new_user(1, "a@example.org"), NOW).await;
        assert!(matches!(taken.map(drop), Err(WriteError::Store(StoreError::PoliciesChanged))));
        let now = crate::world::policies().of_revision(1);
        let after = world.store.prepare(&now, &operator, &new_user(2, "b@example.org"), NOW).await;
        after.expect("writes").commit().await.expect("commits");
    }

    // Everybody whom a policy governs comes once, whatever the size of the pages.
    async fn people_of_a_policy_come_page_by_page(database: Database) {
        let world = World::new(database.open().await);
        let ada = world.user(1).await;
        let mut expected = Vec::new();
        for n in 1..=4 {
            expected.push((world.account(n, "managed-accounts", ada).await, ada));
        }
        let other = world.account(9, "terminal", ada).await;
        world.must(Command::CreateGroup {
            id: group(1),
            display_name: "G".to_owned(),
            accounts: vec![expected[0].0, expected[1].0],
            founder: ada,
        }).await;
        let bob = world.user(2).await;
        world.must(Command::AddGroupUser { group: group(1), user: bob, role: "manager".to_owned() }).await;
        expected.extend([(expected[0].0, bob), (expected[1].0, bob)]);
        expected.sort();
        for size in [1, 2, 3, 100] {
            let (mut found, mut from) = (Vec::new(), None);
            for _ in 0..20 {
                let mut reading = world.store.reading().await.expect("reads");
                let page = reading.policy_members("managed-accounts", from.as_ref(), size).await.expect("reads");
                for (account, people) in &page.accounts {
                    found.extend(people.iter().map(|profile| match profile.subject {
                        Subject::User(user) => (account.id, user),
                        Subject::Contact(_) => panic!("there are no contacts"),
                    }));
                }
                from = page.next;
                if from.is_none() {
                    break;
                }
            }
            assert_eq!(found, expected, "pages of {size}");
        }
        let mut reading = world.store.reading().await.expect("reads");
        let page = reading.policy_members("terminal", None, 10).await.expect("reads");
        assert_eq!(page.accounts.iter().map(|(account, _)| account.id).collect::<Vec<_>>(), [other]);
    }

    async fn names_in_use_are_found_with_their_holders(database: Database) {
        let world = World::new(database.open().await);
        let (ada, bob) = (world.user(1).await, world.user(2).await);
        for n in [7, 8] {
            let home = world.account(n, "company-account", ada).await;
            world.member(home, bob, &["manager"]).await;
        }
        let used = |policy: &'static str, kind, list: &[&str]| {
            let (store, list) = (world.store.clone(), names(list));
            async move { store.name_in_use(policy, kind, &list).await.expect("reads") }
        };
        let found = |name: &str, holders| Some(NameInUse { name: name.to_owned(), holders });
        assert_eq!(used("company-account", NameKind::Role, &["member", "manager", "admin"]).await, found("manager", 2));
        assert_eq!(used("company-account", NameKind::Role, &["member"]).await, None);
        assert_eq!(used("company-account", NameKind::Grant, &["manager"]).await, None);
        assert_eq!(used("organization", NameKind::Role, &["manager"]).await, None);

        let terminal = world.account(9, "terminal", ada).await;
        world.must(Command::AddMember {
            account: terminal,
            user: bob,
            roles: names(&["terminal_user"]),
            grants: names(&["invoices.view"]),
            restrictions: Vec::new(),
            assignments: Vec::new(),
        }).await;
        assert_eq!(used("terminal", NameKind::Grant, &["invoices.view"]).await, found("invoices.view", 1));
        let cloud = thing("cloud", "c1");
        world.must(create_resource(terminal, &cloud, None, ada)).await;
        world.must(assign(terminal, bob, &cloud, &["cloud_member"])).await;
        let kind = NameKind::ResourceRole("cloud");
        assert_eq!(used("terminal", kind, &["cloud_member"]).await, found("cloud_member", 1));
        assert_eq!(used("terminal", NameKind::ResourceRole("other"), &["cloud_member"]).await, None);
        assert_eq!(used("terminal", NameKind::AssignedPermission, &["clouds.read"]).await, None);

        let home = world.account(10, "managed-accounts", ada).await;
        world.must(Command::CreateGroup {
            id: group(1),
            display_name: "G".to_owned(),
            accounts: vec![home],
            founder: ada,
        }).await;
        let used = used("managed-accounts", NameKind::GroupRole, &["manager", "administrator"]).await;
        assert_eq!(used, found("administrator", 1));
    }
}

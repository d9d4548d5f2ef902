//! Versions of policies, and which of their names are held.

use mandate_domain::command::Command;
use mandate_storage::{NameInUse, NameKind, PolicySource};

use crate::on_every_engine;
use crate::world::{NOW, World, assign, create_resource, group, names, thing};

fn source<'a>(name: &'a str, source: &'a str) -> PolicySource<'a> {
    PolicySource { name, source, digest: source }
}

on_every_engine! {
    async fn a_version_is_written_when_the_text_differs(database: Database) {
        let store = database.open().await;
        let first = [source("b", "one"), source("a", "one")];
        assert_eq!(store.sync_policies(&first, NOW).await.expect("writes").len(), 2);
        assert_eq!(store.sync_policies(&first, NOW).await.expect("writes"), []);
        let second = [source("a", "two"), source("b", "one")];
        let written = store.sync_policies(&second, NOW + 1).await.expect("writes");
        assert_eq!(written.iter().map(|p| (p.name.as_str(), p.version)).collect::<Vec<_>>(), [("a", 2)]);
        // A text of before is a new version, too: the newest is what counts.
        store.sync_policies(&first, NOW + 2).await.expect("writes");
        let newest = store.load_policies().await.expect("reads");
        let newest: Vec<_> = newest.iter().map(|p| (p.name.as_str(), p.version, p.source.as_str(), p.at)).collect();
        assert_eq!(newest, [("a", 3, "one", NOW + 2), ("b", 1, "one", NOW)]);
    }

    async fn servers_that_start_at_once_write_a_version_once(database: Database) {
        let first = database.open().await;
        let second = database.open_beside(&first).await;
        for n in 0..10 {
            let text = n.to_string();
            let policies = [source("a", &text)];
            let (one, two) = tokio::join!(first.sync_policies(&policies, NOW), second.sync_policies(&policies, NOW));
            assert_eq!(one.expect("writes").len() + two.expect("writes").len(), 1);
        }
        assert_eq!(first.load_policies().await.expect("reads")[0].version, 10);
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

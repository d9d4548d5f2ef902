//! Every change reads back as it was planned, by each key under which it can be found.

use mandate_domain::change::Change;
use mandate_domain::command::Command;
use mandate_domain::records::{Key, Record};
use mandate_domain::user::Identity;

use crate::on_every_engine;
use crate::world::{NOW, World, account, add_member, assign, create_resource, group, set_roles, thing, user};

fn shown(record: &Record) -> String {
    format!("{record:?}")
}

on_every_engine! {
    async fn users_by_id_email_and_login(database: Database) {
        let world = World::new(database.open().await);
        let identity = Identity { issuer: "https://idp.test".to_owned(), subject: "Ünicode \"x\"".to_owned() };
        let create = Command::CreateUser {
            id: user(1),
            email: "ada@example.org".to_owned(),
            display_name: "Ada 'the' \"first\" 🦀".to_owned(),
            avatar_url: "https://example.org/ada.png".to_owned(),
            identities: vec![identity.clone()],
        };
        let committed = world.must(create).await;
        let [Change::User(ada)] = committed.plan.changes.as_slice() else { panic!("{committed:?}") };
        let expected = shown(&Record::User(Some(ada.clone())));
        for key in [
            Key::User(user(1)),
            Key::UserByEmail("ada@example.org".to_owned()),
            Key::UserByIdentity(identity.clone()),
        ] {
            assert_eq!(shown(&world.read(key).await), expected);
        }
        assert_eq!(world.store.user_by_identity(&identity).await.expect("reads"), Some(ada.clone()));
        assert_eq!(world.store.user(user(1)).await.expect("reads"), Some(ada.clone()));
        let other = Identity { subject: "ünicode \"x\"".to_owned(), ..identity };
        assert_eq!(world.store.user_by_identity(&other).await.expect("reads"), None, "compared byte for byte");
    }

    async fn accounts_and_memberships(database: Database) {
        let world = World::new(database.open().await);
        let (ada, bob) = (world.user(1).await, world.user(2).await);
        let committed = world.must(crate::world::new_account(9, "company-account", ada)).await;
        let [Change::Account(home), Change::Membership(first)] = committed.plan.changes.as_slice() else {
            panic!("{committed:?}")
        };
        assert_eq!(shown(&world.read(Key::Account(account(9))).await), shown(&Record::Account(Some(home.clone()))));
        let key = Key::Membership(account(9), ada);
        assert_eq!(shown(&world.read(key).await), shown(&Record::Membership(Some(first.clone()))));

        world.member(account(9), bob, &["manager", "member"]).await;
        let committed = world.must(set_roles(account(9), bob, &["member"])).await;
        let [Change::Membership(after)] = committed.plan.changes.as_slice() else { panic!("{committed:?}") };
        let key = Key::Membership(account(9), bob);
        assert_eq!(shown(&world.read(key.clone()).await), shown(&Record::Membership(Some(after.clone()))));
        assert_eq!(world.count(Key::Holders(account(9), "manager".to_owned(), NOW)).await.total, 0);
        assert_eq!(world.count(Key::Holders(account(9), "member".to_owned(), NOW)).await.active, 1);

        world.must(Command::SuspendMember { account: account(9), user: bob }).await;
        let count = world.count(Key::Holders(account(9), "member".to_owned(), NOW)).await;
        assert_eq!((count.active, count.total), (0, 1), "suspended holders are counted apart");

        world.must(Command::RemoveMember { account: account(9), user: bob }).await;
        assert_eq!(shown(&world.read(key).await), shown(&Record::Membership(None)));
        assert_eq!(world.count(Key::Holders(account(9), "member".to_owned(), NOW)).await.total, 0);
        world.must(Command::SuspendAccount { account: account(9) }).await;
        world.must(Command::DeleteAccount { account: account(9) }).await;
        let Record::Account(Some(deleted)) = world.read(Key::Account(account(9))).await else { panic!() };
        assert!(deleted.deleted_at.is_some());
    }

    async fn resources_and_assignments(database: Database) {
        let world = World::new(database.open().await);
        let (ada, bob) = (world.user(1).await, world.user(2).await);
        let home = world.account(9, "organization", ada).await;
        world.member(home, bob, &["member"]).await;
        let (space, contact) = (thing("workspace", "w/1 ü"), thing("customer_contact", "c'1"));
        for (resource, parent) in [(&space, None), (&contact, Some(&space))] {
            world.must(create_resource(home, resource, parent, ada)).await;
        }
        let Record::Resource(Some(child)) = world.read(Key::ChildOf(home, space.clone())).await else { panic!() };
        assert_eq!((child.resource, child.ancestors), (contact.clone(), vec![space.clone()]));
        assert_eq!(shown(&world.read(Key::ChildOf(home, contact.clone())).await), shown(&Record::Resource(None)));

        let committed = world.must(assign(home, bob, &space, &[])).await;
        let [Change::Assignment(made)] = committed.plan.changes.as_slice() else { panic!("{committed:?}") };
        let expected = shown(&Record::Assignment(Some(made.clone())));
        assert_eq!(shown(&world.read(Key::Assignment(home, bob, space.clone())).await), expected);
        let expected = shown(&Record::Assignments(vec![made.clone()]));
        assert_eq!(shown(&world.read(Key::AssignmentsOf(home, bob)).await), expected);
        assert_eq!(shown(&world.read(Key::AssignmentsOn(home, space.clone())).await), expected);

        world.must(Command::Unassign { account: home, user: bob, resource: space.clone() }).await;
        assert_eq!(shown(&world.read(Key::AssignmentsOf(home, bob)).await), shown(&Record::Assignments(vec![])));
        world.must(assign(home, bob, &space, &[])).await;
        world.must(Command::DeleteResource { account: home, resource: contact.clone() }).await;
        world.must(Command::DeleteResource { account: home, resource: space.clone() }).await;
        assert_eq!(shown(&world.read(Key::Resource(home, space.clone())).await), shown(&Record::Resource(None)));
        assert_eq!(shown(&world.read(Key::ChildOf(home, space)).await), shown(&Record::Resource(None)));
        assert_eq!(shown(&world.read(Key::AssignmentsOf(home, bob)).await), shown(&Record::Assignments(vec![])));
    }

    async fn roles_of_resources_are_counted(database: Database) {
        let world = World::new(database.open().await);
        let (ada, bob) = (world.user(1).await, world.user(2).await);
        let home = world.account(9, "terminal", ada).await;
        world.member(home, bob, &["terminal_user"]).await;
        let cloud = thing("cloud", "c1");
        world.must(create_resource(home, &cloud, None, ada)).await;
        world.must(assign(home, bob, &cloud, &["cloud_admin"])).await;
        let key = || Key::ResourceHolders(home, cloud.clone(), "cloud_admin".to_owned());
        assert_eq!(world.count(key()).await.active, 2);
        world.must(Command::SuspendMember { account: home, user: bob }).await;
        let count = world.count(key()).await;
        assert_eq!((count.active, count.total), (1, 2));
        world.must(Command::RemoveMember { account: home, user: bob }).await;
        assert_eq!(world.count(key()).await.total, 1);
        world.must(assign(home, ada, &cloud, &["cloud_admin"])).await;
        assert_eq!(world.count(key()).await.total, 1, "made again, it is counted once");
    }

    async fn groups_of_accounts(database: Database) {
        let world = World::new(database.open().await);
        let (ada, bob) = (world.user(1).await, world.user(2).await);
        for n in [8, 9] {
            world.account(n, "managed-accounts", ada).await;
        }
        let found = Command::CreateGroup {
            id: group(1),
            display_name: "All of it".to_owned(),
            accounts: vec![account(8), account(9)],
            founder: ada,
        };
        world.must(found).await;
        let Record::Group(Some(founded)) = world.read(Key::Group(group(1))).await else { panic!() };
        assert_eq!(founded.display_name, "All of it");
        assert_eq!(world.count(Key::GroupHolders(group(1), "administrator".to_owned())).await.active, 1);
        let role = "manager".to_owned();
        world.must(Command::AddGroupUser { group: group(1), user: bob, role: role.clone() }).await;
        assert_eq!(world.count(Key::GroupHolders(group(1), role.clone())).await.total, 1);

        world.must(add_member(account(8), bob, &["member"])).await;
        for (user, roles, expected) in [
            (bob, &["member", "no such role"][..], &[account(8)][..]),
            (bob, &["owner"], &[]),
            (ada, &["owner"], &[account(8), account(9)]),
            (ada, &[], &[]),
        ] {
            let roles = roles.iter().map(|role| (*role).to_owned()).collect();
            let key = Key::MembershipsInGroup(group(1), user, roles);
            let Record::Memberships(direct) = world.read(key).await else { panic!() };
            assert_eq!(direct.iter().map(|m| m.account).collect::<Vec<_>>(), expected);
        }
        let key = Key::AccountsNotHeld(group(1), bob, "member".to_owned());
        let Record::Accounts(missing) = world.read(key).await else { panic!() };
        assert_eq!(missing, [account(9)]);

        let committed = world.must(Command::RemoveGroupUser { group: group(1), user: bob }).await;
        assert!(committed.plan.changes.contains(&Change::MembershipEnded { account: account(8), user: bob }));
        assert_eq!(world.count(Key::GroupHolders(group(1), role)).await.total, 0);
    }
}

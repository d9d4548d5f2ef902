//! Contacts, what they hold, and what a group contains read back as they were planned, by each key.

use mandate_domain::change::Change;
use mandate_domain::command::{Command, MissingHolders};
use mandate_domain::id::{AccountId, ContactId};
use mandate_domain::records::{Key, Record};

use crate::on_every_engine;
use crate::world::{World, account, create_resource, group, thing};

const KAI: ContactId = ContactId::from_bits(7);

fn create(account: AccountId, id: ContactId) -> Command {
    Command::CreateContact {
        account,
        id,
        email: "kai@example.org".to_owned(),
        display_name: "Kai 🦀".to_owned(),
        details: "Street 1\nTown".to_owned(),
    }
}

fn shown(record: &Record) -> String {
    format!("{record:?}")
}

async fn read(world: &World, key: Key) -> String {
    shown(&world.read(key).await)
}

on_every_engine! {
    async fn a_contact_by_id_and_address(database: Database) {
        let world = World::new(database.open().await);
        let ada = world.user(1).await;
        let home = world.account(9, "client-area", ada).await;
        let committed = world.must(create(home, KAI)).await;
        let [Change::Contact(kai)] = committed.plan.changes.as_slice() else { panic!("{committed:?}") };
        let by_address = Key::ContactByEmail(home, "kai@example.org".to_owned());
        let expected = shown(&Record::Contact(Some(kai.clone())));
        assert_eq!(read(&world, Key::Contact(home, KAI)).await, expected);
        assert_eq!(read(&world, by_address.clone()).await, expected);
        let page = world.store.list_contacts(home, None, None, 10).await.expect("reads");
        assert_eq!(page.items, std::slice::from_ref(kai));
        let asked = world.store.read_contact_question(home, KAI, None).await.expect("reads");
        assert_eq!((asked.contact.as_ref(), asked.resource), (Some(kai), None));

        // Another account's contact of that id is another one.
        let other = world.account(10, "client-area", ada).await;
        let none = shown(&Record::Contact(None));
        assert_eq!(read(&world, Key::Contact(other, KAI)).await, none);
        world.must(create(other, KAI)).await;

        world.must(Command::DeleteContact { account: home, contact: KAI }).await;
        assert_eq!(read(&world, Key::Contact(home, KAI)).await, none);
        assert_eq!(read(&world, by_address).await, none);
        assert_ne!(read(&world, Key::Contact(other, KAI)).await, none);
        let feed = world.store.list_feed(0, 100).await.expect("reads").items;
        let of_contacts = feed.iter().filter(|entry| matches!(entry.change, Change::Contact(_) | Change::ContactRemoved { .. }));
        assert_eq!(of_contacts.count(), 3);
        let log = world.store.list_activity(home, None, None, 10).await.expect("reads").items;
        let told = format!("{log:?}");
        assert!(!told.contains("kai@") && !told.contains("Street"), "people appear by id only: {told}");
    }

    async fn the_holder_of_a_resource(database: Database) {
        let world = World::new(database.open().await);
        let ada = world.user(1).await;
        let home = world.account(9, "client-area", ada).await;
        world.must(create(home, KAI)).await;
        let domain = thing("domain", "example.org");
        world.must(create_resource(home, &domain, None, ada)).await;
        let nothing = shown(&Record::Resource(None));
        assert_eq!(read(&world, Key::HeldBy(home, KAI)).await, nothing);
        let hold = |holder: Option<ContactId>| Command::UpdateResource {
            account: home,
            resource: domain.clone(),
            display_name: None,
            holder: Some(holder),
        };
        let committed = world.must(hold(Some(KAI))).await;
        let [Change::Resource(held)] = committed.plan.changes.as_slice() else { panic!("{committed:?}") };
        assert_eq!(held.holder, Some(KAI));
        assert_eq!(read(&world, Key::HeldBy(home, KAI)).await, shown(&Record::Resource(Some(held.clone()))));
        world.run(Command::DeleteContact { account: home, contact: KAI }).await.expect_err("holds a domain");
        world.must(hold(None)).await;
        assert_eq!(read(&world, Key::HeldBy(home, KAI)).await, nothing);
    }

    async fn what_a_group_contains(database: Database) {
        let world = World::new(database.open().await);
        let (ada, max) = (world.user(1).await, world.user(2).await);
        for n in [1, 2, 3] {
            world.account(n, "managed-accounts", ada).await;
        }
        let found = Command::CreateGroup {
            id: group(1),
            display_name: "Group".to_owned(),
            accounts: vec![account(2), account(1)],
            founder: ada,
        };
        world.must(found).await;
        world.must(Command::AddGroupUser { group: group(1), user: max, role: "manager".to_owned() }).await;
        world.member(account(2), max, &["member"]).await;
        world.member(account(3), max, &["member"]).await;
        assert_eq!(read(&world, Key::GroupSize(group(1))).await, shown(&Record::Size(2)));
        let accounts = shown(&Record::Accounts(vec![account(1), account(2)]));
        assert_eq!(read(&world, Key::GroupAccounts(group(1))).await, accounts);
        assert_eq!(read(&world, Key::GroupUsers(group(1))).await, shown(&Record::Users(vec![ada, max])));
        let lacking = |role: &str| Key::UsersNotHolding(group(1), "manager".to_owned(), account(2), role.to_owned());
        assert_eq!(read(&world, lacking("owner")).await, shown(&Record::Users(vec![max])));
        assert_eq!(read(&world, lacking("member")).await, shown(&Record::Users(vec![])));
        let users_of = async |key: Key| match world.read(key).await {
            Record::Memberships(found) => found.into_iter().map(|m| (m.account, m.user)).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!(users_of(Key::MembershipsOfGroup(group(1), account(2))).await, [(account(2), ada), (account(2), max)]);
        let through = users_of(Key::MembershipsThroughGroup(group(1))).await;
        assert_eq!(through, [(account(1), ada), (account(2), ada), (account(2), max)]);
    }

    async fn a_large_group_ends_at_once(database: Database) {
        let world = World::new(database.open().await);
        let (ada, max) = (world.user(1).await, world.user(2).await);
        for n in 1..=60 {
            world.account(n, "managed-accounts", ada).await;
        }
        let found = Command::CreateGroup {
            id: group(1),
            display_name: "Group".to_owned(),
            accounts: (1..=59).map(account).collect(),
            founder: ada,
        };
        world.must(found).await;
        let missing = MissingHolders::Refuse;
        world.must(Command::AddGroupAccount { group: group(1), account: account(60), missing }).await;
        world.must(Command::AddGroupUser { group: group(1), user: max, role: "manager".to_owned() }).await;
        for n in [3, 30] {
            world.member(account(n), max, &["member"]).await;
        }
        let committed = world.must(Command::DeleteGroup { group: group(1) }).await;
        let ended = |change: &&Change| matches!(change, Change::MembershipEnded { .. });
        assert_eq!(committed.plan.changes.iter().filter(ended).count(), 2);
        assert_eq!(committed.plan.changes.len(), 2 + 2 + 60 + 1);
        assert_eq!(read(&world, Key::GroupSize(group(1))).await, shown(&Record::Size(0)));
        let of = mandate_storage::GroupsOf::Everybody;
        assert!(world.store.list_groups(of, None, 10).await.expect("reads").items.is_empty());
    }
}

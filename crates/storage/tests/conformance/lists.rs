//! Pages are complete and in order, also while rows come and go.

use mandate_domain::command::Command;
use mandate_domain::id::UserId;
use mandate_domain::membership::MemberState;
use mandate_storage::{AccountsOf, MemberFilter};

use crate::on_every_engine;
use crate::world::{World, account, add_member, assign, create_resource, group, thing, user};

/// All members that pages of two show.
async fn members(world: &World, filter: MemberFilter<'_>) -> Vec<UserId> {
    let (mut all, mut after) = (Vec::new(), None);
    for _ in 0..100 {
        let page = world.store.list_members(account(9), filter, after, 2).await.expect("reads");
        assert!(page.items.len() <= 2);
        assert!(!page.more || page.items.len() == 2, "a page with more behind it is full");
        all.extend(page.items.iter().map(|member| member.membership.user));
        after = all.last().copied();
        if !page.more {
            return all;
        }
    }
    panic!("no end to the pages: {all:?}");
}

on_every_engine! {
    async fn members_by_role_and_state(database: Database) {
        let world = World::new(database.open().await);
        for n in 1..=7 {
            world.user(n).await;
        }
        let home = world.account(9, "company-account", user(4)).await;
        for (n, roles) in [(7, "member"), (2, "manager"), (5, "member"), (1, "member"), (6, "manager")] {
            world.member(home, user(n), &[roles]).await;
        }
        world.must(Command::SuspendMember { account: home, user: user(5) }).await;
        let filter = |role, state| MemberFilter { role, state, ..MemberFilter::default() };
        let suspended = Some(MemberState::Suspended);
        for (filter, expected) in [
            (filter(None, None), vec![1, 2, 4, 5, 6, 7]),
            (filter(Some("member"), None), vec![1, 5, 7]),
            (filter(None, Some(MemberState::Active)), vec![1, 2, 4, 6, 7]),
            (filter(None, suspended), vec![5]),
            (filter(Some("member"), suspended), vec![5]),
            (filter(Some("member"), Some(MemberState::Active)), vec![1, 7]),
            (filter(Some("nobody"), None), vec![]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(user).collect();
            assert_eq!(members(&world, filter).await, expected, "{filter:?}");
        }
        let page = world.store.list_members(home, MemberFilter::default(), None, 1).await.expect("reads");
        assert_eq!((page.items[0].email.as_str(), page.items[0].display_name.as_str()), ("user1@example.org", "User 1"));
    }

    async fn pages_stay_whole_while_members_come_and_go(database: Database) {
        let world = World::new(database.open().await);
        for n in 1..=40 {
            world.user(n).await;
        }
        let home = world.account(9, "company-account", user(20)).await;
        for n in (2..=40).step_by(2).filter(|n| *n != 20) {
            world.member(home, user(n), &["member"]).await;
        }
        let (mut seen, mut after): (Vec<UserId>, _) = (Vec::new(), None);
        for n in (1..40).step_by(2) {
            let page = world.store.list_members(home, MemberFilter::default(), after, 3).await.expect("reads");
            seen.extend(page.items.iter().map(|member| member.membership.user));
            after = seen.last().copied();
            if !page.more {
                break;
            }
            // One comes, somewhere; one that was shown goes.
            world.must(add_member(home, user(n), &["member"])).await;
            let shown = seen.first().copied().filter(|first| *first != user(20));
            if let Some(first) = shown.filter(|_| n == 7) {
                world.must(Command::RemoveMember { account: home, user: first }).await;
            }
        }
        assert!(seen.is_sorted_by(|a, b| a < b), "in order, none twice: {seen:?}");
        for n in (2..=40).step_by(2) {
            assert!(seen.contains(&user(n)), "{n} was there all along: {seen:?}");
        }
    }

    async fn accounts_of_all_and_of_one_user(database: Database) {
        let world = World::new(database.open().await);
        let (ada, bob) = (world.user(1).await, world.user(2).await);
        for n in 1..=6 {
            world.account(n, "managed-accounts", ada).await;
        }
        let found = |n, accounts: &[u128]| Command::CreateGroup {
            id: group(n),
            display_name: "Some".to_owned(),
            accounts: accounts.iter().copied().map(account).collect(),
            founder: ada,
        };
        world.must(found(1, &[2, 5])).await;
        world.must(found(2, &[5, 6])).await;
        for n in [1, 2] {
            world.must(Command::AddGroupUser { group: group(n), user: bob, role: "manager".to_owned() }).await;
        }
        world.member(account(3), bob, &["member"]).await;
        world.member(account(5), bob, &["member"]).await;
        for (of, expected) in [
            (AccountsOf::Everybody, vec![1, 2, 3, 4, 5, 6]),
            (AccountsOf::User(ada), vec![1, 2, 3, 4, 5, 6]),
            (AccountsOf::User(bob), vec![2, 3, 5, 6]),
            (AccountsOf::User(user(99)), vec![]),
        ] {
            let (mut all, mut after) = (Vec::new(), None);
            for _ in 0..10 {
                let page = world.store.list_accounts(of, after, 2).await.expect("reads");
                all.extend(page.items.iter().map(|account| account.id));
                after = all.last().copied();
                if !page.more {
                    break;
                }
            }
            assert_eq!(all, expected.into_iter().map(account).collect::<Vec<_>>(), "{of:?}");
        }
    }

    async fn resources_and_assignments_in_byte_order(database: Database) {
        let world = World::new(database.open().await);
        let (ada, bob) = (world.user(1).await, world.user(2).await);
        let home = world.account(9, "organization", ada).await;
        world.member(home, bob, &["member"]).await;
        // Byte order: a locale would put these elsewhere.
        let ids = ["10", "9", "A", "Z", "_", "a", "b b", "z", "ä"];
        for id in ids.iter().rev() {
            world.must(create_resource(home, &thing("workspace", id), None, ada)).await;
            world.must(assign(home, bob, &thing("workspace", id), &[])).await;
            world.must(assign(home, ada, &thing("workspace", id), &[])).await;
        }
        for kind in [Some("workspace"), None] {
            let (mut all, mut after) = (Vec::new(), None);
            for _ in 0..10 {
                let page = world.store.list_resources(home, kind, after.as_ref(), 2).await.expect("reads");
                all.extend(page.items.into_iter().map(|resource| resource.resource.id));
                after = all.last().map(|id| thing("workspace", id));
                if !page.more {
                    break;
                }
            }
            assert_eq!(all, ids);
        }
        let nothing = world.store.list_resources(home, Some("other"), None, 5).await.expect("reads");
        assert!(nothing.items.is_empty() && !nothing.more);
        let (mut all, mut after) = (Vec::new(), None);
        for _ in 0..10 {
            let page = world.store.list_assignments_of(home, bob, after.as_ref(), 4).await.expect("reads");
            all.extend(page.items.into_iter().map(|assignment| assignment.resource.id));
            after = all.last().map(|id| thing("workspace", id));
            if !page.more {
                break;
            }
        }
        assert_eq!(all, ids);
        let place = thing("workspace", "9");
        let first = world.store.list_assignments_on(home, &place, None, 1).await.expect("reads");
        let second = world.store.list_assignments_on(home, &place, Some(ada), 1).await.expect("reads");
        assert_eq!((first.items[0].user, first.more, second.items[0].user, second.more), (ada, true, bob, false));
    }
}

//! Access that is removed is seen as such, by who remembers nothing.

use mandate_proto::v1::watched_change::Change;
use mandate_proto::v1::{
    AccountState, InviteMemberRequest, MemberState, SuspendAccountRequest, TakenAccess, UserState,
    WatchedChange,
};
use mandate_tests::world::{Watch, assignment, inviting, resource, watching};
use mandate_tests::{World, on_both_engines};

use crate::{backend, everything as everything_of, new_name};

/// What takes something, in the order in which it came; it ends with the account's new name.
async fn takings(
    world: &World,
    watch: &mut Watch,
    account: &mandate_proto::v1::Account,
) -> Vec<(Change, TakenAccess)> {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let name = format!("Name {}", COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    world.operator().rename(account, &name).await.expect("renamed");
    let changes = watch.until(|change| new_name(change) == Some(&name)).await;
    let taking = |change: WatchedChange| Some((change.change?, change.taken?));
    changes.into_iter().filter_map(taking).collect()
}

fn everything() -> TakenAccess {
    TakenAccess { everything: true, ..Default::default() }
}

on_both_engines! {
    /// Given a member, when they lose a role, are suspended or removed, then an account's watcher is told what is gone.
    async fn what_a_member_loses(world: World) {
        let [ada, bob] = world.people(["Ada", "Bob"]).await;
        let acme = world.account("organization", &ada).await;
        let mut watch = backend(&world).watch(watching(&acme, "")).await.expect("watches");
        watch.next().await.expect("at once");
        world.member(&acme, &bob, &["admin"]).await;
        assert_eq!(takings(&world, &mut watch, &acme).await, [], "who joins loses nothing");

        world.operator().set_roles(&acme, &bob, &["member"]).await.expect("demoted");
        let [(Change::Member(member), taken)] = &takings(&world, &mut watch, &acme).await[..] else { panic!("one") };
        assert_eq!((&member.user, &member.roles[..]), (&bob.id, &["member".to_owned()][..]));
        assert_eq!(taken, &TakenAccess { roles: vec!["admin".to_owned()], ..Default::default() });

        world.operator().suspend(&acme, &bob).await.expect("suspended");
        let [(Change::Member(member), taken)] = &takings(&world, &mut watch, &acme).await[..] else { panic!("one") };
        assert_eq!((member.state(), taken), (MemberState::Suspended, &everything()));

        world.operator().reinstate(&acme, &bob).await.expect("reinstated");
        assert_eq!(takings(&world, &mut watch, &acme).await, [], "who comes back loses nothing");

        world.operator().remove(&acme, &bob).await.expect("removed");
        let [(Change::RemovedMember(member), taken)] = &takings(&world, &mut watch, &acme).await[..] else {
            panic!("one")
        };
        assert_eq!((&member.user, &member.account, taken), (&bob.id, &acme.id, &everything()));
    }

    /// Given that accounts, members and assignments come to be, by whatever way, then nobody is told that something was taken.
    async fn who_comes_loses_nothing(world: World) {
        let mut watch = everything_of(&world).await;
        let [ada, bob] = world.people(["Ada", "Bob"]).await;
        let acme = world.ready_terminal(&ada).await;
        world.member(&acme, &bob, &["terminal_user"]).await;
        world.by(&ada).register(&acme, resource("cloud", "c1"), None).await.expect("registered");
        let cloud = || vec![assignment(&resource("cloud", "c1"), &["cloud_admin"], &[])];
        world.operator().assign(&acme, &bob, cloud().remove(0)).await.expect("assigned");
        let offer = InviteMemberRequest {
            assignments: cloud(),
            ..inviting(&acme, "zoe@example.com", &["terminal_user"])
        };
        world.by(&ada).invite_with(offer).await.expect("invited");
        let link = world.letter("zoe@example.com", 1).await.token();
        world.accept(&link, "Zoe").await.expect("accepted");
        world.operator().rename(&acme, "The end").await.expect("renamed");
        let changes = watch.until(|change| new_name(change) == Some("The end")).await;
        let assigned = changes.iter().filter(|change| matches!(change.change, Some(Change::Assignment(_))));
        assert!(assigned.count() > 1, "{changes:?}");
        for WatchedChange { change, taken, .. } in changes {
            // Another value of an attribute may take something, whatever it was.
            let attributes = taken.as_ref().is_some_and(|taken| !taken.everything && !taken.attributes.is_empty());
            assert!(taken.is_none() || attributes, "{change:?} {taken:?}");
        }
    }

    /// Given members, when a user or the account is suspended as such, or the user erased, then the account's watcher is told;
    /// of users who have nothing to do with the account it is not.
    async fn what_everybody_loses(world: World) {
        let [ada, bob, eve] = world.people(["Ada", "Bob", "Eve"]).await;
        let acme = world.account("organization", &ada).await;
        world.member(&acme, &bob, &["member"]).await;
        let mut watch = backend(&world).watch(watching(&acme, "")).await.expect("watches");
        watch.next().await.expect("at once");

        world.operator().suspend_user(&bob).await.expect("suspended");
        world.operator().suspend_user(&eve).await.expect("suspended");
        let [(Change::User(user), taken)] = &takings(&world, &mut watch, &acme).await[..] else { panic!("one") };
        assert_eq!((&user.user, user.state(), taken), (&bob.id, UserState::Suspended, &everything()));

        let erased = mandate_proto::v1::EraseUserRequest { user: bob.id.clone(), ..Default::default() };
        world.operator().identity().erase_user(erased).await.expect("erased");
        let takings_now = takings(&world, &mut watch, &acme).await;
        let [(Change::RemovedMember(member), _), (Change::RemovedUser(user), taken)] = &takings_now[..] else {
            panic!("{takings_now:?}")
        };
        assert_eq!((&member.user, user, taken), (&bob.id, &bob.id, &everything()));

        let suspended = SuspendAccountRequest { account: acme.id.clone(), ..Default::default() };
        world.operator().accounts().suspend_account(suspended).await.expect("suspended");
        let changes = watch.until(|change| matches!(change, Change::ChangedAccount(_))).await;
        let change = changes.last().expect("the account");
        let Some(Change::ChangedAccount(account)) = &change.change else { panic!("{change:?}") };
        assert_eq!((account.state(), change.taken.as_ref()), (AccountState::Suspended, Some(&everything())));
    }

    /// Given a group, when somebody leaves it, or an account does, or it is deleted, then the watchers of its accounts are told.
    async fn what_a_group_gave(world: World) {
        let [ada, bob] = world.people(["Ada", "Bob"]).await;
        let acme = world.account("managed-accounts", &ada).await;
        let more = world.account("managed-accounts", &ada).await;
        let beyond = world.account("managed-accounts", &ada).await;
        let group = world.by(&ada).found_group("All", &[&acme, &more]).await.expect("founded");
        let mut watch = backend(&world).watch(watching(&acme, "")).await.expect("watches");
        let mut aside = backend(&world).watch(watching(&beyond, "")).await.expect("watches");
        watch.next().await.expect("at once");
        aside.next().await.expect("at once");

        world.operator().add_to_group(&group, &bob, GROUP_ROLE).await.expect("added");
        let name = |change: &Change| matches!(change, Change::User(user) if user.user == bob.id);
        let joined = watch.until(name).await;
        assert!(joined.iter().all(|change| change.taken.is_none()), "{joined:?}");

        let left = TakenAccess { groups: vec![group.id.clone()], ..Default::default() };
        world.operator().remove_from_group(&group, &bob).await.expect("removed");
        let told = takings(&world, &mut watch, &acme).await;
        let seat = told.iter().find(|(change, _)| name(change)).expect("Bob's change");
        let Change::User(user) = &seat.0 else { panic!("{seat:?}") };
        assert_eq!((&user.groups[..], &seat.1), (&[][..], &left));

        world.operator().leave_group(&group, &acme).await.expect("left");
        let told = takings(&world, &mut watch, &acme).await;
        let out = told.iter().find(|(change, _)| matches!(change, Change::ChangedAccount(_))).expect("the account");
        assert_eq!(out.1, left);

        let mut rest = backend(&world).watch(watching(&more, "")).await.expect("watches");
        rest.next().await.expect("at once");
        world.operator().delete_group(&group).await.expect("deleted");
        let told = takings(&world, &mut rest, &more).await;
        let out = told.iter().find(|(change, _)| matches!(change, Change::ChangedAccount(_))).expect("the account");
        assert_eq!(out.1, left);
        let gone = told.iter().find(|(change, _)| matches!(change, Change::RemovedGroup(_))).expect("the group");
        assert_eq!(gone.1, everything());
        let told = takings(&world, &mut aside, &beyond).await;
        assert_eq!(told, [], "what has nothing to do with an account its watcher is not told");
    }
}

/// A role of groups of the policy that anybody may have.
const GROUP_ROLE: &str = "manager";

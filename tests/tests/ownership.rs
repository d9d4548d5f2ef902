//! Ownership: that it moves in one step (GW-09, GW-02), where it does not (IX-13), what rests on it (PE-08), and
//! when one holder alone is worth a word (RE-03).

use mandate_proto::v1::{Account, AccountState, DecisionReason as Reason, User, advisory};
use mandate_tests::expect::assert_refused;
use mandate_tests::{World, on_both_engines};
use tokio::task::JoinSet;
use tonic::Code;

/// How often each race is run.
const ROUNDS: usize = 8;

async fn owners(world: &World, account: &Account) -> Vec<String> {
    let owners = world.operator().members(account, "owner").await.expect("listed");
    owners.into_iter().map(|owner| owner.user).collect()
}

/// The roles of which an account's answers say that they have few holders, with how many.
async fn advised(world: &World, account: &Account) -> Vec<(String, i32)> {
    let account = world.operator().account(account).await.expect("the account");
    let few = account.advisories.into_iter().map(|found| match found.advisory {
        Some(advisory::Advisory::FewHolders(few)) => (few.role, few.holders),
        None => panic!("an advisory without content"),
    });
    few.collect()
}

on_both_engines! {
    /// To an existing active member, and to nobody else; the former owner keeps nothing but a place.
    async fn gw_09_ownership_moves_to_an_active_member_in_one_step(world: World) {
        let [olga, bob, cleo] = world.people(["Olga", "Bob", "Cleo"]).await;
        let shop = world.account("client-area", &olga).await;
        world.by(&olga).add(&shop, &bob, &["user"]).await.expect("a user");
        world.by(&olga).set_grants(&shop, &bob, &["invoices.view"]).await.expect("granted");

        let stranger = world.by(&olga).hand_over(&shop, &cleo).await;
        assert_refused(stranger, Code::NotFound, "NOT_FOUND");
        let oneself = world.by(&olga).hand_over(&shop, &olga).await;
        assert_refused(oneself, Code::FailedPrecondition, "WRONG_STATE");
        world.by(&olga).suspend(&shop, &bob).await.expect("suspended");
        let suspended = world.by(&olga).hand_over(&shop, &bob).await;
        assert_refused(suspended, Code::FailedPrecondition, "WRONG_STATE");
        world.by(&olga).reinstate(&shop, &bob).await.expect("reinstated");
        for by in [&bob, &cleo] {
            let taken = world.by(by).transfer(&shop, &olga.id, &by.id).await;
            assert_eq!(taken.expect_err("nobody takes it").code(), Code::PermissionDenied);
        }

        world.may(&olga, &shop, "account.delete").await.allowed_by(Reason::Role);
        let (from, to) = world.by(&olga).hand_over(&shop, &bob).await.expect("handed over");
        assert_eq!((from.user, from.roles), (olga.id.clone(), vec!["user".to_owned()]));
        assert_eq!((to.user, to.roles), (bob.id.clone(), vec!["owner".to_owned()]));
        assert_eq!(owners(&world, &shop).await, [bob.id.as_str()]);
        world.may(&olga, &shop, "account.delete").await.denied_for(Reason::NotGranted);
        world.may(&bob, &shop, "account.delete").await.allowed_by(Reason::Role);
        let again = world.by(&olga).hand_over(&shop, &bob).await;
        assert_refused(again, Code::PermissionDenied, "PERMISSION_MISSING");
        world.operator().transfer(&shop, &bob.id, &olga.id).await.expect("back, by an operator");
        assert_eq!(owners(&world, &shop).await, [olga.id.as_str()]);
    }

    /// The owner hands over to two members at the same instant: one gets it, and there is one owner.
    async fn gw_02_two_transfers_at_once_leave_one_owner(world: World) {
        let [olga, bob, cleo] = world.people(["Olga", "Bob", "Cleo"]).await;
        for _ in 0..ROUNDS {
            let shop = world.account("client-area", &olga).await;
            for user in [&bob, &cleo] {
                world.by(&olga).add(&shop, user, &["user"]).await.expect("a user");
            }
            let mut running = JoinSet::new();
            for to in [&bob, &cleo] {
                let (party, account, to) = (world.by_another_client(&olga), shop.clone(), to.clone());
                running.spawn(async move { party.hand_over(&account, &to).await.map(|(_, to)| to.user) });
            }
            let (won, lost): (Vec<_>, Vec<_>) = running.join_all().await.into_iter().partition(Result::is_ok);
            let won: Vec<String> = won.into_iter().map(|to| to.expect("won")).collect();
            assert_eq!(won.len(), 1, "{lost:?}");
            for refused in lost {
                assert_refused(refused, Code::PermissionDenied, "PERMISSION_MISSING");
            }
            assert_eq!(owners(&world, &shop).await, won);
        }
    }

    /// A transfer beside the removal of who is to get it: the account is never without its owner.
    async fn gw_09_a_transfer_beside_a_removal_leaves_one_owner(world: World) {
        let [olga, bob] = world.people(["Olga", "Bob"]).await;
        for _ in 0..ROUNDS {
            let shop = world.account("client-area", &olga).await;
            world.by(&olga).add(&shop, &bob, &["user"]).await.expect("a user");
            let (party, account, to) = (world.by_another_client(&olga), shop.clone(), bob.clone());
            let transfer = tokio::spawn(async move { party.hand_over(&account, &to).await.is_ok() });
            let (party, account, to) = (world.another_operator(), shop.clone(), bob.clone());
            let remove = tokio::spawn(async move { party.remove(&account, &to).await.is_ok() });
            let (moved, removed) = (transfer.await.expect("ended"), remove.await.expect("ended"));
            assert!(moved != removed, "exactly one goes through: {moved} {removed}");
            let owner = if moved { &bob } else { &olga };
            assert_eq!(owners(&world, &shop).await, [owner.id.as_str()]);
        }
    }

    /// Where there may be several owners, each hands over their own part; what a group rests on stays.
    async fn gw_09_one_of_several_owners_hands_over_their_part(world: World) {
        let [ada, eve, mia] = world.people(["Ada", "Eve", "Mia"]).await;
        let brand = world.account("managed-accounts", &ada).await;
        world.by(&ada).add(&brand, &eve, &["owner"]).await.expect("a second owner");
        world.by(&ada).add(&brand, &mia, &["member"]).await.expect("a member");
        let others = world.by(&eve).transfer(&brand, &ada.id, &mia.id).await;
        assert_refused(others, Code::PermissionDenied, "DELEGATION_DENIED");
        let (from, to) = world.by(&eve).hand_over(&brand, &mia).await.expect("her own part");
        assert_eq!((from.roles, to.roles), (vec!["member".to_owned()], vec!["owner".to_owned()]));
        let mut found = owners(&world, &brand).await;
        found.sort();
        let mut expected = vec![ada.id.clone(), mia.id.clone()];
        expected.sort();
        assert_eq!(found, expected);
    }

    /// An administrator of a group that contains the account does not hand it over, either.
    async fn pe_08_an_administrator_cannot_hand_an_account_over(world: World) {
        let [ada, eve] = world.people(["Ada", "Eve"]).await;
        let brand = world.account("managed-accounts", &ada).await;
        world.by(&ada).add(&brand, &eve, &["member"]).await.expect("a member");
        let group = world.by(&ada).found_group("Agency", &[&brand]).await.expect("a group");
        for refused in [
            world.by(&ada).hand_over(&brand, &eve).await,
            world.operator().transfer(&brand, &ada.id, &eve.id).await,
        ] {
            let status = assert_refused(refused, Code::FailedPrecondition, "WRONG_STATE");
            assert!(status.message().contains(&group.id), "names the group: {status:?}");
        }
        world.by(&ada).delete_group(&group).await.expect("deleted");
        world.by(&ada).hand_over(&brand, &eve).await.expect("nothing rests on it any more");
    }

    /// Members do not transfer ownership; not even an operator does.
    async fn ix_13_members_do_not_transfer_ownership(world: World) {
        let [olga, toni] = world.people(["Olga", "Toni"]).await;
        let acme = world.ready_terminal(&olga).await;
        world.member(&acme, &toni, &["terminal_admin"]).await;
        assert_refused(world.by(&olga).hand_over(&acme, &toni).await, Code::PermissionDenied, "OPERATOR_ONLY");
        let by_operator = world.operator().transfer(&acme, &olga.id, &toni.id).await;
        assert_refused(by_operator, Code::FailedPrecondition, "WRONG_STATE");
        assert_eq!(owners(&world, &acme).await, [olga.id.as_str()]);
    }

    /// One admin alone is reported, two are not; who is alone by rule is as it should be.
    async fn re_03_one_admin_alone_is_an_advisory(world: World) {
        let [ada, eve] = world.people(["Ada", "Eve"]).await;
        let acme = world.account("organization", &ada).await;
        let alone = vec![("admin".to_owned(), 1)];
        assert_eq!(advised(&world, &acme).await, alone);
        let seen = world.by(&ada).rename(&acme, "Acme").await.expect("renamed");
        assert_eq!(seen.advisories.len(), 1, "a write says it, too");
        world.member(&acme, &eve, &["admin"]).await;
        assert_eq!(advised(&world, &acme).await, []);
        world.by(&ada).suspend(&acme, &eve).await.expect("suspended");
        assert_eq!(advised(&world, &acme).await, alone, "who is suspended does not count");

        let shop = world.account("client-area", &ada).await;
        assert_eq!(advised(&world, &shop).await, [], "one owner is the rule there");
    }

    /// A deletion is taken back by whoever could delete, and everything is as it was.
    async fn x_06_an_undeleted_account_is_as_it_was(world: World) {
        let [olga, bob] = world.people(["Olga", "Bob"]).await;
        let shop = world.account("client-area", &olga).await;
        world.by(&olga).add(&shop, &bob, &["user"]).await.expect("a user");
        let not_deleted = world.by(&olga).undelete_account(&shop).await;
        assert_refused(not_deleted, Code::FailedPrecondition, "WRONG_STATE");
        world.by(&olga).delete_account(&shop).await.expect("deleted");
        world.may(&olga, &shop, "account.edit").await.denied_for(Reason::AccountDeleted);
        let stranger: User = world.person("Stranger").await;
        for (by, reason) in [(&bob, "PERMISSION_MISSING"), (&stranger, "NOT_A_MEMBER")] {
            let refused = world.by(by).undelete_account(&shop).await;
            assert_refused(refused, Code::PermissionDenied, reason);
        }
        let back = world.by(&olga).undelete_account(&shop).await.expect("taken back");
        assert_eq!(back.delete_time, None);
        world.may(&olga, &shop, "account.edit").await.allowed_by(Reason::Role);
        assert_eq!(owners(&world, &shop).await, [olga.id.as_str()]);
        assert_eq!(world.roles(&bob, &shop).await, ["user"]);
    }

    /// Deleting an account and taking that back is no way around its suspension.
    async fn x_06_an_undeleted_account_is_as_suspended_as_it_was(world: World) {
        let olga = world.person("Olga").await;
        let shop = world.account("client-area", &olga).await;
        let operator = world.operator();
        operator.suspend_account(&shop).await.expect("suspended");
        operator.delete_account(&shop).await.expect("deleted");
        let refused = world.by(&olga).undelete_account(&shop).await;
        assert_refused(refused, Code::PermissionDenied, "NOT_A_MEMBER");
        let back = operator.undelete_account(&shop).await.expect("taken back");
        assert_eq!((back.state(), back.delete_time), (AccountState::Suspended, None));
        world.may(&olga, &shop, "account.edit").await.denied_for(Reason::AccountSuspended);
        let back = operator.reinstate_account(&shop).await.expect("reinstated");
        assert_eq!(back.state(), AccountState::Active);
        world.may(&olga, &shop, "account.edit").await.allowed_by(Reason::Role);
    }
}

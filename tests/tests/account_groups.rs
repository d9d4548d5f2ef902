//! PE: which accounts a group contains, who says so, and what is lost with it. Who belongs to a group is in
//! `managed_accounts.rs`.

use mandate_proto::v1::{
    Account, AccountGroup, DecisionReason as Reason, ListAccountGroupCandidatesRequest,
    ListAccountGroupsRequest, MissingHolders, User,
};
use mandate_tests::expect::assert_refused;
use mandate_tests::{Engine, Fixture, World, on_both_engines};
use tonic::Code;

/// Ada and Eve own three brands and administer the group of the first two, in which Max is manager. Ada alone owns
/// the fourth brand.
struct Agency {
    world: World,
    ada: User,
    eve: User,
    max: User,
    brands: [Account; 4],
    group: AccountGroup,
}

impl Fixture for Agency {
    async fn prepare(engine: Engine) -> Self {
        let world = World::prepare(engine).await;
        let [ada, eve, max] = world.people(["Ada", "Eve", "Max"]).await;
        let kind = "managed-accounts";
        let brands = [
            world.account(kind, &ada).await,
            world.account(kind, &ada).await,
            world.account(kind, &ada).await,
            world.account(kind, &ada).await,
        ];
        for brand in &brands[..3] {
            world.by(&ada).add(brand, &eve, &["owner"]).await.expect("a second owner");
        }
        let group = world.by(&ada).found_group("Agency", &[&brands[0], &brands[1]]).await.expect("a group");
        world.operator().add_to_group(&group, &eve, "administrator").await.expect("a second administrator");
        world.by(&ada).add_to_group(&group, &max, "manager").await.expect("a manager");
        Self { world, ada, eve, max, brands, group }
    }
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

fn ids(accounts: &[&Account]) -> Vec<String> {
    sorted(accounts.iter().map(|account| account.id.clone()).collect())
}

on_both_engines! {
    /// Administrators delete groups, add and remove accounts, add and remove managers; creating needs PE-01 alone.
    async fn pe_02_an_administrator_administers_the_group(agency: Agency) {
        let Agency { world, ada, eve, max, brands, group } = &agency;
        world.by(eve).join_group(group, &brands[2]).await.expect("added");
        assert_eq!(world.by(ada).group_accounts(group).await.expect("listed"), ids(&[&brands[0], &brands[1], &brands[2]]));
        world.may(max, &brands[2], "campaigns.launch").await.allowed_by(Reason::Group);
        let twice = world.by(ada).join_group(group, &brands[2]).await;
        assert_refused(twice, Code::AlreadyExists, "ALREADY_EXISTS");
        world.by(ada).leave_group(group, &brands[2]).await.expect("removed");
        world.may(max, &brands[2], "campaigns.launch").await.denied_for(Reason::NotAMember);
        world.by(eve).remove_from_group(group, max).await.expect("a manager removed");
        world.by(eve).add_to_group(group, max, "manager").await.expect("and added");
        world.by(eve).delete_group(group).await.expect("deleted");
        let gone = world.operator().group(group).await;
        assert_refused(gone, Code::NotFound, "NOT_FOUND");
        world.by(eve).found_group("Mine", &[&brands[0]]).await.expect("PE-01 and nothing else");
    }

    /// Whoever belongs to a group sees it, and what is in it; nobody else does.
    async fn pe_02_who_belongs_to_a_group_sees_it(agency: Agency) {
        let Agency { world, ada, eve, max, brands, group } = &agency;
        let stranger = world.person("Stranger").await;
        for by in [world.by(ada), world.by(max), world.operator(), world.service(&["accounts.read"])] {
            assert_eq!(by.group(group).await.expect("seen"), *group);
            assert_eq!(by.group_accounts(group).await.expect("listed"), ids(&[&brands[0], &brands[1]]));
            let users = by.group_users(group).await.expect("listed");
            let held = |user: &User| users.iter().find(|found| found.user == user.id).map(|found| found.role.as_str());
            assert_eq!([held(ada), held(eve), held(max)], [Some("administrator"), Some("administrator"), Some("manager")]);
        }
        let unknown = AccountGroup { id: format!("grp_{}", "0".repeat(26)), ..group.clone() };
        for (by, of) in [(&stranger, group), (&stranger, &unknown), (ada, &unknown)] {
            for refused in [
                world.by(by).group(of).await.map(|_| ()),
                world.by(by).group_users(of).await.map(|_| ()),
                world.by(by).group_accounts(of).await.map(|_| ()),
                world.by(by).candidates(of).await.map(|_| ()),
                world.by(by).join_group(of, &brands[2]).await,
                world.by(by).leave_group(of, &brands[0]).await.map(|_| ()),
                world.by(by).delete_group(of).await.map(|_| ()),
            ] {
                assert_refused(refused, Code::PermissionDenied, "NOT_A_MEMBER");
            }
        }
        assert_eq!(world.by(max).groups("").await.expect("his"), std::slice::from_ref(group));
        assert_eq!(world.by(&stranger).groups("").await.expect("none"), []);
        let others = world.by(&stranger).groups(&max.id).await;
        assert_refused(others, Code::PermissionDenied, "NOT_ONESELF");
        assert_eq!(world.operator().groups(&max.id).await.expect("of a user"), std::slice::from_ref(group));
        let second = world.by(ada).found_group("Second", &[&brands[3]]).await.expect("another");
        assert_eq!(world.operator().groups("").await.expect("all").len(), 2);

        // Page by page, each once.
        let mut found = Vec::new();
        let mut page_token = String::new();
        for _ in 0..3 {
            let request = ListAccountGroupsRequest { user: ada.id.clone(), page_size: 1, page_token };
            let page = world.operator().accounts().list_account_groups(request).await.expect("a page").into_inner();
            found.extend(page.groups);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(found, [group.clone(), second]);
    }

    /// Managers can neither add nor remove accounts, nor delete the group.
    async fn pe_03_a_manager_changes_no_group(agency: Agency) {
        let Agency { world, max, brands, group, .. } = &agency;
        let own = world.account("managed-accounts", max).await;
        for refused in [
            world.by(max).join_group(group, &own).await,
            world.by(max).leave_group(group, &brands[0]).await.map(|_| ()),
            world.by(max).delete_group(group).await.map(|_| ()),
            world.by(max).candidates(group).await.map(|_| ()),
        ] {
            assert_refused(refused, Code::PermissionDenied, "DELEGATION_DENIED");
        }
    }

    /// Every administrator owns an account before it can be added; candidates say who does not.
    async fn pe_06_every_administrator_owns_what_is_added(agency: Agency) {
        let Agency { world, ada, eve, max, brands, group } = &agency;
        let member_only = world.account("managed-accounts", max).await;
        world.by(max).add(&member_only, ada, &["member"]).await.expect("a member");
        let candidates = world.by(ada).candidates(group).await.expect("candidates");
        let seen: Vec<_> = candidates
            .iter()
            .map(|found| {
                let missing: Vec<&str> = found.missing.iter().map(|missing| missing.display_name.as_str()).collect();
                (found.account.as_str(), found.eligible, missing)
            })
            .collect();
        assert_eq!(
            seen,
            [
                (brands[2].id.as_str(), true, vec![]),
                (brands[3].id.as_str(), false, vec!["Eve"]),
                (member_only.id.as_str(), false, vec!["Ada", "Eve"]),
            ]
        );
        assert!(candidates.iter().flat_map(|found| &found.missing).all(|missing| missing.role == "owner"));
        let others = ListAccountGroupCandidatesRequest { group: group.id.clone(), user: eve.id.clone(), ..Default::default() };
        let refused = world.by(ada).accounts().list_account_group_candidates(others.clone()).await;
        assert_refused(refused, Code::PermissionDenied, "NOT_ONESELF");
        let of_eve = world.operator().accounts().list_account_group_candidates(others).await.expect("by an operator");
        assert_eq!(of_eve.into_inner().candidates.len(), 1, "Eve's one account beside the group's");

        let refused = world.by(ada).join_group(group, &brands[3]).await;
        let status = assert_refused(refused, Code::FailedPrecondition, "WRONG_STATE");
        assert!(status.message().contains(&eve.id) && !status.message().contains(&ada.id), "{status:?}");
        assert_refused(world.by(ada).join_group(group, &member_only).await, Code::PermissionDenied, "PERMISSION_MISSING");
        let foreign = world.account("managed-accounts", max).await;
        assert_refused(world.by(ada).join_group(group, &foreign).await, Code::PermissionDenied, "NOT_A_MEMBER");
        let other_policy = world.account("organization", ada).await;
        assert_refused(world.operator().join_group(group, &other_policy).await, Code::FailedPrecondition, "WRONG_STATE");

        // Suspended owners are none.
        world.by(ada).add(&brands[3], eve, &["owner"]).await.expect("an owner");
        world.by(ada).suspend(&brands[3], eve).await.expect("suspended");
        assert_refused(world.by(ada).join_group(group, &brands[3]).await, Code::FailedPrecondition, "WRONG_STATE");
        world.by(ada).reinstate(&brands[3], eve).await.expect("reinstated");
        world.by(ada).join_group(group, &brands[3]).await.expect("both own it");
    }

    /// A platform operator adds an ineligible account and makes the missing administrators owners in one step.
    async fn pe_10_an_operator_makes_the_missing_administrators_owners(agency: Agency) {
        let Agency { world, ada, eve, max, brands, group } = &agency;
        let brand = &brands[3];
        world.by(ada).add(brand, eve, &["member"]).await.expect("a member");
        let by_person = world.by(ada).join_group_with(group, brand, MissingHolders::Give).await;
        assert_refused(by_person, Code::PermissionDenied, "OPERATOR_ONLY");
        let refused = world.operator().join_group_with(group, brand, MissingHolders::Refuse).await;
        assert_refused(refused, Code::FailedPrecondition, "WRONG_STATE");
        assert_eq!(world.roles(eve, brand).await, ["member"], "nothing happened");

        let given = world.operator().join_group_with(group, brand, MissingHolders::Give).await.expect("added");
        assert_eq!(given, std::slice::from_ref(&eve.id));
        assert_eq!(world.roles(eve, brand).await, ["owner"]);
        assert_eq!(world.roles(ada, brand).await, ["owner"]);
        world.may(max, brand, "campaigns.launch").await.allowed_by(Reason::Group);

        // Who was not even a member becomes an owner, too; from then on it cannot be taken (PE-08).
        let new = world.account("managed-accounts", max).await;
        let given = world.operator().join_group_with(group, &new, MissingHolders::Give).await.expect("added");
        assert_eq!(given, sorted(vec![ada.id.clone(), eve.id.clone()]));
        let taken = world.by(max).set_roles(&new, ada, &["member"]).await;
        assert_refused(taken, Code::FailedPrecondition, "WRONG_STATE");

        // A suspension is not lifted in passing.
        let shut = world.account("managed-accounts", max).await;
        world.by(max).add(&shut, eve, &["member"]).await.expect("a member");
        world.by(max).suspend(&shut, eve).await.expect("suspended");
        let refused = world.operator().join_group_with(group, &shut, MissingHolders::Give).await;
        assert_refused(refused, Code::FailedPrecondition, "WRONG_STATE");
        assert!(world.membership(ada, &shut).await.is_none(), "all or nothing");
    }

    /// An account that leaves a group is lost to its users, unless another group of theirs contains it.
    async fn pe_05_an_account_that_leaves_is_lost_to_the_groups_users(agency: Agency) {
        let Agency { world, ada, max, brands, group, .. } = &agency;
        let [gus, hal] = world.people(["Gus", "Hal"]).await;
        // Gus is a manager of both groups, Hal of one; all three managers are direct members beside that.
        let second = world.by(ada).found_group("Second", &[&brands[0]]).await.expect("an overlapping group");
        for (of, user) in [(group, &gus), (&second, &gus), (group, &hal)] {
            world.by(ada).add_to_group(of, user, "manager").await.expect("a manager");
        }
        for user in [max, &gus, &hal] {
            world.by(ada).add(&brands[0], user, &["member"]).await.expect("a member");
        }
        world.by(ada).set_roles(&brands[0], &hal, &["owner"]).await.expect("an owner");

        let ended = world.by(ada).leave_group(group, &brands[0]).await.expect("removed");
        let ended: Vec<_> = ended.into_iter().map(|ended| (ended.account, ended.user)).collect();
        assert_eq!(ended, [(brands[0].id.clone(), max.id.clone())]);
        world.may(max, &brands[0], "campaigns.edit").await.denied_for(Reason::NotAMember);
        world.may(&gus, &brands[0], "campaigns.edit").await.allowed_by(Reason::Role);
        world.may(&gus, &brands[0], "billing.view").await.allowed_by(Reason::Group);
        world.may(&hal, &brands[0], "campaigns.edit").await.allowed_by(Reason::Role);
        assert_eq!(world.roles(&hal, &brands[0]).await, ["owner"], "ownership stays");
        assert_eq!(world.roles(ada, &brands[0]).await, ["owner"]);
        let again = world.by(ada).leave_group(group, &brands[0]).await;
        assert_refused(again, Code::NotFound, "NOT_FOUND");

        // The other group's end is the end of it.
        let ended = world.by(ada).delete_group(&second).await.expect("deleted");
        assert_eq!(ended.into_iter().map(|ended| ended.user).collect::<Vec<_>>(), std::slice::from_ref(&gus.id));
        world.may(&gus, &brands[0], "campaigns.edit").await.denied_for(Reason::NotAMember);
        world.may(&gus, &brands[1], "campaigns.edit").await.allowed_by(Reason::Group);
    }

    /// A deleted group is lost to everybody in it, three groups that overlap notwithstanding.
    async fn pe_05_a_deleted_group_takes_its_access_along(agency: Agency) {
        let Agency { world, ada, eve, max, brands, group } = &agency;
        let [one, two, three] = [&brands[0], &brands[1], &brands[2]];
        let second = world.by(ada).found_group("Second", &[two, three]).await.expect("an overlapping group");
        let third = world.by(ada).found_group("Third", &[one, three]).await.expect("another one");
        world.by(ada).add_to_group(&second, max, "manager").await.expect("a manager there, too");
        for brand in [one, two, three] {
            world.by(ada).add(brand, max, &["member"]).await.expect("a member");
        }
        let ended = world.by(ada).delete_group(group).await.expect("deleted");
        let ended: Vec<_> = ended.into_iter().map(|ended| (ended.account, ended.user)).collect();
        assert_eq!(ended, [(one.id.clone(), max.id.clone())], "the second group still contains the others");
        world.may(max, one, "goals.edit").await.denied_for(Reason::NotAMember);
        world.may(max, two, "billing.view").await.allowed_by(Reason::Group);
        for owner in [ada, eve] {
            assert_eq!(world.roles(owner, one).await, ["owner"], "ownership stays");
        }
        assert_eq!(world.by(eve).groups("").await.expect("none left"), []);
        let seen = world.operator().account(three).await.expect("the account");
        assert_eq!(sorted(seen.groups), sorted(vec![second.id.clone(), third.id.clone()]));
        // What rested on the group does so no more, what rests on another does.
        world.by(eve).set_roles(three, ada, &["member"]).await.expect_err("the third group needs her");
        world.by(ada).set_roles(one, eve, &["member"]).await.expect("she administers nothing any more");
    }

    /// A group has at least one account at every instant.
    async fn pe_11_the_last_account_stays(agency: Agency) {
        let Agency { world, ada, brands, group, .. } = &agency;
        world.by(ada).leave_group(group, &brands[0]).await.expect("one of two");
        for by in [world.by(ada), world.operator()] {
            let last = by.leave_group(group, &brands[1]).await;
            assert_refused(last, Code::FailedPrecondition, "WRONG_STATE");
        }
        let deleted = world.by(ada).delete_account(&brands[1]).await;
        assert_refused(deleted, Code::FailedPrecondition, "WRONG_STATE");
        assert_eq!(world.by(ada).group_accounts(group).await.expect("listed"), ids(&[&brands[1]]));
        world.by(ada).delete_account(&brands[0]).await.expect("in no group");
        let gone = world.by(ada).join_group(group, &brands[0]).await;
        assert_refused(gone, Code::PermissionDenied, "NOT_A_MEMBER");
    }
}

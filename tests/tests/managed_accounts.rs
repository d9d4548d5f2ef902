//! PE: the advertising platform's accounts and manager accounts, as their article tells it.

use mandate_proto::v1::{
    Account, AccountGroup, CreateAccountGroupRequest, DecisionReason as Reason, DeleteAccountRequest, User,
    via,
};
use mandate_tests::expect::{assert_invalid, assert_refused, metadata};
use mandate_tests::world::names;
use mandate_tests::{Engine, Fixture, World, on_both_engines};
use tonic::Code;

/// Ada owns three brands; the first two are in her manager account, in which Max is manager.
struct Agency {
    world: World,
    ada: User,
    max: User,
    brands: [Account; 3],
    group: AccountGroup,
}

impl Fixture for Agency {
    async fn prepare(engine: Engine) -> Self {
        let world = World::prepare(engine).await;
        let [ada, max] = world.people(["Ada", "Max"]).await;
        let [one, two, three] = ["managed-accounts"; 3];
        let brands = [
            world.account(one, &ada).await,
            world.account(two, &ada).await,
            world.account(three, &ada).await,
        ];
        let group = world.by(&ada).found_group("Agency", &[&brands[0], &brands[1]]).await.expect("a group");
        world.by(&ada).add_to_group(&group, &max, "manager").await.expect("a manager");
        Self { world, ada, max, brands, group }
    }
}

on_both_engines! {
    /// One or more owners, whom the members see; who creates an account owns it.
    async fn pe_01_members_see_who_the_owners_are(world: World) {
        let [ada, eve, mia] = world.people(["Ada", "Eve", "Mia"]).await;
        let brand = world.account("managed-accounts", &ada).await;
        assert_eq!(world.roles(&ada, &brand).await, ["owner"]);
        world.by(&ada).add(&brand, &eve, &["owner"]).await.expect("a second owner");
        world.by(&ada).add(&brand, &mia, &["member"]).await.expect("a member");

        let owners = world.by(&mia).members(&brand, "owner").await.expect("members see who the owners are");
        let mut owners: Vec<_> = owners.into_iter().map(|owner| owner.display_name).collect();
        owners.sort();
        assert_eq!(owners, ["Ada", "Eve"]);

        world.by(&eve).remove(&brand, &ada).await.expect("one of two owners goes");
        let last = world.operator().set_roles(&brand, &eve, &["member"]).await;
        assert_refused(last, Code::FailedPrecondition, "LIMIT_LEAST");
    }

    /// "musst du der Eigentümer aller Konten sein"; the creator becomes administrator and stays owner.
    async fn pe_01_a_group_is_founded_by_the_owner_of_all_its_accounts(agency: Agency) {
        let Agency { world, ada, max, brands, .. } = &agency;
        let foreign = world.account("managed-accounts", max).await;
        world.by(max).add(&foreign, ada, &["member"]).await.expect("a member, not an owner");

        let status = assert_invalid(
            world.by(ada).found_group("Too much", &[&brands[0], &foreign]).await,
            &["accounts[1]"],
        );
        assert!(status.message().contains("must directly hold the role owner"), "{status:?}");
        // Nor by way of an operator: it is the founder who has to own everything.
        let request = CreateAccountGroupRequest {
            display_name: "Too much".to_owned(),
            accounts: vec![brands[0].id.clone(), foreign.id.clone()],
            founder: ada.id.clone(),
            ..CreateAccountGroupRequest::default()
        };
        let by_operator = world.operator().accounts().create_account_group(request).await;
        assert_invalid(by_operator, &["accounts[1]"]);
        assert_invalid(world.by(ada).found_group("Nothing", &[]).await, &["accounts"]);

        let group =
            world.by(ada).found_group("All of mine", &[&brands[0], &brands[2]]).await.expect("owner of all");
        world.by(ada).add_to_group(&group, max, "manager").await.expect("its administrator adds users");
        for brand in brands {
            assert_eq!(world.roles(ada, brand).await, ["owner"], "stays owner of each account");
        }
        assert!(world.by(ada).account(&brands[0]).await.expect("seen").groups.contains(&group.id));
    }

    /// "Der Manager hat dann nur Zugriff auf die Konten innerhalb dieses speziellen Manager-Kontos".
    async fn pe_03_a_manager_reaches_the_accounts_of_the_group_and_no_others(agency: Agency) {
        let Agency { world, ada, max, brands, group } = &agency;
        for brand in &brands[..2] {
            let verdict = world.may(max, brand, "campaigns.launch").await;
            verdict.allowed_by(Reason::Group);
            let through = via::GroupVia { group: group.id.clone(), role: "manager".to_owned() };
            assert_eq!(verdict.answer.via[0].via, Some(via::Via::Group(through)));
        }
        world.may(max, &brands[2], "campaigns.launch").await.denied_for(Reason::NotAMember);

        // Everything but team management, ownership and deletion.
        let owners = world.permissions(ada, &brands[0]).await;
        let expected = owners
            .into_iter()
            .filter(|name| !["team", "ownership", "deletion"].contains(&name.split('.').next().unwrap()));
        assert_eq!(world.permissions(max, &brands[0]).await, expected.collect::<Vec<_>>());

        // Other memberships add theirs.
        world.by(ada).add(&brands[2], max, &["member"]).await.expect("a member");
        world.may(max, &brands[2], "campaigns.launch").await.allowed_by(Reason::Role);
    }

    /// "Manager haben nicht die Möglichkeit, Konten … oder Benutzer … hinzuzufügen/löschen".
    async fn pe_03_a_manager_adds_and_removes_nobody(agency: Agency) {
        let Agency { world, ada, max, brands, group } = &agency;
        let [eve, stranger] = world.people(["Eve", "Stranger"]).await;
        world.by(ada).add_to_group(group, &eve, "manager").await.expect("another manager");

        for role in ["manager", "administrator"] {
            for whom in [&stranger, max, &eve] {
                let added = world.by(max).add_to_group(group, whom, role).await;
                assert_refused(added, Code::PermissionDenied, "DELEGATION_DENIED");
            }
        }
        for whom in [&eve, ada] {
            let removed = world.by(max).remove_from_group(group, whom).await;
            assert_refused(removed, Code::PermissionDenied, "DELEGATION_DENIED");
        }
        let founded = world.by(max).found_group("Mine", &[&brands[0]]).await;
        assert_invalid(founded, &["accounts[0]"]);
        let added = world.by(max).add(&brands[0], &stranger, &["member"]).await;
        assert_refused(added, Code::PermissionDenied, "PERMISSION_MISSING");
        // Who is not in the group learns nothing of it.
        let added = world.by(&stranger).add_to_group(group, &stranger, "manager").await;
        assert_refused(added, Code::PermissionDenied, "NOT_A_MEMBER");
    }

    /// "von einem Administrator oder einem Mitarbeiter zu einem Manager-Konto hinzugefügt".
    async fn pe_04_an_administrator_or_an_operator_adds_managers(agency: Agency) {
        let Agency { world, ada, max, brands, group } = &agency;
        let [eve, fay] = world.people(["Eve", "Fay"]).await;
        world.by(ada).add_to_group(group, &eve, "manager").await.expect("by an administrator");
        world.operator().add_to_group(group, &fay, "manager").await.expect("by an operator");
        for manager in [&eve, &fay] {
            world.may(manager, &brands[1], "reports.view").await.allowed_by(Reason::Group);
        }
        let gus = world.person("Gus").await;
        assert_refused(
            world.by(max).add_to_group(group, &gus, "manager").await,
            Code::PermissionDenied,
            "DELEGATION_DENIED",
        );
        let backend = world.service(&["accounts.create", "accounts.read", "users.write"]);
        assert_refused(
            backend.add_to_group(group, &gus, "manager").await,
            Code::PermissionDenied,
            "SCOPE_MISSING",
        );
    }

    /// "wenn er nicht Teil eines anderen Managerkontos ist, das dasselbe Unternehmen enthält".
    async fn pe_05_who_leaves_a_group_loses_what_no_other_group_contains(agency: Agency) {
        let Agency { world, ada, max, brands, group } = &agency;
        // Group B shares the second brand with group A.
        let other = world.by(ada).found_group("B", &[&brands[1], &brands[2]]).await.expect("group B");
        world.by(ada).add_to_group(&other, max, "manager").await.expect("manager of B, too");

        world.by(ada).remove_from_group(group, max).await.expect("removed from A");

        world.may(max, &brands[0], "reports.view").await.denied_for(Reason::NotAMember);
        for kept in &brands[1..] {
            world.may(max, kept, "reports.view").await.allowed_by(Reason::Group);
        }
        world.by(ada).remove_from_group(&other, max).await.expect("removed from B");
        for brand in brands {
            world.may(max, brand, "reports.view").await.denied_for(Reason::NotAMember);
        }
    }

    /// Where access is lost, a direct membership ends too, unless it is ownership.
    async fn pe_05_a_direct_membership_ends_and_ownership_stays(agency: Agency) {
        let Agency { world, ada, max, brands, group } = &agency;
        world.by(ada).add(&brands[0], max, &["member"]).await.expect("a direct membership");
        world.by(ada).add(&brands[1], max, &["owner"]).await.expect("a second owner");
        world.by(ada).add(&brands[2], max, &["member"]).await.expect("outside the group");

        let ended = world.by(ada).remove_from_group(group, max).await.expect("removed");

        assert_eq!(ended, names(&[&brands[0].id]));
        world.may(max, &brands[0], "reports.view").await.denied_for(Reason::NotAMember);
        world.may(max, &brands[1], "reports.view").await.allowed_by(Reason::Role);
        world.may(max, &brands[2], "reports.view").await.allowed_by(Reason::Role);
        assert_eq!(world.roles(max, &brands[1]).await, ["owner"]);
    }

    /// "Wenn du ein zweiter Administrator … werden möchtest, wende dich bitte direkt an deinen Accountmanager".
    async fn pe_07_an_operator_alone_makes_a_second_administrator(agency: Agency) {
        let Agency { world, ada, max, brands, group } = &agency;
        let eve = world.person("Eve").await;
        world.by(ada).add(&brands[0], &eve, &["owner"]).await.expect("owner of the first");

        for by in [world.by(ada), world.by(max)] {
            let made = by.add_to_group(group, &eve, "administrator").await;
            assert_refused(made, Code::PermissionDenied, "DELEGATION_DENIED");
        }
        let made = world.operator().add_to_group(group, &eve, "administrator").await;
        let status = assert_refused(made, Code::FailedPrecondition, "WRONG_STATE");
        assert!(status.message().contains(&brands[1].id), "names the account that is not owned: {status:?}");
        assert!(!status.message().contains(&brands[0].id), "{status:?}");

        world.by(ada).add(&brands[1], &eve, &["owner"]).await.expect("owner of the second");
        world.operator().add_to_group(group, &eve, "administrator").await.expect("owner of all");
        let gus = world.person("Gus").await;
        world.by(&eve).add_to_group(group, &gus, "manager").await.expect("she administers the group");
    }

    /// An administrator's ownership rests on the group; the error names it.
    async fn pe_08_ownership_cannot_be_taken_from_an_administrator(agency: Agency) {
        let Agency { world, ada, max, brands, group } = &agency;
        let eve = world.person("Eve").await;
        for brand in brands {
            world.by(ada).add(brand, &eve, &["owner"]).await.expect("a second owner");
        }
        for refused in [
            world.by(&eve).set_roles(&brands[0], ada, &["member"]).await.map(|_| ()),
            world.by(&eve).remove(&brands[0], ada).await.map(|_| ()),
            world.by(&eve).suspend(&brands[0], ada).await.map(|_| ()),
            world.by(ada).remove(&brands[0], ada).await.map(|_| ()),
            world.operator().remove(&brands[1], ada).await.map(|_| ()),
        ] {
            let status = assert_refused(refused, Code::FailedPrecondition, "WRONG_STATE");
            assert!(status.message().contains(&group.id), "names the group: {status:?}");
        }
        // Where no group contains the account, and for others than its administrators, nothing is in the way.
        world.by(&eve).remove(&brands[2], ada).await.expect("not in the group");
        world.by(&eve).remove(&brands[0], &eve).await.expect("not an administrator");
        world.may(max, &brands[0], "goals.edit").await.allowed_by(Reason::Group);
    }

    /// At least one administrator and one account; one steps down while another remains.
    async fn pe_11_a_group_keeps_an_administrator_and_an_account(agency: Agency) {
        let Agency { world, ada, brands, group, .. } = &agency;
        for by in [world.by(ada), world.operator()] {
            let removed = by.remove_from_group(group, ada).await;
            let status = assert_refused(removed, Code::FailedPrecondition, "LIMIT_LEAST");
            assert_eq!(metadata(&status, "role").as_deref(), Some("administrator"));
        }
        let demoted = world.operator().add_to_group(group, ada, "manager").await;
        assert_refused(demoted, Code::FailedPrecondition, "LIMIT_LEAST");
        let request = DeleteAccountRequest { account: brands[0].id.clone(), ..Default::default() };
        let deleted = world.by(ada).accounts().delete_account(request).await;
        let status = assert_refused(deleted, Code::FailedPrecondition, "WRONG_STATE");
        assert!(status.message().contains(&group.id), "{status:?}");

        let eve = world.person("Eve").await;
        for brand in &brands[..2] {
            world.by(ada).add(brand, &eve, &["owner"]).await.expect("a second owner");
        }
        world.operator().add_to_group(group, &eve, "administrator").await.expect("a second administrator");
        let removed = world.by(&eve).remove_from_group(group, ada).await;
        assert_refused(removed, Code::PermissionDenied, "DELEGATION_DENIED");
        world.by(ada).remove_from_group(group, ada).await.expect("steps down while another remains");
        assert_eq!(world.roles(ada, &brands[0]).await, ["owner"], "and stays owner");
        let last = world.by(&eve).remove_from_group(group, &eve).await;
        assert_refused(last, Code::FailedPrecondition, "LIMIT_LEAST");
    }
}

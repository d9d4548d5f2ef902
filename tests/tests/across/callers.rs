//! any policy, and every caller judged by it.

use mandate_proto::v1::{AccessLevel, DecisionReason as Reason};
use mandate_tests::expect::{assert_refused, metadata};
use mandate_tests::on_both_engines;
use mandate_tests::world::{assignment, resource};
use tonic::Code;

use crate::Bakery;

/// Each built-in policy with the roles of the first user and one thing that they may do.
const SYSTEMS: [(&str, &[&str], &str); 5] = [
    ("client-area", &["owner"], "domains.order"),
    ("managed-accounts", &["owner"], "campaigns.launch"),
    ("terminal", &["owner"], "access.activate"),
    ("organization", &["admin"], "subscription.cancel"),
    ("company-account", &["admin", "billing_contact"], "shipments.book"),
];

on_both_engines! {
    /// Five systems and a customer's own, one service, one person in all of them.
    async fn x_01_one_service_serves_all_policies_at_once(bakery: Bakery) {
        let Bakery { world, shop, jon, .. } = &bakery;
        let ada = world.person("Ada").await;
        let mut accounts = Vec::new();
        for (policy, roles, _) in SYSTEMS {
            let account = world.account(policy, &ada).await;
            assert_eq!(world.roles(&ada, &account).await, roles);
            accounts.push(account);
        }
        world.operator().add(shop, &ada, &["journeyman"]).await.expect("a member of the bakery, too");
        for (account, (policy, _, own)) in accounts.iter().zip(SYSTEMS) {
            assert_eq!(world.by(&ada).account(account).await.expect("seen").policy, policy);
            for (_, _, permission) in SYSTEMS {
                let verdict = world.may(&ada, account, permission).await;
                match permission == own {
                    true => verdict.allowed_by(Reason::Role),
                    false => verdict.denied_for(Reason::UnknownPermission),
                }
            }
            world.may(&ada, account, "crew.hire").await.denied_for(Reason::UnknownPermission);
        }
        world.may(&ada, shop, "crew.hire").await.allowed_by(Reason::Role);
        world.may(jon, shop, "domains.order").await.denied_for(Reason::UnknownPermission);
    }

    /// A call is refused for exactly the permission that Check denies, under names that no code can know.
    async fn x_02_calls_are_judged_by_the_permissions_of_the_policy(bakery: Bakery) {
        let Bakery { world, shop, master, jon, ann, .. } = &bakery;
        let new = world.person("Nora").await;
        let north = || assignment(&resource("shop", "north"), &[], &[]);
        for caller in [ann, jon, master] {
            let by = world.by(caller);
            for (permission, outcome) in [
                ("crew.look", by.members(shop, "").await.map(|_| ())),
                ("crew.look", by.member(shop, master).await.map(|_| ())),
                ("crew.hire", by.add(shop, &new, &["apprentice"]).await.map(|_| ())),
                ("crew.swap", by.set_grants(shop, ann, &["till.count"]).await.map(|_| ())),
                ("oven.staff", by.assign(shop, ann, north()).await.map(|_| ())),
                ("crew.fire", by.suspend(shop, &new).await.map(|_| ())),
                ("crew.fire", by.remove(shop, &new).await.map(|_| ())),
                ("crew.fire", by.rename(shop, "Best bread").await.map(|_| ())),
            ] {
                let allowed = world.may(caller, shop, permission).await.allowed();
                match outcome {
                    Ok(()) => assert!(allowed, "{} did what needs {permission}", caller.display_name),
                    Err(status) if allowed => {
                        assert_ne!(
                            status.code(),
                            Code::PermissionDenied,
                            "{}: {status:?}",
                            caller.display_name
                        );
                    }
                    Err(status) => {
                        let status = assert_refused(
                            Err::<(), _>(status),
                            Code::PermissionDenied,
                            "PERMISSION_MISSING",
                        );
                        assert_eq!(metadata(&status, "permission").as_deref(), Some(permission));
                    }
                }
            }
        }
    }

    /// The rights of a moment ago are not enough: the next call after a change is judged by what is so now.
    async fn x_02_a_caller_is_judged_by_what_holds_now(bakery: Bakery) {
        let Bakery { world, shop, master, jon, .. } = &bakery;
        let [one, two, three] = world.people(["One", "Two", "Three"]).await;
        let by = world.by(jon);
        by.add(shop, &one, &["apprentice"]).await.expect("a journeyman hires");

        world.by(master).set_roles(shop, jon, &["apprentice"]).await.expect("set back");
        let refused = by.add(shop, &two, &["apprentice"]).await;
        assert_refused(refused, Code::PermissionDenied, "PERMISSION_MISSING");
        world.by(master).set_roles(shop, jon, &["journeyman"]).await.expect("and forth");
        by.add(shop, &two, &["apprentice"]).await.expect("hires again");
        world.by(master).suspend(shop, jon).await.expect("suspended");
        assert_refused(by.add(shop, &three, &["apprentice"]).await, Code::PermissionDenied, "NOT_A_MEMBER");
    }

    /// What single assignments carry shows in the access matrix for as long as there is one.
    async fn x_02_the_access_matrix_shows_what_assignments_carry(bakery: Bakery) {
        let Bakery { world, shop, jon, ann, master, .. } = &bakery;
        let stall = resource("stall", "s-1");
        world.by(jon).register(shop, stall.clone(), None).await.expect("opened");
        let of_ann = async || world.access(ann, shop).await["stalls"];
        assert_eq!(of_ann().await, AccessLevel::None);
        let helper = assignment(&stall, &["helper"], &[]);
        world.by(master).assign(shop, ann, helper).await.expect("assigned");
        assert_eq!(of_ann().await, AccessLevel::Limited);
        assert!(!world.permissions(ann, shop).await.iter().any(|name| name.starts_with("stalls.")));
        world.by(master).unassign(shop, ann, &stall).await.expect("unassigned");
        assert_eq!(of_ann().await, AccessLevel::None);
    }
}

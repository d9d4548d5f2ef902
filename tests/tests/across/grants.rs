//! nobody grants what the policy does not let them grant.

use mandate_proto::v1::{AddMemberRequest, DecisionReason as Reason};
use mandate_tests::expect::{assert_invalid, assert_refused};
use mandate_tests::world::{adding, assignment, names, resource};
use mandate_tests::{World, on_both_engines};
use tonic::{Code, Status};

use crate::Bakery;

on_both_engines! {
    /// Roles: neither to others nor to oneself, neither at once nor in two steps.
    async fn x_04_nobody_gives_roles_beyond_the_policy(bakery: Bakery) {
        let Bakery { world, shop, master, jon, ann, .. } = &bakery;
        let new = world.person("Nora").await;
        let by = world.by(jon);
        for role in ["journeyman", "master"] {
            assert_refused(by.add(shop, &new, &[role]).await, Code::PermissionDenied, "DELEGATION_DENIED");
        }
        by.add(shop, &new, &["apprentice"]).await.expect("an apprentice");
        for whom in [&new, jon, master] {
            let changed = by.set_roles(shop, whom, &["master"]).await;
            assert_refused(changed, Code::PermissionDenied, "PERMISSION_MISSING");
        }
        // The master may change people, but not make a second master, by either call, nor touch themself.
        let by = world.by(master);
        assert_refused(
            by.set_roles(shop, ann, &["master"]).await,
            Code::PermissionDenied,
            "DELEGATION_DENIED",
        );
        let other = world.person("Olaf").await;
        assert_refused(by.add(shop, &other, &["master"]).await, Code::PermissionDenied, "DELEGATION_DENIED");
        assert_refused(
            by.set_roles(shop, master, &["journeyman"]).await,
            Code::PermissionDenied,
            "DELEGATION_DENIED",
        );
        assert_eq!(world.roles(&new, shop).await, ["apprentice"]);
    }

    /// Single permissions and assignments that come with a new member are judged like those that come later.
    async fn x_04_nobody_grants_beyond_the_policy(bakery: Bakery) {
        let Bakery { world, shop, master, jon, ann, .. } = &bakery;
        let new = world.person("Nora").await;
        let by = world.by(jon);
        let with_grant =
            AddMemberRequest { grants: names(&["till.count"]), ..adding(shop, &new, &["apprentice"]) };
        assert_refused(by.add_with(with_grant).await, Code::PermissionDenied, "DELEGATION_DENIED");
        let assignments = vec![assignment(&resource("shop", "north"), &[], &[])];
        let with_shop = AddMemberRequest { assignments, ..adding(shop, &new, &["apprentice"]) };
        assert_refused(by.add_with(with_shop).await, Code::PermissionDenied, "PERMISSION_MISSING");
        assert_eq!(world.membership(&new, shop).await, None, "all or nothing");

        // What the role cannot hold one by one, nobody grants, an operator included.
        for by in [world.by(master), world.operator()] {
            let grants = names(&["crew.fire"]);
            let with_grant = AddMemberRequest { grants, ..adding(shop, &new, &["apprentice"]) };
            assert_invalid(by.add_with(with_grant).await, &["grants"]);
            assert_invalid(by.set_grants(shop, ann, &["crew.fire"]).await, &["grants"]);
        }
        world.by(master).set_grants(shop, ann, &["till.count"]).await.expect("granted");
        world.may(ann, shop, "till.count").await.allowed_by(Reason::Grant);
        // The master grants it over anyone else; not to themself, who holds it by role anyway.
        let oneself =
            world.by(master).assign(shop, master, assignment(&resource("shop", "north"), &[], &[])).await;
        assert_refused(oneself, Code::PermissionDenied, "DELEGATION_DENIED");
    }

    /// Roles on a resource: not above what a role there may hand out, nor taken from those above.
    async fn x_04_nobody_gives_resource_roles_beyond_the_policy(bakery: Bakery) {
        let Bakery { world, shop, master, jon, ann, .. } = &bakery;
        let stall = resource("stall", "market square");
        world.by(jon).register(shop, stall.clone(), None).await.expect("its keeper from now on");
        let by = world.by(jon);
        for refused in [
            by.assign(shop, ann, assignment(&stall, &["keeper"], &[])).await,
            by.assign(shop, ann, assignment(&stall, &["helper"], &["stalls.sell"])).await,
            by.assign(shop, jon, assignment(&stall, &["helper"], &[])).await,
        ] {
            assert_refused(refused, Code::PermissionDenied, "DELEGATION_DENIED");
        }
        by.assign(shop, ann, assignment(&stall, &["helper"], &[])).await.expect("a helper");
        world.may(ann, shop, "stalls.sell").on("stall", &stall.id).await.allowed_by(Reason::Assignment);
        let climbing = world.by(ann).assign(shop, ann, assignment(&stall, &["keeper"], &[])).await;
        assert_refused(climbing, Code::PermissionDenied, "PERMISSION_MISSING");

        world
            .by(master)
            .assign(shop, ann, assignment(&stall, &["keeper"], &[]))
            .await
            .expect("a second keeper");
        for refused in [
            by.assign(shop, ann, assignment(&stall, &["helper"], &[])).await.map(|_| ()),
            by.unassign(shop, ann, &stall).await,
        ] {
            assert_refused(refused, Code::PermissionDenied, "DELEGATION_DENIED");
        }
        world.may(ann, shop, "stalls.staff").on("stall", &stall.id).await.allowed_by(Reason::Assignment);
    }

    /// Roles in an account group: a manager makes nobody anything, an administrator no administrators.
    async fn x_04_nobody_gives_group_roles_beyond_the_policy(world: World) {
        let [ada, max, eve] = world.people(["Ada", "Max", "Eve"]).await;
        let brand = world.account("managed-accounts", &ada).await;
        world.by(&ada).add(&brand, &eve, &["owner"]).await.expect("eligible, even");
        let group = world.by(&ada).found_group("Agency", &[&brand]).await.expect("a group");
        world.by(&ada).add_to_group(&group, &max, "manager").await.expect("a manager");
        for (by, whom, role) in [
            (&ada, &eve, "administrator"),
            (&ada, &max, "administrator"),
            (&max, &max, "administrator"),
            (&max, &eve, "manager"),
        ] {
            let refused = world.by(by).add_to_group(&group, whom, role).await;
            assert_refused(refused, Code::PermissionDenied, "DELEGATION_DENIED");
        }
        // Nor by way of a group of one's own: whoever founds it holds the role that it asks for.
        let own = world.by(&max).found_group("Mine", &[&brand]).await;
        assert_invalid(own, &["accounts[0]"]);
        world.may(&max, &brand, "team.add").await.denied_for(Reason::NotGranted);
    }

    /// In each of the five systems, those below the top try to reach it.
    async fn x_04_nobody_climbs_in_the_five_systems(world: World) {
        for (policy, top, below) in [
            ("client-area", "owner", "user"),
            ("managed-accounts", "owner", "member"),
            ("terminal", "owner", "terminal_admin"),
            ("organization", "admin", "user_admin"),
            ("company-account", "admin", "manager"),
        ] {
            let [first, climber, friend] = world
                .people([
                    &*format!("First {policy}"),
                    &*format!("Climber {policy}"),
                    &*format!("Friend {policy}"),
                ])
                .await;
            let account = match policy {
                "terminal" => world.ready_terminal(&first).await,
                _ => world.account(policy, &first).await,
            };
            world.member(&account, &climber, &[below]).await;
            let by = world.by(&climber);
            for refused in [
                by.set_roles(&account, &climber, &[top]).await.map(|_| ()),
                by.add(&account, &friend, &[top]).await.map(|_| ()),
                by.set_roles(&account, &first, &[below]).await.map(|_| ()),
                by.remove(&account, &first).await.map(|_| ()),
                by.suspend(&account, &first).await.map(|_| ()),
            ] {
                let status: Status = refused.expect_err(policy);
                assert_eq!(status.code(), Code::PermissionDenied, "{policy}: {status:?}");
            }
            assert_eq!(world.roles(&climber, &account).await, [below], "{policy}");
            assert_eq!(world.membership(&friend, &account).await, None, "{policy}");
        }
    }
}

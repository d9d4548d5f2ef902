//! IX: the cloud host's terminal, as its article (and the companions on roles and clouds) tell it.

use mandate_proto::v1::{Account, AddMemberRequest, DecisionReason as Reason, User};
use mandate_tests::expect::{assert_invalid, assert_refused, metadata, preconditions};
use mandate_tests::world::{adding, assignment, flag, names, resource, text};
use mandate_tests::{Engine, Fixture, World, on_both_engines};
use tonic::Code;

/// A business account ready for users: Olga owns it, Toni is terminal admin, Uwe terminal user.
struct Terminal {
    world: World,
    acme: Account,
    olga: User,
    toni: User,
    uwe: User,
}

impl Fixture for Terminal {
    async fn prepare(engine: Engine) -> Self {
        let world = World::prepare(engine).await;
        let [olga, toni, uwe] = world.people(["Olga", "Toni", "Uwe"]).await;
        let acme = world.ready_terminal(&olga).await;
        world.by(&olga).add(&acme, &toni, &["terminal_admin"]).await.expect("an admin");
        world.by(&olga).add(&acme, &uwe, &["terminal_user"]).await.expect("a user");
        Self { world, acme, olga, toni, uwe }
    }
}

/// What a terminal user holds of the role alone.
const DEFAULTS: [&str; 2] = ["dashboard.view", "clouds.create"];

on_both_engines! {
    /// "weitere Kontakte nur mit einem Businesskunden-Account"; the account changes its type, and only upwards.
    async fn ix_03_further_people_need_a_business_account(world: World) {
        let [olga, uwe] = world.people(["Olga", "Uwe"]).await;
        let acme = world.account("terminal", &olga).await;
        world.by(&olga).set(&acme, "organization_domain", text("acme.example")).await.expect("a domain");
        world.operator().set(&acme, "access_control", flag(true)).await.expect("configured");

        let added = world.by(&olga).add(&acme, &uwe, &["terminal_user"]).await;
        let status = assert_refused(added, Code::FailedPrecondition, "REQUIREMENT_UNMET");
        assert_eq!(preconditions(&status).len(), 1);
        assert!(status.message().contains("tier to be business"), "{status:?}");

        world.by(&olga).set(&acme, "tier", text("business")).await.expect("from personal to business");
        world.by(&olga).add(&acme, &uwe, &["terminal_user"]).await.expect("added");
        let back = world.by(&olga).set(&acme, "tier", text("personal")).await;
        assert_refused(back, Code::FailedPrecondition, "WRONG_STATE");
    }

    /// "Um neue Kontakte anlegen zu können ist zudem eine Organisations-Domain notwendig".
    async fn ix_04_further_people_need_an_organization_domain(world: World) {
        let [olga, uwe] = world.people(["Olga", "Uwe"]).await;
        let acme = world.account("terminal", &olga).await;
        world.by(&olga).set(&acme, "tier", text("business")).await.expect("upgraded");
        world.operator().set(&acme, "access_control", flag(true)).await.expect("configured");

        let added = world.by(&olga).add(&acme, &uwe, &["terminal_user"]).await;
        let status = assert_refused(added, Code::FailedPrecondition, "REQUIREMENT_UNMET");
        assert!(status.message().contains("organization_domain to be set"), "{status:?}");

        let wrong = world.by(&olga).set(&acme, "organization_domain", text("not a domain")).await;
        assert_invalid(wrong, &["attributes[organization_domain]"]);
        let set =
            world.by(&olga).set(&acme, "organization_domain", text("Bücher.Example")).await.expect("set");
        assert_eq!(set.attributes["organization_domain"], text("xn--bcher-kva.example"));
        world.by(&olga).add(&acme, &uwe, &["terminal_user"]).await.expect("added");
    }

    /// "muss das Access Control Center möglicherweise noch … konfiguriert werden": by the provider's support alone.
    async fn ix_06_the_access_control_center_is_configured_first(terminal: Terminal) {
        let Terminal { world, acme, olga, toni, uwe } = &terminal;
        world.operator().set(acme, "access_control", flag(false)).await.expect("taken back");
        let new = world.person("Nora").await;
        for refused in [
            world.by(olga).add(acme, &new, &["terminal_user"]).await.map(|_| ()),
            world.by(toni).add(acme, &new, &["terminal_user"]).await.map(|_| ()),
            world.by(olga).set_roles(acme, toni, &["terminal_user"]).await.map(|_| ()),
            world.by(toni).set_grants(acme, uwe, &["invoices.view"]).await.map(|_| ()),
        ] {
            let status = assert_refused(refused, Code::FailedPrecondition, "REQUIREMENT_UNMET");
            assert!(
                status.message().contains("access_control to be on (ask the provider's support)"),
                "{status:?}"
            );
        }
        for by in [olga, toni] {
            let configured = world.by(by).set(acme, "access_control", flag(true)).await;
            assert_refused(configured, Code::PermissionDenied, "OPERATOR_ONLY");
        }
        world.operator().set(acme, "access_control", flag(true)).await.expect("configured");
        world.by(toni).add(acme, &new, &["terminal_user"]).await.expect("added");
    }

    /// "nur Berechtigungen zu vergeben, die der entsprechende Benutzer auch wirklich benötigt".
    async fn ix_12_a_terminal_user_holds_nothing_that_was_not_given(terminal: Terminal) {
        let Terminal { world, acme, toni, uwe, .. } = &terminal;
        assert_eq!(world.permissions(uwe, acme).await, DEFAULTS);

        world.by(toni).set_grants(acme, uwe, &["invoices.view"]).await.expect("one by one");
        let held = world.permissions(uwe, acme).await;
        assert_eq!(held.len(), DEFAULTS.len() + 1, "{held:?}");
        world.may(uwe, acme, "invoices.view").await.allowed_by(Reason::Grant);
        for beside in
            ["invoices.pay", "orders.view", "domains.edit", "servers.manage", "access.view", "account.view"]
        {
            world.may(uwe, acme, beside).await.denied_for(Reason::NotGranted);
        }
        // One by one: no wildcards, no access to the access control center.
        assert_invalid(world.by(toni).set_grants(acme, uwe, &["invoices.*"]).await, &["grants[0]"]);
        assert_invalid(world.by(toni).set_grants(acme, uwe, &["access.activate"]).await, &["grants"]);

        world.by(toni).set_grants(acme, uwe, &[]).await.expect("withdrawn");
        assert_eq!(world.permissions(uwe, acme).await, DEFAULTS);
        // Somebody new begins with no more, whoever adds them.
        let new = world.person("Nora").await;
        world.operator().add(acme, &new, &["terminal_user"]).await.expect("added");
        assert_eq!(world.permissions(&new, acme).await, DEFAULTS);
    }

    /// Owner makes terminal_admin and terminal_user and edits both; the first user is owner.
    async fn ix_13_an_owner_gives_the_roles_below(terminal: Terminal) {
        let Terminal { world, acme, olga, toni, uwe } = &terminal;
        assert_eq!(world.roles(olga, acme).await, ["owner"]);
        let by = world.by(olga);
        by.set_roles(acme, uwe, &["terminal_admin"]).await.expect("made an admin");
        by.set_roles(acme, toni, &["terminal_user"]).await.expect("made a user");
        by.set_roles(acme, toni, &["terminal_admin"]).await.expect("and back");

        assert_refused(
            by.set_roles(acme, toni, &["owner"]).await,
            Code::PermissionDenied,
            "DELEGATION_DENIED",
        );
        let new = world.person("Nora").await;
        assert_refused(by.add(acme, &new, &["owner"]).await, Code::PermissionDenied, "DELEGATION_DENIED");
        world.operator().set_roles(acme, toni, &["owner"]).await.expect("a further owner, by an operator");
        // One owner does not touch another.
        assert_refused(
            by.set_roles(acme, toni, &["terminal_user"]).await,
            Code::PermissionDenied,
            "DELEGATION_DENIED",
        );
        assert_refused(by.remove(acme, toni).await, Code::PermissionDenied, "DELEGATION_DENIED");
    }

    /// A terminal admin makes and edits terminal users only.
    async fn ix_13_a_terminal_admin_gives_one_role_below(terminal: Terminal) {
        let Terminal { world, acme, olga, toni, uwe } = &terminal;
        let [second, new] = world.people(["Tina", "Nora"]).await;
        world.by(olga).add(acme, &second, &["terminal_admin"]).await.expect("another admin");
        let by = world.by(toni);
        for refused in [
            by.add(acme, &new, &["terminal_admin"]).await.map(|_| ()),
            by.add(acme, &new, &["owner"]).await.map(|_| ()),
            by.set_roles(acme, uwe, &["terminal_admin"]).await.map(|_| ()),
            by.set_roles(acme, uwe, &["owner"]).await.map(|_| ()),
            by.set_roles(acme, &second, &["terminal_user"]).await.map(|_| ()),
            by.set_roles(acme, toni, &["owner"]).await.map(|_| ()),
            by.set_roles(acme, olga, &["terminal_user"]).await.map(|_| ()),
            by.remove(acme, &second).await.map(|_| ()),
            by.remove(acme, olga).await.map(|_| ()),
        ] {
            assert_refused(refused, Code::PermissionDenied, "DELEGATION_DENIED");
        }
        by.add(acme, &new, &["terminal_user"]).await.expect("makes a user");
        by.set_grants(acme, &new, &["orders.view"]).await.expect("edits a user");
        by.remove(acme, &new).await.expect("removes a user");
        assert_refused(
            world.by(uwe).set_grants(acme, uwe, &["orders.view"]).await,
            Code::PermissionDenied,
            "PERMISSION_MISSING",
        );
    }

    /// At least one owner, by whatever path.
    async fn ix_13_at_least_one_owner(terminal: Terminal) {
        let Terminal { world, acme, olga, toni, .. } = &terminal;
        for refused in [
            world.by(olga).remove(acme, olga).await.map(|_| ()),
            world.operator().remove(acme, olga).await.map(|_| ()),
            world.operator().set_roles(acme, olga, &["terminal_admin"]).await.map(|_| ()),
            world.operator().suspend(acme, olga).await.map(|_| ()),
        ] {
            let status = assert_refused(refused, Code::FailedPrecondition, "LIMIT_LEAST");
            assert_eq!(metadata(&status, "role").as_deref(), Some("owner"));
        }
        world.operator().set_roles(acme, toni, &["owner"]).await.expect("a further owner");
        world.by(olga).remove(acme, olga).await.expect("now one may leave");
    }

    /// Any user creates a cloud and becomes its cloud_admin.
    async fn ix_14_who_creates_a_cloud_is_its_admin(terminal: Terminal) {
        let Terminal { world, acme, toni, uwe, .. } = &terminal;
        let cloud = resource("cloud", "c-1");
        world.by(uwe).register(acme, cloud.clone(), None).await.expect("any user creates a cloud");
        let admins = world.by(uwe).assignees(acme, &cloud).await.expect("listed");
        let admins: Vec<_> = admins.iter().map(|one| (one.user.as_str(), one.roles.as_slice())).collect();
        assert_eq!(admins, [(uwe.id.as_str(), names(&["cloud_admin"]).as_slice())]);
        for permission in
            ["clouds.view", "clouds.read", "clouds.write", "clouds.order", "clouds.members", "clouds.delete"]
        {
            world.may(uwe, acme, permission).on("cloud", "c-1").await.allowed_by(Reason::Assignment);
        }
        world.by(toni).register(acme, resource("cloud", "c-2"), None).await.expect("created");
        world.may(uwe, acme, "clouds.view").on("cloud", "c-2").await.denied_for(Reason::NotAssigned);
    }

    /// Members of a cloud are cloud_admin or cloud_member, each with read, write and order of their own.
    async fn ix_14_each_assignment_has_its_own_permissions(terminal: Terminal) {
        let Terminal { world, acme, olga, uwe, .. } = &terminal;
        let [reader, writer, outsider] = world.people(["Reader", "Writer", "Outsider"]).await;
        for user in [&reader, &writer, &outsider] {
            world.by(olga).add(acme, user, &["terminal_user"]).await.expect("a user");
        }
        let cloud = resource("cloud", "c-1");
        world.by(uwe).register(acme, cloud.clone(), None).await.expect("created");
        let member = |permissions: &[&str]| assignment(&cloud, &["cloud_member"], permissions);
        world.by(uwe).assign(acme, &reader, member(&["clouds.read"])).await.expect("by its admin");
        world
            .by(uwe)
            .assign(acme, &writer, member(&["clouds.read", "clouds.write"]))
            .await
            .expect("by its admin");

        for (user, read, write, order) in [(&reader, true, false, false), (&writer, true, true, false)] {
            world.may(user, acme, "clouds.view").on("cloud", "c-1").await.allowed_by(Reason::Assignment);
            for (permission, expected) in
                [("clouds.read", read), ("clouds.write", write), ("clouds.order", order)]
            {
                let verdict = world.may(user, acme, permission).on("cloud", "c-1").await;
                assert_eq!(verdict.allowed(), expected, "{} {permission}", user.display_name);
            }
        }
        // Members of a cloud say nothing about who is in it.
        for by in [&reader, &outsider] {
            let added = world.by(by).assign(acme, &outsider, member(&["clouds.read"])).await;
            assert_refused(added, Code::PermissionDenied, "PERMISSION_MISSING");
        }
        let promoted =
            world.by(&reader).assign(acme, &reader, assignment(&cloud, &["cloud_admin"], &[])).await;
        assert_refused(promoted, Code::PermissionDenied, "PERMISSION_MISSING");
        // What an assignment can carry, and of which roles, the type says.
        let more = world.by(uwe).assign(acme, &reader, member(&["clouds.delete"])).await;
        assert_invalid(more, &["assignment.permissions"]);
        let both = assignment(&cloud, &["cloud_admin", "cloud_member"], &[]);
        assert_invalid(world.by(uwe).assign(acme, &reader, both).await, &["assignment.roles"]);
    }

    /// A cloud has at least one cloud_admin at every instant, by whatever path.
    async fn ix_14_at_least_one_cloud_admin(terminal: Terminal) {
        let Terminal { world, acme, olga, uwe, .. } = &terminal;
        let cloud = resource("cloud", "c-1");
        world.by(uwe).register(acme, cloud.clone(), None).await.expect("created");
        let step_down = assignment(&cloud, &["cloud_member"], &[]);
        for refused in [
            world.by(uwe).assign(acme, uwe, step_down.clone()).await.map(|_| ()),
            world.by(uwe).unassign(acme, uwe, &cloud).await,
            world.operator().unassign(acme, uwe, &cloud).await,
            world.by(olga).remove(acme, uwe).await.map(|_| ()),
            world.by(uwe).remove(acme, uwe).await.map(|_| ()),
            world.by(olga).suspend(acme, uwe).await.map(|_| ()),
        ] {
            let status = assert_refused(refused, Code::FailedPrecondition, "LIMIT_LEAST");
            assert_eq!(metadata(&status, "role").as_deref(), Some("cloud_admin"));
        }
        let ownerless = world.operator().register(acme, resource("cloud", "c-2"), None).await;
        assert_refused(ownerless, Code::FailedPrecondition, "LIMIT_LEAST");

        let new = world.person("Nora").await;
        world
            .by(olga)
            .add_with(AddMemberRequest {
                assignments: vec![assignment(&cloud, &["cloud_admin"], &[])],
                ..adding(acme, &new, &["terminal_user"])
            })
            .await
            .expect("another cloud admin");
        world.by(uwe).assign(acme, uwe, step_down).await.expect("now one may step down");
        world.may(uwe, acme, "clouds.members").on("cloud", "c-1").await.denied_for(Reason::NotAssigned);
    }
}

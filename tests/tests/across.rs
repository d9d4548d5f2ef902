//! X: what holds across all five systems, and for a policy that nobody here has seen.

use mandate_proto::v1::{
    Account, AddMemberRequest, DecisionReason as Reason, ReinstateAccountRequest, SuspendAccountRequest, User,
};
use mandate_tests::expect::{assert_invalid, assert_refused, metadata};
use mandate_tests::world::{adding, assignment, names, resource};
use mandate_tests::{Engine, Fixture, Server, World, on_both_engines};
use tempfile::TempDir;
use tonic::{Code, Status};

/// A customer's own policy, with names and rules that no other policy has.
const BAKERY: &str = r#"
policy: bakery
title: Bakery
modules:
  oven:
    title: Oven
    on: shop
    actions: { heat: Heat the oven, clean: Clean the oven, staff: Say who works there }
  crew:
    title: Crew
    actions: { look: Look at the rota, hire: Hire people, swap: Swap shifts, fire: Fire people }
  till:
    title: Till
    actions: { count: Count the money }
resources:
  shop:
    title: Shop
    ids: free
    operations: { assign: oven.staff, unassign: oven.staff }
roles:
  master:
    title: Master baker
    description: Runs the bakery.
    exclusive: true
    at_birth: true
    holders: { least: 1, most: 2 }
    may: "*"
    delegation:
      - { over: anyone, give: [journeyman, apprentice], grant: till.count, remove: true, assign: shop }
  journeyman:
    title: Journeyman
    description: Hires apprentices.
    exclusive: true
    may: [crew.hire, crew.look]
    may_on_assigned: oven.clean
    grantable: till.count
    delegation:
      - { over: apprentice, give: apprentice, take: [] }
  apprentice:
    title: Apprentice
    description: Cleans where they are assigned.
    exclusive: true
    may_on_assigned: oven.clean
    grantable: till.count
operations:
  account.get: anyone
  account.update: crew.fire
  account.delete: crew.fire
  member.add: crew.hire
  member.get: crew.look
  member.list: crew.look
  member.update: crew.swap
  member.remove: crew.fire
  member.suspend: crew.fire
boarding: { ways: [direct] }
"#;

/// A service with the bakery's policy beside the built-in ones.
struct Bakery {
    world: World,
    shop: Account,
    master: User,
    jon: User,
    ann: User,
    _folder: TempDir,
}

impl Fixture for Bakery {
    async fn prepare(engine: Engine) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("bakery.yaml"), BAKERY).expect("a policy file");
        let world = World::on(Server::builder(engine).policies(folder.path()).start().await);
        let [master, jon, ann] = world.people(["Max", "Jon", "Ann"]).await;
        let shop = world.account("bakery", &master).await;
        world.by(&master).add(&shop, &jon, &["journeyman"]).await.expect("a journeyman");
        world.by(&master).add(&shop, &ann, &["apprentice"]).await.expect("an apprentice");
        Self { world, shop, master, jon, ann, _folder: folder }
    }
}

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
                        assert_ne!(status.code(), Code::PermissionDenied, "{}: {status:?}", caller.display_name);
                    }
                    Err(status) => {
                        let status = assert_refused(Err::<(), _>(status), Code::PermissionDenied, "PERMISSION_MISSING");
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

    /// Unknown account, user, permission and type; suspended membership and account: each a denial with its reason.
    async fn x_03_what_is_not_granted_is_denied(bakery: Bakery) {
        let Bakery { world, shop, master, jon, .. } = &bakery;
        let nowhere = Account { id: "acc_01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned(), ..Account::default() };
        let nobody = User { id: "usr_01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned(), ..User::default() };
        let stranger = world.person("Stranger").await;

        world.may(master, &nowhere, "crew.hire").await.denied_for(Reason::UnknownAccount);
        world.may(&nobody, shop, "crew.hire").await.denied_for(Reason::UnknownSubject);
        world.may(&stranger, shop, "crew.hire").await.denied_for(Reason::NotAMember);
        for unknown in ["crew.hires", "crew", "*", "crew.*", "CREW.HIRE", " crew.hire"] {
            world.may(master, shop, unknown).await.denied_for(Reason::UnknownPermission);
        }
        world.may(master, shop, "oven.heat").on("kiosk", "north").await.denied_for(Reason::UnknownResourceType);
        world.may(master, shop, "crew.hire").on("shop", "north").await.denied_for(Reason::PermissionNotOnResource);

        world.by(master).suspend(shop, jon).await.expect("suspended");
        world.may(jon, shop, "crew.hire").await.denied_for(Reason::MembershipSuspended);

        let account = shop.id.clone();
        let suspend = SuspendAccountRequest { account: account.clone() };
        world.operator().accounts().suspend_account(suspend).await.expect("suspended");
        world.may(master, shop, "crew.hire").await.denied_for(Reason::AccountSuspended);
        assert_refused(world.by(master).account(shop).await, Code::PermissionDenied, "NOT_A_MEMBER");
        let reinstate = ReinstateAccountRequest { account };
        world.operator().accounts().reinstate_account(reinstate).await.expect("reinstated");
        world.may(master, shop, "crew.hire").await.allowed_by(Reason::Role);
    }

    /// Of a registered type an unknown id is denied to everyone; a free id is covered by an account-wide permission.
    async fn x_03_resource_ids_live_in_their_account(bakery: Bakery) {
        let Bakery { world, shop, master, ann, .. } = &bakery;
        // Free ids: any one, account-wide; the assigned one only, through an assignment.
        world.may(master, shop, "oven.clean").on("shop", "never heard of").await.allowed_by(Reason::Role);
        let north = assignment(&resource("shop", "north"), &[], &[]);
        world.by(master).assign(shop, ann, north).await.expect("assigned");
        world.may(ann, shop, "oven.clean").on("shop", "north").await.allowed_by(Reason::Assignment);
        for other in ["North", "north ", "nort", "north2"] {
            world.may(ann, shop, "oven.clean").on("shop", other).await.denied_for(Reason::NotAssigned);
        }

        // Registered ids: two organizations with a workspace of the same name.
        let [ada, eve, mia] = world.people(["Ada", "Eve", "Mia"]).await;
        let (one, two) = (world.account("organization", &ada).await, world.account("organization", &eve).await);
        world.resource(&one, "workspace", "sales").await;
        world.may(&ada, &one, "workspaces.edit").on("workspace", "sales").await.allowed_by(Reason::Role);
        world.may(&eve, &two, "workspaces.edit").on("workspace", "sales").await.denied_for(Reason::UnknownResource);
        world.resource(&two, "workspace", "sales").await;
        for account in [&one, &two] {
            world.member(account, &mia, &["member"]).await;
        }
        let sales = assignment(&resource("workspace", "sales"), &[], &[]);
        world.by(&ada).assign(&one, &mia, sales.clone()).await.expect("assigned in one");
        world.may(&mia, &one, "inbox.read").on("workspace", "sales").await.allowed_by(Reason::Assignment);
        world.may(&mia, &two, "inbox.read").on("workspace", "sales").await.denied_for(Reason::NotAssigned);
        let unknown = assignment(&resource("workspace", "nowhere"), &[], &[]);
        assert_refused(world.by(&ada).assign(&one, &mia, unknown).await, Code::NotFound, "NOT_FOUND");
    }

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
        assert_refused(by.set_roles(shop, ann, &["master"]).await, Code::PermissionDenied, "DELEGATION_DENIED");
        let other = world.person("Olaf").await;
        assert_refused(by.add(shop, &other, &["master"]).await, Code::PermissionDenied, "DELEGATION_DENIED");
        assert_refused(by.set_roles(shop, master, &["journeyman"]).await, Code::PermissionDenied, "DELEGATION_DENIED");
        assert_eq!(world.roles(&new, shop).await, ["apprentice"]);
    }

    /// Single permissions and assignments that come with a new member are judged like those that come later.
    async fn x_04_nobody_grants_beyond_the_policy(bakery: Bakery) {
        let Bakery { world, shop, master, jon, ann, .. } = &bakery;
        let new = world.person("Nora").await;
        let by = world.by(jon);
        let with_grant = AddMemberRequest { grants: names(&["till.count"]), ..adding(shop, &new, &["apprentice"]) };
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
        let oneself = world.by(master).assign(shop, master, assignment(&resource("shop", "north"), &[], &[])).await;
        assert_refused(oneself, Code::PermissionDenied, "DELEGATION_DENIED");
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
            let [first, climber, friend] =
                world.people([&*format!("First {policy}"), &*format!("Climber {policy}"), &*format!("Friend {policy}")]).await;
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

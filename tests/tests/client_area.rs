//! GW: the web host's client area, as its article tells it.

use mandate_proto::v1::{
    AccessLevel, Account, AccountOrigin, AddMemberRequest, CreateAccountRequest, DecisionReason as Reason,
    ListAccountsRequest, User, account_origin,
};
use mandate_tests::expect::{assert_invalid, assert_refused, metadata, reason};
use mandate_tests::world::{adding, names, resource};
use mandate_tests::{Engine, Fixture, World, on_both_engines};
use tonic::{Code, Status};

/// A client account of Olga's, with Bob as a user who holds nothing yet.
struct ClientArea {
    world: World,
    shop: Account,
    olga: User,
    bob: User,
}

impl Fixture for ClientArea {
    async fn prepare(engine: Engine) -> Self {
        let world = World::prepare(engine).await;
        let [olga, bob] = world.people(["Olga", "Bob"]).await;
        let shop = world.account("client-area", &olga).await;
        world.by(&olga).add(&shop, &bob, &["user"]).await.expect("a user");
        Self { world, shop, olga, bob }
    }
}

/// Everything the owner can give somebody, by the article's segments.
const GIVEN: [&str; 16] = [
    "invoices.view",
    "invoices.pay",
    "bookkeeping.view",
    "bookkeeping.edit",
    "products.view",
    "products.manage",
    "products.cancel",
    "products.order",
    "domains.view",
    "domains.manage",
    "domains.cancel",
    "domains.order",
    "tickets.view",
    "tickets.write",
    "activity.view",
    "contacts.view",
];

/// What a stranger learns from a refusal, all of it.
fn told(status: &Status) -> (Code, String, String, Vec<u8>) {
    (status.code(), reason(status), status.message().to_owned(), status.details().to_vec())
}

on_both_engines! {
    /// "Jeder Client Account ist mit einer/einem einzigen Kontoeigentümer*in verbunden", whoever tries what.
    async fn gw_02_exactly_one_owner_at_every_instant(area: ClientArea) {
        let ClientArea { world, shop, olga, bob } = &area;
        assert_eq!(world.roles(olga, shop).await, ["owner"]);
        let (owner, operator) = (world.by(olga), world.operator());

        // Never two.
        let second = owner.set_roles(shop, bob, &["owner"]).await;
        assert_refused(second, Code::PermissionDenied, "DELEGATION_DENIED");
        let second = operator.set_roles(shop, bob, &["owner"]).await;
        let status = assert_refused(second, Code::FailedPrecondition, "LIMIT_MOST");
        assert_eq!(metadata(&status, "holders").as_deref(), Some("1"));
        let cleo = world.person("Cleo").await;
        let second = operator.add(shop, &cleo, &["owner"]).await;
        assert_refused(second, Code::FailedPrecondition, "LIMIT_MOST");

        // Never none.
        for refused in [
            owner.remove(shop, olga).await.map(|_| ()),
            operator.remove(shop, olga).await.map(|_| ()),
            operator.set_roles(shop, olga, &["user"]).await.map(|_| ()),
            operator.suspend(shop, olga).await.map(|_| ()),
        ] {
            let status = assert_refused(refused, Code::FailedPrecondition, "LIMIT_LEAST");
            assert_eq!(metadata(&status, "role").as_deref(), Some("owner"));
        }
        let owners = owner.members(shop, "owner").await.expect("listed");
        assert_eq!(owners.iter().map(|member| &member.user).collect::<Vec<_>>(), [&olga.id]);
    }

    /// "verwaltet … den Client Account und damit auch sämtliche Berechtigungen".
    async fn gw_02_the_owner_administers_everything(area: ClientArea) {
        let ClientArea { world, shop, olga, bob } = &area;
        let access = world.access(olga, shop).await;
        assert!(access.len() >= 9 && access.values().all(|level| *level == AccessLevel::Full), "{access:?}");
        world.by(olga).rename(shop, "Olga's shop").await.expect("the account's details");
        world.by(olga).set_grants(shop, bob, &GIVEN).await.expect("every permission");
        let held = world.permissions(bob, shop).await;
        assert!(
            GIVEN.iter().all(|given| held.iter().any(|held| held == given)) && held.len() == GIVEN.len(),
            "{held:?}"
        );
    }

    /// "In der Regel schließt ein Client Account Produkte und Dienstleistungen ein": the account owns them, not who ordered.
    async fn gw_01_an_account_owns_its_products_and_is_billed(area: ClientArea) {
        let ClientArea { world, shop, olga, bob } = &area;
        let server = resource("product", "server-1");
        world.by(olga).set_grants(shop, bob, &["products.order"]).await.expect("a grant");
        let ordered = world.by(bob).register(shop, server.clone(), None).await.expect("ordered");
        assert_eq!(ordered.account, shop.id, "the account's, on whose behalf Bob ordered");
        // Who ordered it holds nothing of it, and the bill is the account's.
        for permission in ["products.view", "products.manage", "products.cancel"] {
            world.may(bob, shop, permission).on("product", "server-1").await.denied_for(Reason::NotGranted);
            world.may(olga, shop, permission).on("product", "server-1").await.allowed_by(Reason::Role);
        }
        world.may(bob, shop, "invoices.pay").await.denied_for(Reason::NotGranted);
        world.may(olga, shop, "invoices.pay").await.allowed_by(Reason::Role);
        // It is the one that was ordered, in this account alone.
        world.may(olga, shop, "products.manage").on("product", "server-2").await.denied_for(Reason::UnknownResource);
        let studio = world.account("client-area", bob).await;
        world.may(bob, &studio, "products.manage").on("product", "server-1").await.denied_for(Reason::UnknownResource);
        // It stays whoever goes, and goes with the account to its next owner.
        world.by(olga).remove(shop, bob).await.expect("removed");
        world.may(olga, shop, "products.manage").on("product", "server-1").await.allowed_by(Reason::Role);
        let heir = world.person("Heir").await;
        world.by(olga).add(shop, &heir, &["user"]).await.expect("a user");
        world.by(olga).hand_over(shop, &heir).await.expect("handed over");
        world.may(&heir, shop, "products.cancel").on("product", "server-1").await.allowed_by(Reason::Role);
        world.may(&heir, shop, "invoices.pay").await.allowed_by(Reason::Role);
        world.may(olga, shop, "products.view").on("product", "server-1").await.denied_for(Reason::NotGranted);
    }

    /// Bookkeeping sees invoices, the designer the domains, the IT admin the products: single modules, and no other.
    async fn gw_04_the_owner_gives_each_the_permissions_of_single_modules(area: ClientArea) {
        let ClientArea { world, shop, olga, .. } = &area;
        let modules: Vec<String> = world.access(olga, shop).await.into_keys().collect();
        for module in ["invoices", "bookkeeping", "products", "domains", "tickets", "activity"] {
            let user = world.person(&format!("For {module}")).await;
            let of_module = |permission: &&str| permission.starts_with(&format!("{module}."));
            let given: Vec<&str> = GIVEN.into_iter().filter(of_module).collect();
            let grants = names(&given);
            let added = AddMemberRequest { grants, ..adding(shop, &user, &["user"]) };
            world.by(olga).add_with(added).await.expect("added with the module's permissions");
            assert_eq!(world.permissions(&user, shop).await, given);
            let access = world.access(&user, shop).await;
            for other in &modules {
                let expected = if other == module { AccessLevel::Full } else { AccessLevel::None };
                assert_eq!(access[other], expected, "{module}: {other}");
            }
        }
    }

    /// An account comes with an order, or with a registration ahead of any; either is recorded.
    async fn gw_03_an_account_comes_with_an_order_or_a_registration(world: World) {
        let [olga, rosa] = world.people(["Olga", "Rosa"]).await;
        let reference = "order-2024/0815".to_owned();
        let order = account_origin::Origin::Order(account_origin::Order { reference });
        let request = CreateAccountRequest {
            policy: "client-area".to_owned(),
            display_name: "Olga's shop".to_owned(),
            first_user: olga.id.clone(),
            origin: Some(AccountOrigin { origin: Some(order.clone()) }),
            ..CreateAccountRequest::default()
        };
        let ordered = world.service(&["accounts.create"]).create_account(request).await.expect("ordered");
        let registered = world.account("client-area", &rosa).await;

        assert_eq!(world.roles(&olga, &ordered).await, ["owner"], "the ordering user becomes owner");
        assert_eq!(world.roles(&rosa, &registered).await, ["owner"]);
        let origin_of = async |account, user| world.by(user).account(account).await.expect("seen").origin;
        assert_eq!(origin_of(&ordered, &olga).await.and_then(|origin| origin.origin), Some(order));
        let registration = account_origin::Origin::Registration(account_origin::Registration {});
        assert_eq!(origin_of(&registered, &rosa).await.and_then(|origin| origin.origin), Some(registration));
    }

    /// "Im Bereich User-Management können User angelegt, Berechtigungen verändert, oder auch wieder entzogen werden."
    async fn gw_05_permissions_come_from_the_owner_and_go_at_any_time(area: ClientArea) {
        let ClientArea { world, shop, olga, bob } = &area;
        assert_eq!(world.permissions(bob, shop).await, [""; 0], "a user begins with nothing");
        world.may(bob, shop, "invoices.view").await.denied_for(Reason::NotGranted);

        world.by(olga).set_grants(shop, bob, &["invoices.view", "tickets.write"]).await.expect("given");
        world.may(bob, shop, "invoices.view").await.allowed_by(Reason::Grant);
        world.may(bob, shop, "invoices.pay").await.denied_for(Reason::NotGranted);

        world.by(olga).set_grants(shop, bob, &["tickets.write"]).await.expect("withdrawn");
        world.may(bob, shop, "invoices.view").await.denied_for(Reason::NotGranted);
        world.may(bob, shop, "tickets.write").await.allowed_by(Reason::Grant);

        world.by(olga).suspend(shop, bob).await.expect("suspended");
        world.may(bob, shop, "tickets.write").await.denied_for(Reason::MembershipSuspended);
        world.by(olga).reinstate(shop, bob).await.expect("reinstated");
        world.may(bob, shop, "tickets.write").await.allowed_by(Reason::Grant);
        world.by(olga).remove(shop, bob).await.expect("removed");
        world.may(bob, shop, "tickets.write").await.denied_for(Reason::NotAMember);
    }

    /// Nobody else grants, invites, removes or creates contacts, whatever they hold.
    async fn gw_05_nobody_but_the_owner_grants(area: ClientArea) {
        let ClientArea { world, shop, olga, bob } = &area;
        let [cleo, dora] = world.people(["Cleo", "Dora"]).await;
        world.by(olga).set_grants(shop, bob, &GIVEN).await.expect("every permission that can be given");
        world.by(olga).add(shop, &cleo, &["user"]).await.expect("another user");

        for missing in [
            "users.add",
            "users.edit",
            "users.remove",
            "contacts.create",
            "contacts.edit",
            "account.transfer",
        ] {
            world.may(bob, shop, missing).await.denied_for(Reason::NotGranted);
            // The owner could not even give it away.
            assert_invalid(world.by(olga).set_grants(shop, bob, &[missing]).await, &["grants"]);
        }
        let by = world.by(bob);
        let grants = names(&["invoices.view"]);
        for refused in [
            by.add(shop, &dora, &["user"]).await.map(|_| ()),
            by.add_with(AddMemberRequest { grants, ..adding(shop, &dora, &["user"]) }).await.map(|_| ()),
            by.set_grants(shop, &cleo, &["invoices.view"]).await.map(|_| ()),
            by.set_grants(shop, bob, &["invoices.view"]).await.map(|_| ()),
            by.set_roles(shop, bob, &["owner"]).await.map(|_| ()),
            by.suspend(shop, &cleo).await.map(|_| ()),
            by.remove(shop, &cleo).await.map(|_| ()),
            by.remove(shop, olga).await.map(|_| ()),
        ] {
            assert_refused(refused, Code::PermissionDenied, "PERMISSION_MISSING");
        }
        assert_eq!(world.permissions(&cleo, shop).await, [""; 0]);
    }

    /// "Die jeweiligen Client Accounts selbst sind jedoch nicht miteinander verbunden."
    async fn gw_06_accounts_stay_unconnected(area: ClientArea) {
        let ClientArea { world, shop, olga, bob } = &area;
        // The designer Bob owns an account of his own, is a user in two others; Cleo owns the second.
        let cleo = world.person("Cleo").await;
        let studio = world.account("client-area", bob).await;
        let blog = world.account("client-area", &cleo).await;
        let grants = names(&["domains.manage"]);
        let with_domains = AddMemberRequest { grants, ..adding(&blog, bob, &["user"]) };
        world.by(&cleo).add_with(with_domains).await.expect("a user there, too");

        world.may(bob, &studio, "domains.manage").await.allowed_by(Reason::Role);
        world.may(bob, &blog, "domains.manage").await.allowed_by(Reason::Grant);
        world.may(bob, shop, "domains.manage").await.denied_for(Reason::NotGranted);
        for (stranger, account) in [(olga, &studio), (olga, &blog), (&cleo, shop), (&cleo, &studio)] {
            world.may(stranger, account, "domains.view").await.denied_for(Reason::NotAMember);
        }
        let listed = world.by(bob).accounts().list_accounts(ListAccountsRequest::default()).await;
        let mut listed: Vec<_> =
            listed.expect("listed").into_inner().accounts.into_iter().map(|a| a.id).collect();
        let mut expected = vec![shop.id.clone(), studio.id.clone(), blog.id.clone()];
        listed.sort();
        expected.sort();
        assert_eq!(listed, expected);
    }

    /// A's owner cannot see that B exists: every call about it is answered as if there were no such account.
    async fn gw_06_other_accounts_are_invisible(area: ClientArea) {
        let ClientArea { world, shop, olga, bob } = &area;
        let hidden = world.account("client-area", bob).await;
        let nowhere = Account { id: "acc_01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned(), ..Account::default() };

        let by = world.by(olga);
        for (there, not_there) in [
            (by.account(&hidden).await.map(|_| ()), by.account(&nowhere).await.map(|_| ())),
            (by.rename(&hidden, "x").await.map(|_| ()), by.rename(&nowhere, "x").await.map(|_| ())),
            (by.members(&hidden, "").await.map(|_| ()), by.members(&nowhere, "").await.map(|_| ())),
            (by.member(&hidden, bob).await.map(|_| ()), by.member(&nowhere, bob).await.map(|_| ())),
            (
                by.add(&hidden, olga, &["user"]).await.map(|_| ()),
                by.add(&nowhere, olga, &["user"]).await.map(|_| ()),
            ),
            (
                by.add(&hidden, olga, &["typo"]).await.map(|_| ()),
                by.add(&nowhere, olga, &["typo"]).await.map(|_| ()),
            ),
            (by.remove(&hidden, bob).await.map(|_| ()), by.remove(&nowhere, bob).await.map(|_| ())),
            (by.remove(&hidden, olga).await.map(|_| ()), by.remove(&nowhere, olga).await.map(|_| ())),
            (by.assigned_to(&hidden, bob).await.map(|_| ()), by.assigned_to(&nowhere, bob).await.map(|_| ())),
        ] {
            let there = assert_refused(there, Code::PermissionDenied, "NOT_A_MEMBER");
            let not_there = assert_refused(not_there, Code::PermissionDenied, "NOT_A_MEMBER");
            assert_eq!(told(&there), told(&not_there));
        }
        let listed =
            by.accounts().list_accounts(ListAccountsRequest::default()).await.expect("listed").into_inner();
        assert_eq!(listed.accounts.iter().map(|account| &account.id).collect::<Vec<_>>(), [&shop.id]);
    }
}

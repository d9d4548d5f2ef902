//! what is not granted is denied.

use mandate_proto::v1::{
    Account, DecisionReason as Reason, ReinstateAccountRequest, SuspendAccountRequest, User,
};
use mandate_tests::expect::assert_refused;
use mandate_tests::on_both_engines;
use mandate_tests::world::{assignment, resource};
use tonic::Code;

use crate::Bakery;

on_both_engines! {
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
        world
            .may(master, shop, "oven.heat")
            .on("kiosk", "north")
            .await
            .denied_for(Reason::UnknownResourceType);
        world
            .may(master, shop, "crew.hire")
            .on("shop", "north")
            .await
            .denied_for(Reason::PermissionNotOnResource);

        world.by(master).suspend(shop, jon).await.expect("suspended");
        world.may(jon, shop, "crew.hire").await.denied_for(Reason::MembershipSuspended);

        let account = shop.id.clone();
        let suspend = SuspendAccountRequest { account: account.clone(), ..Default::default() };
        world.operator().accounts().suspend_account(suspend).await.expect("suspended");
        world.may(master, shop, "crew.hire").await.denied_for(Reason::AccountSuspended);
        assert_refused(world.by(master).account(shop).await, Code::PermissionDenied, "NOT_A_MEMBER");
        let reinstate = ReinstateAccountRequest { account, ..Default::default() };
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
        let (one, two) =
            (world.account("organization", &ada).await, world.account("organization", &eve).await);
        world.resource(&one, "workspace", "sales").await;
        world.may(&ada, &one, "workspaces.edit").on("workspace", "sales").await.allowed_by(Reason::Role);
        world
            .may(&eve, &two, "workspaces.edit")
            .on("workspace", "sales")
            .await
            .denied_for(Reason::UnknownResource);
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
}

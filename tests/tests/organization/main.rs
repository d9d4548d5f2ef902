//! RE: the messaging platform's organization, as its article tells it.

mod roles;
mod users;

use mandate_proto::v1::{Account, User};
use mandate_tests::world::{assignment, resource};
use mandate_tests::{Engine, Fixture, World};

/// An organization with one person in each role and two workspaces, of which Mia is assigned one.
struct Organization {
    world: World,
    acme: Account,
    ada: User,
    bill: User,
    uma: User,
    mia: User,
}

impl Fixture for Organization {
    async fn prepare(engine: Engine) -> Self {
        Self::of(World::prepare(engine).await).await
    }
}

impl Organization {
    async fn of(world: World) -> Self {
        let [ada, bill, uma, mia] = world.people(["Ada", "Bill", "Uma", "Mia"]).await;
        let acme = world.account("organization", &ada).await;
        world.member(&acme, &bill, &["billing_admin"]).await;
        world.member(&acme, &uma, &["user_admin"]).await;
        world.member(&acme, &mia, &["member"]).await;
        for id in ["sales", "support"] {
            world.resource(&acme, "workspace", id).await;
        }
        let sales = assignment(&resource("workspace", "sales"), &[], &[]);
        world.by(&ada).assign(&acme, &mia, sales).await.expect("assigned");
        Self { world, acme, ada, bill, uma, mia }
    }
}

impl Organization {
    /// The people in the order of the article's table: admin, billing admin, user admin, member.
    fn everybody(&self) -> [&User; 4] {
        [&self.ada, &self.bill, &self.uma, &self.mia]
    }

    /// Asserts who holds each permission, in the order of the table.
    async fn assert_table(&self, table: &[(&str, [bool; 4])]) {
        for (permission, expected) in table {
            let mut found = [false; 4];
            for (found, person) in found.iter_mut().zip(self.everybody()) {
                *found = self.world.may(person, &self.acme, permission).await.allowed();
            }
            assert_eq!(found, *expected, "{permission} for admin, billing admin, user admin, member");
        }
    }

    /// A further person with a role, to be changed or removed.
    async fn another(&self, name: &str, role: &str) -> User {
        let user = self.world.person(name).await;
        self.world.member(&self.acme, &user, &[role]).await;
        user
    }
}

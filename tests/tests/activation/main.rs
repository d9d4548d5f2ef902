//! IX-02, IX-05, IX-08 to IX-11: contacts become users, as the terminal's article tells it.

mod login;
mod password;
mod races;
mod reset;
mod user_page;

use mandate_proto::v1::{Account, Contact, User};
use mandate_tests::{Engine, Fixture, World};

/// A terminal in which everything is set up: Olga owns it, Toni administers it, Uwe uses it; Kai is a contact.
struct Desk {
    world: World,
    acme: Account,
    olga: User,
    toni: User,
    uwe: User,
    kai: Contact,
}

impl Fixture for Desk {
    async fn prepare(engine: Engine) -> Self {
        let world = World::prepare(engine).await;
        let [olga, toni, uwe] = world.people(["Olga", "Toni", "Uwe"]).await;
        let acme = world.ready_terminal(&olga).await;
        world.member(&acme, &toni, &["terminal_admin"]).await;
        world.member(&acme, &uwe, &["terminal_user"]).await;
        let kai = world.by(&olga).create_contact(&acme, "Kai").await.expect("a contact");
        Self { world, acme, olga, toni, uwe, kai }
    }
}

impl Desk {
    /// The contact as it is now.
    async fn contact(&self) -> Contact {
        self.world.by(&self.olga).contact(&self.acme, &self.kai).await.expect("the contact")
    }
}

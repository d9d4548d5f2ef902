//! Look-ups from end to end, of a large account and by every place that they look at.

use mandate_proto::v1::{Account, LookupMembersRequest, LookupResourcesRequest, User};
use mandate_tests::World;
use mandate_tests::walk::Scene;
use mandate_tests::world::{resource, to_what, where_may, who_may};

use crate::fill::Sizes;

/// Asks who may read messages in a workspace that everybody is assigned, and to what and where the members of this
/// organization may.
pub async fn ask(world: &World, scene: &Scene) {
    let operator = world.operator();
    let large = usize::try_from(Sizes::of(world.server().engine()).large).expect("a number");
    let account = Account { id: scene.account.clone(), ..Account::default() };
    let [target, chief] = [&scene.target, &scene.chief].map(|id| User { id: id.clone(), ..User::default() });
    let workspace = scene.resource();
    let inside =
        operator.register(&account, resource("customer_contact", "inside"), Some(workspace.clone())).await;
    inside.expect("a contact in the workspace");

    let who = LookupMembersRequest { resource: Some(workspace), ..who_may(&account, "inbox.read") };
    let found = operator.all_who_may(who).await.expect("every page");
    assert!(found.len() > large, "{} may read", found.len());
    for user in [&target, &chief] {
        let paged = LookupResourcesRequest { page_size: 1, ..to_what(&account, user, "inbox.read") };
        let found = operator.all_to_which(paged).await.expect("every page");
        assert!(found.iter().any(|name| name == "customer_contact/inside"), "{found:?}");
        operator.all_where(where_may(user, "users.view")).await.expect("every page");
    }
}

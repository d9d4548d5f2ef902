//! `AuthzService.Watch`: nothing is missed, what is removed is seen, and every stream ends with a word.

mod access;
mod bounds;
mod replicas;
mod resuming;
mod taken;

use mandate_proto::v1::WatchedChange;
use mandate_proto::v1::watched_change::Change;
use mandate_tests::World;
use mandate_tests::world::{Party, Watch, watching_all};

/// A backend that may watch everything.
fn backend(world: &World) -> Party {
    world.service(&["authz.watch"])
}

/// Everything from now on.
async fn everything(world: &World) -> Watch {
    let mut watch = backend(world).watch(watching_all("")).await.expect("watches");
    assert_eq!(watch.next().await.expect("at once").changes, [], "first it says where it stands");
    watch
}

/// The name that a change gives to an account.
fn new_name(change: &Change) -> Option<&str> {
    match change {
        Change::ChangedAccount(account) => Some(&account.display_name),
        _ => None,
    }
}

/// The names that changes give to accounts, in their order.
fn names(changes: &[WatchedChange]) -> Vec<String> {
    let names = changes.iter().filter_map(|change| new_name(change.change.as_ref()?));
    names.map(str::to_owned).collect()
}

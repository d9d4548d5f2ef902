//! The calls, each on what is large or spread over all there is.

mod reads;
mod writes;

use super::timed::{Timed, Timer};
use super::world::World;
use crate::client::Client;

/// Who calls.
pub(super) struct Clients {
    /// A platform operator.
    pub(super) operator: Client,
    /// A service that asks and reads.
    pub(super) service: Client,
    /// The user in many accounts.
    pub(super) wide: Client,
    /// The administrator of the large group.
    pub(super) administrator: Client,
}

/// Makes all calls.
///
/// # Errors
/// A call's.
pub(super) async fn all(clients: &Clients, world: &World, repeats: u32) -> anyhow::Result<Vec<Timed>> {
    let mut timer = Timer::new(repeats);
    reads::checks(clients, world, &mut timer).await?;
    reads::members(clients, world, &mut timer).await?;
    reads::accounts(clients, world, &mut timer).await?;
    reads::people(clients, world, &mut timer).await?;
    writes::members(clients, world, &mut timer).await?;
    writes::groups(clients, world, &mut timer).await?;
    writes::users(clients, world, &mut timer).await?;
    Ok(timer.all)
}

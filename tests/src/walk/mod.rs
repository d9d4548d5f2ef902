//! What a walk over every RPC needs: the RPCs out of the descriptor set ([`rpcs`]), a way to call any of them with
//! bytes ([`call`]), a valid request for each ([`CASES`]), and accounts with somebody in every role ([`stage`]).
//!
//! A new RPC has no case, and the walk fails until it gets one here: what a person needs for it, which scopes let a
//! service call it, and how a valid request is built.

mod account;
mod activation;
mod authz;
mod call;
mod case;
mod group;
mod identity;
mod invitation;
mod mail;
mod membership;
pub mod stage;
mod table;

pub use call::{Outcome, call, rpcs};
pub use case::{Case, Needs, Success, cases};
pub use stage::{Scene, Stage};
pub use table::Table;

//! A naive model of Mandate, written from its documents and sharing no code with it.
//!
//! It reads the policy files itself into lists of names ([`policy`]), keeps plain lists ([`world`]), and answers by
//! looking everything up every time ([`may`], [`judge`]). Nothing here is compiled, cached, indexed or quick; that is
//! the point. A generated history ([`history`]) is played against a real server and this model side by side
//! ([`play`]), and whatever they see differently is a failure.
//!
//! The model does not say in which order a write's faults are found: it names all classes of refusal that apply, and
//! the server must give one of them. One order it insists on: whoever lacks the permission hears of nothing else.

mod choose;
mod client;
mod effects;
pub mod history;
pub mod judge;
mod limits;
mod look_ups;
pub mod may;
mod meaning;
pub mod play;
pub mod policy;
mod questions;
mod roles;
pub mod world;
mod write_account;
mod write_group;
mod write_member;
mod write_resource;
mod writes;
mod yaml;

//! The pure rules of Mandate.
//!
//! A read is [`decide`](decide::decide)`(facts, question) -> Decision`; a write is
//! [`plan`](plan::plan)`(facts, actor, command) -> Result<Plan, Refusal>`. Nothing here reads a clock, draws a
//! random number, waits, or talks to anything: what a rule needs is handed to it.

pub mod account;
pub mod advisory;
pub mod authorize;
pub mod candidates;
pub mod change;
pub mod command;
pub mod contact;
pub mod credential;
pub mod decide;
pub mod delegation;
pub mod effective;
pub mod effects;
pub mod etag;
pub mod facts;
pub mod group;
pub mod id;
pub mod invitation;
pub mod limits;
pub mod mail;
pub mod membership;
pub mod operation;
pub mod plan;
pub mod policy;
pub mod records;
pub mod refusal;
pub mod resource;
pub mod search;
pub mod session;
pub mod somewhere;
pub mod taken;
pub mod terms;
pub mod user;

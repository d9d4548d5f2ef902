//! The Mandate service as a library, so that tests reach its parts.
//!
//! A call passes [`guard`] (who calls, and the list in [`access`]), becomes a [`caller::Call`], and reaches the
//! service of its noun: [`account`] with [`ownership`], [`resource`] and [`group`], [`membership`] with [`contact`], [`authz`] with `policy`, [`identity`].
//! These are thin: they turn the message into domain types in [`convert`], and then
//!
//! - a question is decided on [`facts`] in memory,
//! - a read is authorised by [`reads`] on the same facts and served by the store,
//! - who watches is told what changes by [`watch`], from the feed,
//! - a write goes through [`writer`], the only place that commits.
//!
//! What fails becomes a status in [`error`], the only place that makes one.
//!
//! Architecture invariant: no rule is written here. What a policy says, who may do what in an account and what a
//! command changes is the domain's; this crate decides nothing but which scope lets a service call which RPC.

pub mod access;
pub mod account;
mod account_service;
pub mod activation;
pub mod activity;
pub mod advisory;
pub mod auth;
pub mod authz;
pub mod back_off;
pub mod batch;
pub mod caller;
mod check_stream;
pub mod cli;
pub mod clock;
pub mod config;
pub mod connection;
pub mod contact;
pub mod convert;
pub mod database;
pub mod demo;
pub mod ephemeral;
pub mod error;
pub mod facts;
pub mod group;
pub mod group_list;
pub mod guard;
pub mod identity;
pub mod import;
pub mod invitation;
pub mod last_active;
mod listen;
mod look_again;
mod look_up;
pub mod mail;
pub mod mail_key;
pub mod mailer;
pub mod membership;
pub mod metrics;
pub mod overload;
pub mod ownership;
pub mod passwords;
mod people;
pub mod policies;
mod policy;
mod quick;
pub mod rate;
pub mod reads;
pub mod resource;
pub mod retention;
pub mod secret_file;
pub mod serve;
pub mod sign_in;
pub mod size;
pub mod telemetry;
pub mod tls;
mod transport;
pub mod users;
pub mod watch;
mod web;
pub mod writer;

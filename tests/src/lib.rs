//! The harness of the black-box tests: a real `mandate` process on each storage engine, and a real gRPC client.
//!
//! A test says what it needs and talks to the server as any backend would:
//!
//! ```no_run
//! use mandate_tests::{Server, expect, on_both_engines};
//! use tonic::Code;
//! use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
//!
//! on_both_engines! {
//!     /// Says that only known services have a health.
//!     async fn health_of_an_unknown_service(server: Server) {
//!         let mut health = HealthClient::new(server.calling_as("usr_ada", &[]));
//!         let request = HealthCheckRequest { service: "no.such.Service".into() };
//!         let status = health.check(request).await.expect_err("refused");
//!         assert_eq!(status.code(), Code::NotFound);
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! `tests/run` provides PostgreSQL, builds the binary and runs everything. To run one test again and again, set
//! `MANDATE_TEST_POSTGRES` to the URL of an administrator of any PostgreSQL server and use
//! `cargo test -p mandate-tests NAME`; the harness brings the binary up to date by itself.
//!
//! Nothing here sleeps and hopes: every wait polls for what it waits for, and has a bound.

pub mod api;
mod background;
mod binary;
mod blocked;
mod caller;
pub mod certificates;
pub mod cluster;
mod database;
pub mod dump;
mod engines;
pub mod expect;
pub mod http;
pub mod jwt;
pub mod letter;
pub mod oracle;
pub mod poll;
mod process;
pub mod programs;
mod replica;
mod scrape;
mod secrets;
mod server;
pub mod shop;
pub mod smtp;
pub mod walk;
pub mod world;

pub use blocked::Blocked;
pub use caller::{Authorized, Bearer};
pub use database::Engine;
pub use engines::Fixture;
#[doc(hidden)]
pub use engines::block_on;
pub use replica::{Door, Replica};
pub use scrape::{Scrape, Series};
pub use server::{Server, ServerBuilder};
pub use world::World;

//! A client of Mandate for backends.
//!
//! ```no_run
//! use mandate_client::{Client, On, Subject, TokenSource};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mandate = Client::builder("https://mandate.example.com:50051")
//!     .token(TokenSource::file("/run/secrets/mandate-token"))
//!     .build()?;
//! let decision = mandate.check(Subject::user("usr_…"), "shipments.book", On::account("acc_…")).await;
//! if decision.is_allowed() { /* book it */ }
//! # Ok(())
//! # }
//! ```
//!
//! - [`Client::check`] never turns an error into an allow: what could not be decided is [`Decision::Undecided`].
//! - [`Client::send`] makes any call of one message and one answer, with a deadline, and retries where that is safe:
//!   what only reads, and writes by their `request_id`, which it makes up where there is none.
//! - The consistency token of what this client wrote goes with whatever it asks afterwards ([`Freshness`]), whichever
//!   server answers; [`Client::freshness`] takes it out and puts it in, to pass it on to another service.
//! - [`Client::require`] guards a tonic service in one line.
//! - Streams, and whatever else: the generated clients of [`v1`] on [`Client::channel`], which adds the token.

mod builder;
mod call;
mod channel;
mod check;
mod freshness;
mod require;
mod retry;
mod token;

pub use mandate_proto::unary::{Repeatable, Unary};
pub use mandate_proto::v1;

pub use self::builder::{BuildError, Builder};
pub use self::call::Client;
pub use self::channel::Channel;
pub use self::check::{Decision, On, Subject};
pub use self::freshness::Freshness;
pub use self::require::{Extract, FromMetadata, Permitted, Question, Require, Required};
pub use self::token::{TokenError, TokenSource};

//! What a server tells of itself to whoever runs it: an HTTP port beside the one that serves, with `/metrics`,
//! `/healthz` and `/readyz`.
//!
//! - What happens often is counted where it happens ([`Counts`]), by position, without lock or allocation: a Check
//!   must cost what it did before anybody looked.
//! - What can be asked for (how full caches and pools are) is asked for when somebody looks (`page.rs`), but for what
//!   only the database knows: that is read every few seconds, however often somebody looks (`outbox.rs`).
//!
//! INVARIANT: no label holds what a caller sent, or the id of anybody: every value comes from a list that is known when
//! the server is built. So the number of series has a bound, and a scrape tells of nobody.

mod count;
mod counts;
mod families;
mod http;
mod method;
mod outbox;
mod page;
mod place;
mod rpc;

pub use counts::{Counts, Kind, Lookup};
pub use http::Port;
pub use page::Watched;
pub use rpc::CountLayer;

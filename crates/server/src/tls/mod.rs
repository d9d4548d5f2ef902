//! Encryption of the port that calls come to: TLS 1.2 and 1.3 by rustls, and certificates of callers where they are asked
//! for. A server without a certificate has nothing of this.
//!
//! - What certificate, key and authority are is read at the start and again when their files change ([`reload`]); what is
//!   broken stays out, and what was in force stays in force.
//! - Handshakes are made on the thread that serves the connection, in a task of their own ([`handshake`]): nobody waits
//!   for somebody else's, and accepting connections for nobody's.
//! - INVARIANT: a caller's certificate opens the connection and nothing else. Who calls, the token alone says.

mod handshake;
mod material;
mod plain;
mod reload;
mod settings;
mod tally;

pub use self::reload::Tls;
pub use self::settings::TlsSettings;

pub(crate) use self::handshake::{Handshakes, Secure};
pub(crate) use self::plain::ADVICE;
pub(crate) use self::reload::{Protocols, Reload};
pub(crate) use self::tally::Shaken;

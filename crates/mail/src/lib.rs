//! Mandate's outgoing mail, from a [`Mail`](mandate_domain::mail::Mail) of the outbox to a mail server or a folder.
//!
//! [`MailKey`] derives the links, [`Renderer`] writes the text, [`Envelope`] makes a message of it, and [`Transport`]
//! hands it on. When to do so, and what to do when it fails, is the server's dispatcher's business.
//!
//! Architecture invariant: secrets exist here alone and only while a mail is being sent. Neither the outbox nor a log
//! holds one; the `.eml` files of the folder do, since they are the mail.

mod folder;
mod key;
mod message;
mod render;
mod smtp;
mod transport;

pub use folder::Folder;
pub use key::{MAIL_KEY_BYTES, MailKey};
pub use message::Envelope;
pub use render::{Pages, RenderError, Rendered, Renderer};
pub use smtp::{Smtp, SmtpConfigError};
pub use transport::{Lasting, SendError, Transport};

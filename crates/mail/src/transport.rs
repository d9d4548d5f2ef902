//! Where mail goes: to a mail server, or into a folder.

use lettre::Message;

use crate::folder::Folder;
use crate::smtp::Smtp;

/// Why a message was not taken on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct SendError {
    /// What to tell an operator. It holds no secret.
    pub text: String,
    /// Whether the other side says that it will never take it on.
    pub lasting: Lasting,
}

/// Whether trying again soon makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    /// It may succeed later.
    No,
    /// It was refused for good, as far as the other side can tell (RFC 5321 §4.2.1: 5yz).
    Yes,
}

impl SendError {
    pub(crate) fn permanent(text: String) -> Self {
        Self { text, lasting: Lasting::Yes }
    }

    pub(crate) fn temporary(text: String) -> Self {
        Self { text, lasting: Lasting::No }
    }
}

/// A way for mail to leave.
#[derive(Debug)]
pub enum Transport {
    /// `.eml` files, one a message, named by its Message-ID.
    Folder(Folder),
    /// A mail server.
    Smtp(Smtp),
}

impl Transport {
    /// How many messages it takes at a time. A disk is waited for once for many.
    #[must_use]
    pub fn at_once(&self) -> u32 {
        match self {
            Self::Folder(_) => 512,
            Self::Smtp(_) => 8,
        }
    }

    /// Hands a message on; when this returns, it is somebody else's to keep.
    ///
    /// # Errors
    /// [`SendError`] when it was not taken on, or that is not known.
    pub async fn send(&self, message: Message, message_id: &str) -> Result<(), SendError> {
        match self {
            Self::Folder(folder) => folder.put(message.formatted(), message_id).await,
            Self::Smtp(smtp) => smtp.send(message).await,
        }
    }
}

//! A rendered mail as a message (RFC 5322, MIME).

use lettre::address::Address;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart};
use mandate_domain::mail::Mail;

use crate::render::Rendered;
use crate::transport::SendError;

/// Whom mail is from.
#[derive(Debug, Clone)]
pub struct Envelope {
    from: Mailbox,
}

impl Envelope {
    /// Reads an address such as `Mandate <no-reply@example.com>`.
    ///
    /// # Errors
    /// A text, for what is no address.
    pub fn from(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(from) => Ok(Self { from }),
            Err(error) => Err(format!(
                "\"{text}\" is no sender of mail ({error}); write name@example.com or Name <name@example.com>"
            )),
        }
    }

    /// The message. `message_id` comes without the angle brackets and is the same at every attempt.
    ///
    /// # Errors
    /// [`SendError`] for an address that mail cannot be sent to.
    pub fn seal(&self, mail: &Mail, rendered: Rendered, message_id: &str) -> Result<Message, SendError> {
        let address: Address = mail.recipient.parse().map_err(|error| {
            SendError::permanent(format!("the recipient's address cannot be written to: {error}"))
        })?;
        let Rendered { subject, text, html } = rendered;
        let mut message = Message::builder()
            .message_id(Some(format!("<{message_id}>")))
            .from(self.from.clone())
            .to(Mailbox::new(mail.recipient_name.clone(), address))
            .subject(subject)
            .multipart(MultiPart::alternative_plain_html(text, html))
            .map_err(|error| SendError::permanent(format!("no message could be made: {error}")))?;
        // RFC 3834 §5: holidays and the like are not to be answered with.
        let auto = HeaderName::new_from_ascii_str("Auto-Submitted");
        message.headers_mut().insert_raw(HeaderValue::new(auto, "auto-generated".to_owned()));
        Ok(message)
    }
}

//! Everything a call can fail with, and the one mapper from it to a gRPC status.
//!
//! Each status carries a google.rpc.ErrorInfo of the domain [`DOMAIN`] with a reason of
//! `mandate.v1.ErrorReason` (AIP-193). The matches are exhaustive on purpose: a new variant anywhere does not
//! compile until somebody has chosen its code and its reason.

mod access;
mod answer;
mod overload;
mod refusal;
mod store;
#[cfg(test)]
mod tests;

use mandate_domain::refusal::{FieldError, Refusal};
use mandate_storage::{StoreError, WriteError};

pub use self::overload::overloaded;

use self::answer::Answer;
use crate::access::AccessError;
use crate::auth::AuthError;
use crate::clock::NoRandomness;
use crate::overload::OverloadError;
use crate::policies::PolicyRefusal;
use crate::rate::TooOften;
use crate::sign_in::SignInError;
use crate::size::ByteSize;
use crate::watch::WatchError;

/// The domain of every ErrorInfo.
pub const DOMAIN: &str = "mandate";

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller could not be told from the token.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The caller may not make this call, or not about this.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// Nobody was signed in.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// A stream of changes cannot go on.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// A rule refused it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A version of a policy is not put in force.
    #[error(transparent)]
    Policy(#[from] PolicyRefusal),
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another request of the caller's had the same id (AIP-155).
    #[error(
        "this request_id was used for another request; use a new one for each request, and the same only to retry it"
    )]
    RequestIdReused,
    /// The consistency token says nothing about this database.
    #[error(
        "the consistency token is none of this database's, or of a write that has not happened, or the database was \
         restored or failed over since; drop the token, ask without one, or fully_consistent, and go on with the token \
         of that answer"
    )]
    ConsistencyToken,
    /// The server is stopping, and a stream cannot go on.
    #[error(
        "the server is stopping; what was answered is done, go on from there with another server, or when it is back"
    )]
    Stopping,
    /// It is more than the server can do, or comes too late.
    #[error(transparent)]
    Overload(#[from] OverloadError),
    /// The message is larger than the server takes.
    #[error("the message is larger than the server takes{}; split it into several calls", of(*.most))]
    MessageTooLarge {
        /// What it takes, if the transport says so.
        most: Option<ByteSize>,
    },
    /// One caller calls too often.
    #[error(transparent)]
    TooOften(#[from] TooOften),
    /// A defect of this service.
    #[error("{0}")]
    Defect(String),
}

fn of(most: Option<ByteSize>) -> String {
    most.map(|most| format!(" ({most})")).unwrap_or_default()
}

impl Error {
    /// One bad field.
    #[must_use]
    pub fn field(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Refused(Refusal::Invalid(vec![FieldError::new(path, message)]))
    }

    /// What the call is about does not exist.
    #[must_use]
    pub fn not_found(what: &'static str, id: impl ToString) -> Self {
        Self::Refused(Refusal::NotFound { what, id: id.to_string() })
    }
}

impl From<WriteError> for Error {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Refused(refusal) => Self::Refused(refusal),
            WriteError::RequestIdReused => Self::RequestIdReused,
            WriteError::Store(error) => Self::Store(error),
        }
    }
}

impl From<NoRandomness> for Error {
    fn from(error: NoRandomness) -> Self {
        Self::Defect(error.to_string())
    }
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        match error {
            Error::Auth(error) => access::unauthenticated(&error),
            Error::Access(error) => access::denied(&error),
            Error::SignIn(error) => access::not_signed_in(&error),
            Error::Watch(error) => store::not_watched(error),
            Error::Refused(refusal) => refusal::refused(&refusal),
            Error::Policy(refused) => refusal::no_policy(&refused),
            Error::Store(error) => store::failed(&error),
            Error::RequestIdReused => refusal::reused(&error),
            Error::ConsistencyToken => refusal::no_token(&error),
            Error::Stopping => access::stopping(&error),
            Error::Overload(error) => overload::refused(error),
            Error::MessageTooLarge { .. } => access::too_large(&error),
            Error::TooOften(error) => overload::too_often(error),
            Error::Defect(detail) => answer::internal(&detail),
        }
        .into()
    }
}

/// The same as a message, for the items of a batch.
impl From<Error> for tonic_types::Status {
    fn from(error: Error) -> Self {
        use prost::Message as _;
        let status = tonic::Status::from(error);
        // INVARIANT: `Answer` puts the whole google.rpc.Status into the details, as gRPC's rich errors do.
        Self::decode(status.details()).unwrap_or_else(|_| Self {
            code: status.code().into(),
            message: status.message().to_owned(),
            details: Vec::new(),
        })
    }
}

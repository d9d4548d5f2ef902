//! What answering a call takes.

use crate::access::{self, GUARDED};

/// What a call is bounded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// It is answered from memory, if all is well.
    Memory,
    /// It writes or reads the database.
    Database,
    /// It hashes a password.
    Passwords,
    /// It goes on for as long as its caller likes, and does little at a time: it must find room to begin with.
    Stream,
    /// It is never refused: health, and what the service looks like.
    Open,
}

/// Calls that are answered from memory.
const FROM_MEMORY: [&str; 2] = [access::BATCH_CHECK.path, access::LOOKUP_PERMISSIONS.path];

/// Calls that hash a password. [`crate::passwords`] bounds how many wait for that.
const WITH_PASSWORD: [&str; 5] = [
    access::SIGN_IN.path,
    access::SET_PASSWORD.path,
    access::SET_INITIAL_PASSWORD.path,
    access::ACTIVATE_CONTACT.path,
    access::RESET_INITIAL_PASSWORD.path,
];

impl Class {
    /// That of the call of this path.
    pub(super) fn of(path: &str) -> Self {
        match path {
            // Nearly all calls.
            _ if path == access::CHECK.path => Self::Memory,
            _ if FROM_MEMORY.contains(&path) => Self::Memory,
            _ if WITH_PASSWORD.contains(&path) => Self::Passwords,
            _ if access::STREAMS.iter().any(|rule| rule.path == path) => Self::Stream,
            _ if path.starts_with(GUARDED) => Self::Database,
            _ => Self::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_not_listed_is_dear_and_health_is_open() {
        let class = |rule: &access::Rule| Class::of(rule.path);
        assert_eq!(class(&access::CHECK), Class::Memory);
        assert_eq!(class(&access::BATCH_CHECK), Class::Memory);
        assert_eq!(
            (class(&access::ADD_MEMBER), class(&access::LIST_MEMBERS)),
            (Class::Database, Class::Database)
        );
        assert_eq!((class(&access::SIGN_IN), class(&access::WATCH)), (Class::Passwords, Class::Stream));
        assert_eq!(Class::of("/mandate.v1.AuthzService/NoSuchCall"), Class::Database);
        for open in
            ["/grpc.health.v1.Health/Check", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"]
        {
            assert_eq!(Class::of(open), Class::Open);
        }
    }
}

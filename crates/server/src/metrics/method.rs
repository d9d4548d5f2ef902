//! The RPCs that are counted, one by one: a list that is known when the server is built, so that whatever callers
//! invent, there are no more series than that.

use crate::access;
use crate::telemetry::Kind;

/// What is served beside `mandate.v1`.
const OPEN: [(&str, &str); 4] = [
    ("grpc.health.v1.Health", "Check"),
    ("grpc.health.v1.Health", "Watch"),
    ("grpc.reflection.v1.ServerReflection", "ServerReflectionInfo"),
    ("grpc.reflection.v1alpha.ServerReflection", "ServerReflectionInfo"),
];

/// An RPC, as a place in tables of them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Method(usize);

impl Method {
    /// `AuthzService.Check`: the first of the list, because most calls are Checks.
    pub(super) const CHECK: Self = Self(0);
    const BATCH_CHECK: Self = Self(1);

    /// The RPC of a path; all that nobody serves are one.
    pub(super) fn of(path: &str) -> Self {
        if path == access::CHECK.path {
            return Self::CHECK;
        }
        let guarded = access::RULES.iter().position(|rule| rule.path == path);
        let open = || {
            let (service, method) = path.strip_prefix('/')?.split_once('/')?;
            OPEN.iter().position(|open| *open == (service, method)).map(|open| access::RULES.len() + open)
        };
        Self(guarded.or_else(open).unwrap_or(Self::count() - 1))
    }

    /// How many there are.
    pub(super) fn count() -> usize {
        access::RULES.len() + OPEN.len() + 1
    }

    /// Each of them.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..Self::count()).map(Self)
    }

    /// How it is recorded.
    pub(super) fn kind(self) -> Kind {
        match access::RULES.get(self.0) {
            _ if self == Self::CHECK || self == Self::BATCH_CHECK => Kind::Short,
            Some(rule) if access::STREAMS.contains(&rule) => Kind::Stream,
            // The open ones that are not health checks last, too.
            None if self.names() != ("grpc.health.v1.Health", "Check") => Kind::Stream,
            _ => Kind::Ordinary,
        }
    }

    /// Its place in tables of them all.
    pub(super) fn index(self) -> usize {
        self.0
    }

    /// Service and method, as the descriptors name them; `other` and `other` for what nobody serves.
    pub(super) fn names(self) -> (&'static str, &'static str) {
        let guarded = access::RULES.get(self.0).and_then(|rule| rule.path.strip_prefix('/')?.split_once('/'));
        let open = || OPEN.get(self.0.checked_sub(access::RULES.len())?).copied();
        guarded.or_else(open).unwrap_or(("other", "other"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rpc_is_found_under_its_path() {
        assert_eq!(Method::of(access::CHECK.path), Method::CHECK);
        assert_eq!(Method::CHECK.names(), ("mandate.v1.AuthzService", "Check"));
        assert_eq!(Method::BATCH_CHECK.names(), ("mandate.v1.AuthzService", "BatchCheck"));
        for method in Method::all() {
            let (service, name) = method.names();
            assert_eq!(Method::of(&format!("/{service}/{name}")), method);
        }
        for invented in ["", "/", "/mandate.v1.AuthzService/NoSuchCall", "/grpc.health.v1.Health", "Check"] {
            assert_eq!(Method::of(invented).names(), ("other", "other"), "{invented}");
        }
    }
}

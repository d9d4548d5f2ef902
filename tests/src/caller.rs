//! Callers: what carries a token to the server.

use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::{Interceptor, interceptor::InterceptedService};
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::secrets;

/// A channel whose calls carry a caller's token; every generated client's `new` takes one.
pub type Authorized = InterceptedService<Channel, Bearer>;

/// Adds `authorization: Bearer …` (RFC 6750) to each call.
#[derive(Clone)]
pub struct Bearer {
    header: MetadataValue<Ascii>,
}

impl Bearer {
    /// Calls with `token`, which may be any text that a header can carry: tests send broken ones too.
    ///
    /// Panics on control characters and non-ASCII.
    pub fn new(token: &str) -> Self {
        if token.matches('.').count() == 2 {
            secrets::token(token);
        }
        let mut header: MetadataValue<Ascii> =
            format!("Bearer {token}").parse().expect("a token that fits into a header");
        header.set_sensitive(true);
        Self { header }
    }

    /// A channel whose calls carry this token.
    pub fn on(self, channel: Channel) -> Authorized {
        InterceptedService::new(channel, self)
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.header.clone());
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_the_token_to_a_call() {
        let request = Bearer::new("a.b.c").call(Request::new(())).expect("never refuses");
        let header = request.metadata().get("authorization").expect("is there");
        assert_eq!(header.to_str().expect("is ASCII"), "Bearer a.b.c");
        assert!(header.is_sensitive());
    }
}

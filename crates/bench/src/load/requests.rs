//! Requests, encoded before the clock runs.

use prost::Message;

/// The header blocks of a call, as tonic's own client encodes them (HPACK, RFC 7541): the first one on a connection
/// fills the table that the later ones refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeaderBlocks {
    /// Of the first request of a connection.
    pub(crate) first: Vec<u8>,
    /// Of every later one.
    pub(crate) later: Vec<u8>,
}

/// Bodies of one RPC and how many decisions each asks for.
#[derive(Debug, Clone)]
pub(crate) struct Requests {
    /// What goes before each.
    pub(crate) headers: HeaderBlocks,
    /// How many decisions one request asks for.
    pub(crate) decisions: u32,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Requests {
    /// Encodes messages, each with the prefix of gRPC: not compressed, its length.
    ///
    /// # Errors
    /// No message at all.
    pub(crate) fn encode<M: Message>(
        headers: HeaderBlocks,
        decisions: u32,
        messages: impl IntoIterator<Item = M>,
    ) -> anyhow::Result<Self> {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for message in messages {
            let length = u32::try_from(message.encoded_len())?;
            bytes.push(0);
            bytes.extend_from_slice(&length.to_be_bytes());
            message.encode(&mut bytes)?;
            ends.push(bytes.len());
        }
        anyhow::ensure!(!ends.is_empty(), "there is nothing to ask");
        Ok(Self { headers, decisions, bytes, ends })
    }

    /// How many different requests there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The body of a request; they repeat when there are no more.
    pub(crate) fn body(&self, number: usize) -> &[u8] {
        let index = number % self.ends.len().max(1);
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(index).copied().unwrap_or(start);
        self.bytes.get(start..end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use mandate_proto::v1::CheckRequest;

    use super::*;

    #[test]
    fn bodies_are_framed_and_repeat() {
        let headers = HeaderBlocks { first: vec![1], later: vec![2] };
        let message = |account: &str| CheckRequest { account: account.to_owned(), ..Default::default() };
        let requests = Requests::encode(headers, 1, [message("a"), message("bc")]).unwrap();
        assert_eq!(requests.len(), 2);
        assert_eq!(requests.body(0), b"\0\0\0\0\x03\x0a\x01a");
        assert_eq!(requests.body(1), b"\0\0\0\0\x04\x0a\x02bc");
        assert_eq!(requests.body(2), requests.body(0));
    }

    #[test]
    fn there_must_be_something_to_ask() {
        let headers = HeaderBlocks { first: vec![], later: vec![] };
        assert!(Requests::encode(headers, 1, Vec::<CheckRequest>::new()).is_err());
    }
}

//! The messages of a stream, found where they lie in what has arrived.

use prost::bytes::Bytes;

use super::PREFIX;

/// The longest message, its prefix included, that can be a plain question: ids, a permission and a number, and some room.
const LONGEST: usize = 512;

/// What has arrived of a stream. Nothing but the beginning of a short message is copied.
#[derive(Default)]
pub(super) struct Messages {
    arrived: Bytes,
    /// Up to where it was looked at.
    at: usize,
    /// A short message whose end has not arrived.
    begun: Vec<u8>,
    /// Whether that message has arrived whole, and was given out.
    given: Given,
    /// How many bytes of a message that is given out in parts are still to come.
    parted: usize,
}

#[derive(Default, PartialEq, Eq)]
enum Given {
    #[default]
    No,
    Yes,
}

/// Something that has arrived.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A whole message with its prefix, which is short and not compressed.
    Message(&'a [u8]),
    /// A part of any other.
    Part(Bytes),
}

/// Messages with their prefixes, one behind another.
#[derive(Debug, Clone, Default)]
pub(super) struct Run<'a> {
    rest: &'a [u8],
}

impl<'a> Run<'a> {
    /// A message that lies by itself.
    pub(super) fn one(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// Whether there is none any more.
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

impl<'a> Iterator for Run<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let Size::Short(length) = size(self.rest) else { return None };
        let (message, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(message)
    }
}

/// What the prefix of a message says of it.
enum Size {
    /// The prefix is not whole.
    Unknown,
    Short(usize),
    /// Or compressed.
    Long(usize),
}

fn size(bytes: &[u8]) -> Size {
    let Some(([compressed, length @ ..], _)) = bytes.split_first_chunk::<PREFIX>() else {
        return Size::Unknown;
    };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX).saturating_add(PREFIX);
    match compressed {
        0 if length <= LONGEST => Size::Short(length),
        _ => Size::Long(length),
    }
}

impl Messages {
    /// Adds what has arrived, once all that came before was taken.
    pub(super) fn arrive(&mut self, bytes: Bytes) {
        debug_assert!(self.at == self.arrived.len(), "what came before was taken");
        (self.arrived, self.at) = (bytes, 0);
    }

    /// How many bytes are left to look at.
    pub(super) fn left(&self) -> usize {
        self.arrived.len().saturating_sub(self.at)
    }

    /// The beginning of a message of which nothing more comes.
    pub(super) fn torn(&mut self) -> Bytes {
        self.forget_given();
        std::mem::take(&mut self.begun).into()
    }

    /// The whole messages that come next, are short and not compressed, and lie one behind another: at most so many.
    /// Without any, something else comes next, or nothing.
    pub(super) fn run(&mut self, most: usize) -> Run<'_> {
        self.forget_given();
        let start = self.at;
        if self.parted == 0 && self.begun.is_empty() {
            for _ in 0..most {
                match size(self.arrived.get(self.at..).unwrap_or_default()) {
                    Size::Short(length) if length <= self.left() => self.at += length,
                    _ => break,
                }
            }
        }
        Run { rest: self.arrived.get(start..self.at).unwrap_or_default() }
    }

    /// The next piece; `None`: more has to arrive first.
    pub(super) fn next(&mut self) -> Option<Piece<'_>> {
        self.forget_given();
        if self.parted > 0 {
            let length = self.parted.min(self.left());
            self.parted -= length;
            return (length > 0).then(|| Piece::Part(self.take(length)));
        }
        if !self.begun.is_empty() {
            return self.go_on();
        }
        let left = self.left();
        match size(self.arrived.get(self.at..).unwrap_or_default()) {
            Size::Short(length) if length <= left => {
                let start = self.at;
                self.at += length;
                self.arrived.get(start..self.at).map(Piece::Message)
            }
            Size::Long(length) => {
                let here = length.min(left);
                self.parted = length - here;
                Some(Piece::Part(self.take(here)))
            }
            Size::Short(_) | Size::Unknown => {
                self.copy_up_to(LONGEST);
                None
            }
        }
    }

    /// Goes on with the message that has begun.
    fn go_on(&mut self) -> Option<Piece<'_>> {
        self.copy_up_to(PREFIX);
        match size(&self.begun) {
            Size::Unknown => None,
            Size::Short(length) => {
                self.copy_up_to(length);
                (self.begun.len() == length).then(|| {
                    self.given = Given::Yes;
                    Piece::Message(&self.begun)
                })
            }
            Size::Long(length) => {
                self.parted = length.saturating_sub(self.begun.len());
                Some(Piece::Part(std::mem::take(&mut self.begun).into()))
            }
        }
    }

    fn copy_up_to(&mut self, length: usize) {
        let wanted = length.saturating_sub(self.begun.len()).min(self.left());
        let end = self.at + wanted;
        self.begun.extend_from_slice(self.arrived.get(self.at..end).unwrap_or_default());
        self.at = end;
    }

    fn take(&mut self, length: usize) -> Bytes {
        let mut rest = self.arrived.split_off(self.at);
        self.at = 0;
        let taken = rest.split_to(length);
        self.arrived = rest;
        taken
    }

    fn forget_given(&mut self) {
        if std::mem::take(&mut self.given) == Given::Yes {
            self.begun.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(compressed: u8, length: usize) -> Vec<u8> {
        let mut bytes = vec![compressed];
        bytes.extend_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
        bytes.extend((0..length).map(|byte| u8::try_from(byte % 251).unwrap()));
        bytes
    }

    /// The short messages, and all other bytes, of a stream that arrives in frames of this size, and is looked at in runs
    /// of so many.
    fn cut(stream: &[u8], frame: usize, run: usize) -> (Vec<Vec<u8>>, Vec<u8>, Bytes) {
        let (mut messages, mut short, mut other) = (Messages::default(), Vec::new(), Vec::new());
        for frame in stream.chunks(frame) {
            messages.arrive(Bytes::copy_from_slice(frame));
            loop {
                short.extend(messages.run(run).map(<[u8]>::to_vec));
                let Some(piece) = messages.next() else { break };
                match piece {
                    Piece::Message(bytes) => short.push(bytes.to_vec()),
                    Piece::Part(bytes) => {
                        assert!(!bytes.is_empty());
                        other.extend_from_slice(&bytes);
                    }
                }
            }
            assert_eq!(messages.left(), 0);
        }
        (short, other, messages.torn())
    }

    #[test]
    fn messages_are_found_wherever_frames_are_cut() {
        let short = [message(0, 0), message(0, 90), message(0, 1), message(0, LONGEST - PREFIX)];
        let other = [message(0, LONGEST - PREFIX + 1), message(1, 5), message(0, 20_000), message(1, 0)];
        let mut stream = Vec::new();
        for (short, other) in short.iter().zip(&other) {
            stream.extend_from_slice(short);
            stream.extend_from_slice(other);
        }
        stream.extend_from_slice(&short.concat());
        let twice = [short.clone(), short.clone()].concat();
        for frame in (1..1_200).chain([16_384, stream.len()]) {
            for run in [0, 1, 8] {
                assert_eq!(
                    cut(&stream, frame, run),
                    (twice.clone(), other.concat(), Bytes::new()),
                    "{frame}"
                );
            }
        }
    }

    #[test]
    fn the_beginning_of_a_message_is_not_lost() {
        let stream = [message(0, 10), message(0, 10)].concat();
        for end in 1..15 {
            let (short, other, torn) = cut(&stream[..15 + end], 4, 8);
            assert_eq!((short.len(), other.len(), &torn[..]), (1, 0, &stream[15..15 + end]));
        }
    }
}

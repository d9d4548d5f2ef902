//! HTTP/2 frames (RFC 9113 §4 and §6), as few of them as a client of unary calls needs.

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Data,
    Headers,
    Reset,
    Settings,
    Ping,
    GoAway,
    WindowUpdate,
    /// Nothing that this client acts on.
    Other(u8),
}

/// `END_STREAM`, and `ACK` of settings and pings.
pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const ACK: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;

/// The length of a frame's header in bytes.
pub(crate) const HEADER: usize = 9;

/// What every client sends first.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The window that both ends begin with, in bytes.
pub(crate) const FIRST_WINDOW: u32 = 65_535;

/// The largest window, in bytes.
pub(crate) const LARGEST_WINDOW: u32 = 0x7fff_ffff;

/// The setting of the window that a stream begins with.
pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;
const ENABLE_PUSH: u16 = 2;
/// The setting of how many streams the other end may open at a time.
pub(crate) const MAX_CONCURRENT_STREAMS: u16 = 3;

impl From<u8> for Kind {
    fn from(byte: u8) -> Self {
        match byte {
            0 => Self::Data,
            1 => Self::Headers,
            3 => Self::Reset,
            4 => Self::Settings,
            6 => Self::Ping,
            7 => Self::GoAway,
            8 => Self::WindowUpdate,
            other => Self::Other(other),
        }
    }
}

impl Kind {
    fn byte(self) -> u8 {
        match self {
            Self::Data => 0,
            Self::Headers => 1,
            Self::Reset => 3,
            Self::Settings => 4,
            Self::Ping => 6,
            Self::GoAway => 7,
            Self::WindowUpdate => 8,
            Self::Other(byte) => byte,
        }
    }
}

/// A frame in a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// What it is.
    pub(crate) kind: Kind,
    /// Its flags.
    pub(crate) flags: u8,
    /// The stream it is of; 0: the connection's.
    pub(crate) stream: u32,
    /// What it carries.
    pub(crate) payload: &'a [u8],
}

/// The first frame of a buffer and what follows it; `None`: it has not arrived whole.
pub(crate) fn split(buffer: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let (header, rest) = buffer.split_first_chunk::<HEADER>()?;
    let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = *header;
    let length = usize::try_from(u32::from_be_bytes([0, l0, l1, l2])).ok()?;
    let (payload, rest) = rest.split_at_checked(length)?;
    let stream = u32::from_be_bytes([s0, s1, s2, s3]) & LARGEST_WINDOW;
    Some((Frame { kind: kind.into(), flags, stream, payload }, rest))
}

/// Appends a frame's header. Payloads here are shorter than 2^24 bytes, or the length is cut.
pub(crate) fn put_header(out: &mut Vec<u8>, kind: Kind, flags: u8, stream: u32, length: usize) {
    let [_, l0, l1, l2] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    let [s0, s1, s2, s3] = stream.to_be_bytes();
    out.extend_from_slice(&[l0, l1, l2, kind.byte(), flags, s0, s1, s2, s3]);
}

/// Appends a frame.
pub(crate) fn put(out: &mut Vec<u8>, kind: Kind, flags: u8, stream: u32, payload: &[u8]) {
    put_header(out, kind, flags, stream, payload.len());
    out.extend_from_slice(payload);
}

/// Appends what a connection begins with: no pushes, and windows that never hold the server up.
pub(crate) fn put_beginning(out: &mut Vec<u8>) {
    out.extend_from_slice(PREFACE);
    let mut settings = Vec::new();
    for (setting, value) in [(ENABLE_PUSH, 0), (INITIAL_WINDOW_SIZE, LARGEST_WINDOW)] {
        settings.extend_from_slice(&setting.to_be_bytes());
        settings.extend_from_slice(&u32::to_be_bytes(value));
    }
    put(out, Kind::Settings, 0, 0, &settings);
    put_window(out, LARGEST_WINDOW - FIRST_WINDOW);
}

/// Lets the server send that many bytes more on the connection.
pub(crate) fn put_window(out: &mut Vec<u8>, more: u32) {
    put(out, Kind::WindowUpdate, 0, 0, &more.to_be_bytes());
}

/// The number of a `WINDOW_UPDATE`, or the error code at the end of a `GOAWAY` or a `RST_STREAM`.
pub(crate) fn number(payload: &[u8]) -> Option<u32> {
    payload.last_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes) & LARGEST_WINDOW)
}

/// What the payload of a `SETTINGS` frame says of one setting.
pub(crate) fn setting(payload: &[u8], wanted: u16) -> Option<u32> {
    let (settings, _) = payload.as_chunks::<6>();
    let found = settings.iter().rev().find(|[high, low, ..]| u16::from_be_bytes([*high, *low]) == wanted);
    found.map(|[_, _, v0, v1, v2, v3]| u32::from_be_bytes([*v0, *v1, *v2, *v3]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_as_they_were_put() {
        let mut buffer = Vec::new();
        put(&mut buffer, Kind::Data, END_STREAM, 5, b"abc");
        put(&mut buffer, Kind::Ping, 0, 0, &[7; 8]);
        let (first, rest) = split(&buffer).unwrap();
        assert_eq!(first, Frame { kind: Kind::Data, flags: END_STREAM, stream: 5, payload: b"abc" });
        let (second, rest) = split(rest).unwrap();
        assert_eq!((second.kind, second.payload.len(), rest.len()), (Kind::Ping, 8, 0));
    }

    #[test]
    fn half_a_frame_is_none() {
        let mut buffer = Vec::new();
        put(&mut buffer, Kind::Data, 0, 1, b"abcdef");
        assert!((0..buffer.len()).all(|length| split(&buffer[..length]).is_none()));
    }

    #[test]
    fn a_connection_begins_with_preface_settings_and_window() {
        let mut buffer = Vec::new();
        put_beginning(&mut buffer);
        let rest = buffer.strip_prefix(PREFACE).unwrap();
        let (settings, rest) = split(rest).unwrap();
        assert_eq!((settings.kind, settings.payload.len()), (Kind::Settings, 12));
        assert_eq!(setting(settings.payload, INITIAL_WINDOW_SIZE), Some(LARGEST_WINDOW));
        assert_eq!(setting(settings.payload, MAX_CONCURRENT_STREAMS), None);
        let (window, _) = split(rest).unwrap();
        assert_eq!(number(window.payload), Some(LARGEST_WINDOW - FIRST_WINDOW));
    }
}

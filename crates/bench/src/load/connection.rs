//! One HTTP/2 connection that never waits: requests go out as bytes made before, and of what comes back only the frames
//! are looked at.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use anyhow::{Context as _, anyhow, bail};

use super::frames::{
    ACK, END_HEADERS, END_STREAM, FIRST_WINDOW, HEADER, Kind, LARGEST_WINDOW, MAX_CONCURRENT_STREAMS, number,
    put, put_beginning, put_header, put_window, setting, split,
};
use super::requests::Requests;

/// What is read at once, in bytes.
const READ: usize = 256 << 10;

/// After how many bytes the server's window is filled up again.
const REFILL: u32 = LARGEST_WINDOW / 2;

/// A request under way.
#[derive(Debug, Clone, Copy)]
struct Call {
    stream: u32,
    due: Instant,
    /// The bytes of messages that came back.
    bytes: usize,
}

/// A request that was answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered {
    /// When it was to be sent.
    pub(crate) due: Instant,
    /// The bytes of the message, its prefix included; 0: an error came instead.
    pub(crate) bytes: usize,
}

/// A connection with room for a number of requests at a time.
pub(crate) struct Connection<'a> {
    socket: TcpStream,
    requests: &'a Requests,
    calls: Vec<Option<Call>>,
    in_flight: usize,
    /// How many requests the server takes at a time (RFC 9113 §5.1.2); without a word of it, as many as there is room for.
    most: usize,
    next_stream: u32,
    /// How many bytes of bodies the server lets this end send.
    window: i64,
    received: u32,
    out: Vec<u8>,
    inbox: Vec<u8>,
    buffer: Vec<u8>,
}

impl<'a> Connection<'a> {
    /// Connects. `room` requests at most are under way at a time.
    ///
    /// # Errors
    /// Nobody listens there.
    pub(crate) fn open(address: SocketAddr, requests: &'a Requests, room: usize) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(address).with_context(|| format!("{address} does not answer"))?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let mut out = Vec::with_capacity(READ);
        put_beginning(&mut out);
        Ok(Self {
            socket,
            requests,
            // Answers may overtake one another, so there is more room than requests to find a free place for a stream.
            calls: vec![None; (room * 4).next_power_of_two()],
            in_flight: 0,
            most: usize::MAX,
            next_stream: 1,
            window: FIRST_WINDOW.into(),
            received: 0,
            out,
            inbox: Vec::with_capacity(READ),
            buffer: vec![0; READ],
        })
    }

    /// What to wait for, for [`rustix::event::poll`].
    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Whether bytes are left that the system did not take.
    pub(crate) fn wants_to_write(&self) -> bool {
        !self.out.is_empty()
    }

    /// How many requests are under way.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether the server has said how many requests it takes at a time.
    pub(crate) fn is_greeted(&self) -> bool {
        self.most != usize::MAX
    }

    /// Adds a request to what goes out with the next [`flush`](Self::flush); `false`: there is no room for it now.
    pub(crate) fn send(&mut self, number: usize, due: Instant) -> bool {
        let (requests, stream) = (self.requests, self.next_stream);
        let body = requests.body(number);
        let length = i64::try_from(body.len()).unwrap_or(i64::MAX);
        let place = self.place(stream);
        let Some(slot @ None) = self.calls.get_mut(place) else { return false };
        if self.window < length || self.in_flight >= self.most {
            return false;
        }
        *slot = Some(Call { stream, due, bytes: 0 });
        self.window -= length;
        self.in_flight += 1;
        self.next_stream += 2;
        let headers = if stream == 1 { &requests.headers.first } else { &requests.headers.later };
        put(&mut self.out, Kind::Headers, END_HEADERS, stream, headers);
        put_header(&mut self.out, Kind::Data, END_STREAM, stream, body.len());
        self.out.extend_from_slice(body);
        true
    }

    fn place(&self, stream: u32) -> usize {
        usize::try_from(stream / 2).unwrap_or(0) & (self.calls.len() - 1)
    }

    /// Hands the system as much as it takes.
    ///
    /// # Errors
    /// The connection's.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        while !self.out.is_empty() {
            match self.socket.write(&self.out) {
                Ok(0) => bail!("the server closed the connection"),
                Ok(written) => drop(self.out.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads what has arrived and tells of each request that was answered.
    ///
    /// # Errors
    /// The connection's, or the server gave it up.
    pub(crate) fn receive(&mut self, mut answered: impl FnMut(Answered)) -> anyhow::Result<()> {
        loop {
            let length = match self.socket.read(&mut self.buffer) {
                Ok(0) => bail!("the server closed the connection"),
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            self.inbox.extend_from_slice(self.buffer.get(..length).unwrap_or_default());
            self.take_frames(&mut answered)?;
            if length < self.buffer.len() {
                return Ok(());
            }
        }
    }

    fn take_frames(&mut self, answered: &mut impl FnMut(Answered)) -> anyhow::Result<()> {
        let inbox = std::mem::take(&mut self.inbox);
        let mut rest = inbox.as_slice();
        while let Some((frame, after)) = split(rest) {
            rest = after;
            match frame.kind {
                Kind::Data | Kind::Headers | Kind::Reset => {
                    let bytes = if frame.kind == Kind::Data { frame.payload.len() } else { 0 };
                    let ends = frame.kind == Kind::Reset || frame.flags & END_STREAM != 0;
                    self.on_stream(frame.stream, bytes, ends, answered);
                }
                Kind::WindowUpdate if frame.stream == 0 => {
                    self.window += i64::from(number(frame.payload).unwrap_or(0));
                }
                Kind::Settings if frame.flags & ACK == 0 => {
                    if let Some(most) = setting(frame.payload, MAX_CONCURRENT_STREAMS) {
                        self.most = usize::try_from(most).unwrap_or(usize::MAX);
                    }
                    put(&mut self.out, Kind::Settings, ACK, 0, &[]);
                }
                Kind::Ping if frame.flags & ACK == 0 => put(&mut self.out, Kind::Ping, ACK, 0, frame.payload),
                Kind::GoAway => {
                    return Err(anyhow!(
                        "the server gave the connection up: error {:?}",
                        number(frame.payload)
                    ));
                }
                _ => {}
            }
        }
        let done = inbox.len() - rest.len();
        self.inbox = inbox;
        self.inbox.drain(..done);
        Ok(())
    }

    fn on_stream(&mut self, stream: u32, bytes: usize, ends: bool, answered: &mut impl FnMut(Answered)) {
        self.received += u32::try_from(bytes).unwrap_or(0);
        if self.received > REFILL {
            put_window(&mut self.out, self.received);
            self.received = 0;
        }
        let place = self.place(stream);
        let Some(slot) = self.calls.get_mut(place) else { return };
        let Some(call) = slot.as_mut().filter(|call| call.stream == stream) else { return };
        call.bytes += bytes;
        if ends {
            let Call { due, bytes, .. } = *call;
            *slot = None;
            self.in_flight -= 1;
            answered(Answered { due, bytes });
        }
    }
}

/// The bytes that go out for a request, to compare loads by.
pub(crate) fn bytes_on_the_wire(requests: &Requests) -> usize {
    2 * HEADER + requests.headers.later.len() + requests.body(0).len()
}

//! Closed loop over streams that go on: each connection has one, on which so many questions are always under way.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::closed::{Throughput, measure};
use super::fleet::Shape;
use super::frames::{
    ACK, END_HEADERS, END_STREAM, FIRST_WINDOW, INITIAL_WINDOW_SIZE, Kind, LARGEST_WINDOW, number, put,
    put_beginning, put_header, put_window, split,
};
use super::requests::Requests;
use crate::process::Server;

/// The one stream of a connection.
const STREAM: u32 = 1;

/// What is read at once, in bytes.
const READ: usize = 256 << 10;

/// The largest payload of a frame that every server takes, in bytes.
const FRAME: usize = 16 << 10;

/// After how many bytes the server's windows are filled up again.
const REFILL: u32 = LARGEST_WINDOW / 2;

/// How long answers to what is under way are waited for at the end.
const DRAIN: Duration = Duration::from_secs(10);

/// The bytes before each message of gRPC.
const PREFIX: usize = 5;

/// Runs for a while; the first fifth is not counted. `shape.room` questions are under way on each stream, and `expected`
/// is the bytes of each answer with its prefix. Returns the number of the next question, too.
///
/// # Errors
/// A connection's, or the server ended.
pub(crate) fn run(
    server: &Server,
    requests: &Requests,
    shape: Shape,
    expected: usize,
    first: usize,
    time: Duration,
) -> anyhow::Result<(Throughput, usize)> {
    let mut streams = Streams::open(server.address, requests, shape, first)?;
    let throughput = measure(server, time, |until| {
        let (mut answered, mut wrong) = (0, 0);
        while Instant::now() < until {
            streams.fill();
            streams.turn(until, |bytes| {
                answered += 1;
                wrong += u64::from(bytes != expected);
            })?;
        }
        Ok((answered, wrong))
    })?;
    streams.drain()?;
    Ok((throughput, streams.next))
}

/// The sizes of the answers to so many questions, at least.
#[cfg(test)]
pub(super) fn sizes(
    address: SocketAddr,
    requests: &Requests,
    shape: Shape,
    least: usize,
) -> anyhow::Result<Vec<usize>> {
    let (mut streams, mut sizes) = (Streams::open(address, requests, shape, 0)?, Vec::new());
    let limit = Instant::now() + DRAIN;
    while sizes.len() < least && Instant::now() < limit {
        streams.fill();
        streams.turn(limit, |bytes| sizes.push(bytes))?;
    }
    streams.drain()?;
    Ok(sizes)
}

/// Connections that take turns.
struct Streams<'a> {
    streams: Vec<Stream<'a>>,
    room: usize,
    next: usize,
}

impl<'a> Streams<'a> {
    fn open(address: SocketAddr, requests: &'a Requests, shape: Shape, first: usize) -> anyhow::Result<Self> {
        let open = |_| Stream::open(address, requests);
        let streams = (0..shape.connections).map(open).collect::<anyhow::Result<_>>()?;
        Ok(Self { streams, room: shape.room, next: first })
    }

    /// Asks as much as there is room for.
    fn fill(&mut self) {
        for stream in &mut self.streams {
            self.next = stream.ask(self.next, self.room);
        }
    }

    fn turn(&mut self, until: Instant, mut answered: impl FnMut(usize)) -> anyhow::Result<()> {
        for stream in &mut self.streams {
            stream.flush()?;
        }
        let ready = self.wait(until)?;
        for (stream, ready) in self.streams.iter_mut().zip(ready) {
            if ready {
                stream.receive(&mut answered)?;
            }
        }
        Ok(())
    }

    fn wait(&self, until: Instant) -> anyhow::Result<Vec<bool>> {
        let mut sockets: Vec<PollFd<'_>> = Vec::with_capacity(self.streams.len());
        for stream in &self.streams {
            let write = if stream.out.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
            sockets.push(PollFd::new(&stream.socket, PollFlags::IN | write));
        }
        let left = until.saturating_duration_since(Instant::now());
        let limit = Timespec { tv_sec: i64::try_from(left.as_secs())?, tv_nsec: left.subsec_nanos().into() };
        match poll(&mut sockets, Some(&limit)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(sockets.iter().map(|socket| !socket.revents().difference(PollFlags::OUT).is_empty()).collect())
    }

    /// Waits for the answers to all that is under way.
    fn drain(&mut self) -> anyhow::Result<()> {
        let limit = Instant::now() + DRAIN;
        while self.streams.iter().any(|stream| stream.under_way > 0) {
            if Instant::now() > limit {
                bail!("some questions were never answered");
            }
            self.turn(limit, |_| {})?;
        }
        Ok(())
    }
}

/// A connection with one stream, which never waits.
struct Stream<'a> {
    socket: TcpStream,
    requests: &'a Requests,
    under_way: usize,
    windows: Windows,
    received: u32,
    answers: Answers,
    out: Vec<u8>,
    inbox: Vec<u8>,
    buffer: Vec<u8>,
}

/// How many bytes of questions the server lets this end send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Windows {
    connection: i64,
    stream: i64,
    /// What a stream begins with, as far as the server has said.
    initial: i64,
}

impl<'a> Stream<'a> {
    fn open(address: SocketAddr, requests: &'a Requests) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(address).with_context(|| format!("{address} does not answer"))?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let mut out = Vec::with_capacity(READ);
        put_beginning(&mut out);
        put(&mut out, Kind::Headers, END_HEADERS, STREAM, &requests.headers.first);
        let first = i64::from(FIRST_WINDOW);
        Ok(Self {
            socket,
            requests,
            under_way: 0,
            windows: Windows { connection: first, stream: first, initial: first },
            received: 0,
            answers: Answers::default(),
            out,
            inbox: Vec::with_capacity(READ),
            buffer: vec![0; READ],
        })
    }

    /// Adds questions from this one on to what goes out next, until `room` of them are under way; returns the next.
    fn ask(&mut self, mut number: usize, room: usize) -> usize {
        while self.under_way < room {
            let window = self.windows.connection.min(self.windows.stream).max(0);
            let most = FRAME.min(usize::try_from(window).unwrap_or(0));
            let (mut questions, mut bytes) = (0, 0);
            while self.under_way + questions < room {
                let length = self.requests.body(number + questions).len();
                if bytes + length > most {
                    break;
                }
                (questions, bytes) = (questions + 1, bytes + length);
            }
            if questions == 0 {
                break;
            }
            put_header(&mut self.out, Kind::Data, 0, STREAM, bytes);
            for question in number..number + questions {
                self.out.extend_from_slice(self.requests.body(question));
            }
            let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
            (self.windows.connection, self.windows.stream) =
                (self.windows.connection - bytes, self.windows.stream - bytes);
            self.under_way += questions;
            number += questions;
        }
        number
    }

    fn flush(&mut self) -> anyhow::Result<()> {
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

    /// Reads what has arrived and tells the size of each answer.
    fn receive(&mut self, answered: &mut impl FnMut(usize)) -> anyhow::Result<()> {
        loop {
            let length = match self.socket.read(&mut self.buffer) {
                Ok(0) => bail!("the server closed the connection"),
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            self.inbox.extend_from_slice(self.buffer.get(..length).unwrap_or_default());
            self.take_frames(answered)?;
            if length < self.buffer.len() {
                return Ok(());
            }
        }
    }

    fn take_frames(&mut self, answered: &mut impl FnMut(usize)) -> anyhow::Result<()> {
        let inbox = std::mem::take(&mut self.inbox);
        let mut rest = inbox.as_slice();
        while let Some((frame, after)) = split(rest) {
            rest = after;
            match frame.kind {
                Kind::Data => {
                    let under_way = &mut self.under_way;
                    self.answers.take(frame.payload, |bytes| {
                        *under_way = under_way.saturating_sub(1);
                        answered(bytes);
                    });
                    self.refill(frame.payload.len());
                }
                Kind::WindowUpdate => self.windows.update(frame.stream, number(frame.payload).unwrap_or(0)),
                Kind::Settings if frame.flags & ACK == 0 => {
                    self.windows.settle(frame.payload);
                    put(&mut self.out, Kind::Settings, ACK, 0, &[]);
                }
                Kind::Ping if frame.flags & ACK == 0 => put(&mut self.out, Kind::Ping, ACK, 0, frame.payload),
                Kind::GoAway | Kind::Reset => {
                    return Err(anyhow!("the server gave up: error {:?}", number(frame.payload)));
                }
                _ => {}
            }
            if frame.flags & END_STREAM != 0 && matches!(frame.kind, Kind::Data | Kind::Headers) {
                bail!("the server ended a stream that should go on");
            }
        }
        let done = inbox.len() - rest.len();
        self.inbox = inbox;
        self.inbox.drain(..done);
        Ok(())
    }

    fn refill(&mut self, bytes: usize) {
        self.received += u32::try_from(bytes).unwrap_or(0);
        if self.received > REFILL {
            put_window(&mut self.out, self.received);
            put(&mut self.out, Kind::WindowUpdate, 0, STREAM, &self.received.to_be_bytes());
            self.received = 0;
        }
    }
}

impl Windows {
    fn update(&mut self, stream: u32, more: u32) {
        let window = if stream == 0 { &mut self.connection } else { &mut self.stream };
        *window += i64::from(more);
    }

    /// Reads the settings of a server, of which one is about windows (RFC 9113 §6.9.2).
    fn settle(&mut self, settings: &[u8]) {
        for setting in settings.chunks_exact(6) {
            let Some((name, value)) = setting.split_first_chunk::<2>() else { continue };
            if u16::from_be_bytes(*name) == INITIAL_WINDOW_SIZE {
                let initial = i64::from(number(value).unwrap_or(FIRST_WINDOW));
                self.stream += initial - self.initial;
                self.initial = initial;
            }
        }
    }
}

/// Finds the answers in what arrives.
#[derive(Debug, Default)]
struct Answers {
    prefix: Vec<u8>,
    /// How many bytes of an answer are still to come.
    left: usize,
}

impl Answers {
    /// Tells the size of each answer, its prefix included, once that has come whole.
    fn take(&mut self, mut bytes: &[u8], mut answered: impl FnMut(usize)) {
        while !bytes.is_empty() {
            let passed = self.left.min(bytes.len());
            self.left -= passed;
            bytes = bytes.get(passed..).unwrap_or_default();
            let wanted = (PREFIX - self.prefix.len()).min(bytes.len());
            self.prefix.extend_from_slice(bytes.get(..wanted).unwrap_or_default());
            bytes = bytes.get(wanted..).unwrap_or_default();
            if let Some(length) = self.prefix.first_chunk::<PREFIX>().and_then(|prefix| number(prefix)) {
                self.left = usize::try_from(length).unwrap_or(usize::MAX);
                answered(PREFIX + self.left);
                self.prefix.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_wherever_frames_are_cut() {
        let stream = b"\0\0\0\0\x02ab\0\0\0\0\0\0\0\0\0\x03abc".repeat(3);
        for frame in 1..stream.len() {
            let (mut answers, mut seen) = (Answers::default(), Vec::new());
            stream.chunks(frame).for_each(|bytes| answers.take(bytes, |bytes| seen.push(bytes)));
            assert_eq!(seen, [7, 5, 8].repeat(3), "{frame}");
        }
    }

    #[test]
    fn windows_follow_the_servers_settings() {
        let mut windows = Windows { connection: 10, stream: 10, initial: 65_535 };
        windows.settle(&[0, 3, 0, 0, 0, 1, 0, 4, 0, 1, 0, 0]);
        assert_eq!(windows, Windows { connection: 10, stream: 11, initial: 65_536 });
        windows.update(0, 5);
        windows.update(STREAM, 7);
        assert_eq!((windows.connection, windows.stream), (15, 18));
    }
}

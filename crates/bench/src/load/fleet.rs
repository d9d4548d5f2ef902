//! Several connections on one thread.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::bail;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::connection::{Answered, Connection};
use super::requests::Requests;

/// How long answers to what is under way are waited for at the end.
const DRAIN: Duration = Duration::from_secs(10);

/// Connections that take turns.
pub(crate) struct Fleet<'a> {
    connections: Vec<Connection<'a>>,
    /// The next request to send; they are sent in order, over and over.
    next: usize,
    /// The connection to send it on.
    turn: usize,
    /// Most requests under way on each.
    room: usize,
}

impl<'a> Fleet<'a> {
    /// Opens so many connections with room for so many requests each, and begins with the request of this number.
    ///
    /// # Errors
    /// Nobody listens there.
    pub(crate) fn open(
        address: SocketAddr,
        requests: &'a Requests,
        shape: Shape,
        first: usize,
    ) -> anyhow::Result<Self> {
        let Shape { connections, room } = shape;
        let open = |_| Connection::open(address, requests, room);
        let connections = (0..connections).map(open).collect::<anyhow::Result<_>>()?;
        Ok(Self { connections, next: first, turn: 0, room })
    }

    /// Waits until the server has said on every connection how many requests it takes at a time. Whoever sends before may
    /// send more than it does.
    ///
    /// # Errors
    /// A connection's, or the server never says.
    pub(crate) fn greet(&mut self) -> anyhow::Result<()> {
        let limit = Instant::now() + DRAIN;
        while !self.connections.iter().all(Connection::is_greeted) {
            if Instant::now() > limit {
                bail!("the server does not say how many requests it takes at a time");
            }
            self.turn(limit, |_| {})?;
        }
        Ok(())
    }

    /// Sends the next request on any connection with room; `false`: none has any.
    pub(crate) fn send(&mut self, due: Instant) -> bool {
        for _ in 0..self.connections.len() {
            self.turn = (self.turn + 1) % self.connections.len();
            let room = self.room;
            let Some(connection) = self.connections.get_mut(self.turn) else { return false };
            if connection.in_flight() < room && connection.send(self.next, due) {
                self.next = self.next.wrapping_add(1);
                return true;
            }
        }
        false
    }

    /// Fills every connection.
    pub(crate) fn fill(&mut self, due: Instant) {
        while self.send(due) {}
    }

    /// How many requests are under way.
    pub(crate) fn in_flight(&self) -> usize {
        self.connections.iter().map(Connection::in_flight).sum()
    }

    /// The next request to send.
    pub(crate) fn next(&self) -> usize {
        self.next
    }

    /// Writes what is to be written, waits until something arrives or `until` has come, and tells of what was answered.
    ///
    /// # Errors
    /// A connection's.
    pub(crate) fn turn(&mut self, until: Instant, mut answered: impl FnMut(Answered)) -> anyhow::Result<()> {
        for connection in &mut self.connections {
            connection.flush()?;
        }
        let ready = self.wait(until)?;
        for (connection, ready) in self.connections.iter_mut().zip(ready) {
            if ready {
                connection.receive(&mut answered)?;
            }
        }
        Ok(())
    }

    /// Which connections have something to read.
    fn wait(&self, until: Instant) -> anyhow::Result<Vec<bool>> {
        let mut sockets: Vec<PollFd<'_>> = Vec::with_capacity(self.connections.len());
        for connection in &self.connections {
            let write = if connection.wants_to_write() { PollFlags::OUT } else { PollFlags::empty() };
            sockets.push(PollFd::new(connection.socket(), PollFlags::IN | write));
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
    ///
    /// # Errors
    /// A connection's, or they do not come.
    pub(crate) fn drain(&mut self, mut answered: impl FnMut(Answered)) -> anyhow::Result<()> {
        let limit = Instant::now() + DRAIN;
        while self.in_flight() > 0 {
            if Instant::now() > limit {
                bail!("{} requests were never answered", self.in_flight());
            }
            self.turn(limit, &mut answered)?;
        }
        Ok(())
    }
}

/// How many connections, and how many requests at a time on each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Connections.
    pub(crate) connections: usize,
    /// Requests under way on each, at most.
    pub(crate) room: usize,
}

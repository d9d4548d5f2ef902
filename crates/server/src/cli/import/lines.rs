//! Line numbers as an editor shows them. A CSV reader counts records from where the one before ended, which is some
//! lines early where lines are blank or end in CR LF.

use std::collections::VecDeque;
use std::io::{self, Read};

/// A reader that remembers where lines end, as far as nobody has asked beyond them yet.
pub(super) struct Lines<R> {
    inner: R,
    /// How many bytes were read.
    bytes: u64,
    /// How many lines end before what is asked about.
    passed: u64,
    /// Where the last of them ends.
    last_end: u64,
    /// Where the following ones end, as far as they have been read.
    ends: VecDeque<u64>,
}

impl<R> Lines<R> {
    pub(super) fn of(inner: R) -> Self {
        Self { inner, bytes: 0, passed: 0, last_end: 0, ends: VecDeque::new() }
    }

    /// The line, from 1, of the last byte before this offset. Asked in ascending order.
    pub(super) fn line_before(&mut self, offset: u64) -> u64 {
        while let Some(end) = self.ends.front().copied().filter(|end| *end <= offset) {
            self.ends.pop_front();
            self.passed += 1;
            self.last_end = end;
        }
        if self.last_end == offset { self.passed } else { self.passed + 1 }
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        for byte in buffer.iter().take(count) {
            self.bytes += 1;
            if *byte == b'\n' {
                self.ends.push_back(self.bytes);
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_belongs_to_the_line_that_an_editor_shows() {
        let mut lines = Lines::of("ab\r\n\ncd\nef".as_bytes());
        io::copy(&mut lines, &mut io::sink()).unwrap();
        // Behind "ab\r", "ab\r\n", the blank line, "cd\n", and the end.
        let found: Vec<u64> = [3, 4, 5, 8, 10].map(|offset| lines.line_before(offset)).into();
        assert_eq!(found, [1, 1, 2, 3, 4]);
    }
}

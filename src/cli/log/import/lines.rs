//! A file as numbered lines of bounded length. What is longer goes past the memory, straight to where rejected lines go.

use std::io::{self, BufRead, Write};

/// Longest line taken in, in bytes without its newline. Far above what the original's clients could send or show.
pub(super) const LINE_BYTES_MAX: usize = 64 * 1024;

/// What [`Lines::next`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A line; its bytes are in [`Lines::bytes`].
    Line,
    /// A line of so many bytes, which was copied to the rejected ones.
    TooLong(u64),
    /// The end.
    End,
}

/// Reads one line after the other.
pub(super) struct Lines<R> {
    source: R,
    /// Number of the last line, from 1.
    pub(super) number: u64,
    /// The last line, without its newline.
    pub(super) bytes: Vec<u8>,
    /// Bytes read so far.
    pub(super) position: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            number: 0,
            bytes: Vec::new(),
            position: 0,
        }
    }

    /// Reads the next line; one that is too long is written to `rejected`, with a newline.
    pub(super) fn next(&mut self, rejected: &mut dyn Write) -> io::Result<Found> {
        self.bytes.clear();
        let mut long = 0;
        let mut any = false;
        loop {
            let held = match self.source.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                held => held?,
            };
            let end = memchr::memchr(b'\n', held);
            let piece = &held[..end.unwrap_or(held.len())];
            let ends = end.is_some() || held.is_empty();
            any |= !held.is_empty();
            if long == 0 && self.bytes.len() + piece.len() <= LINE_BYTES_MAX {
                self.bytes.extend_from_slice(piece);
            } else {
                if long == 0 {
                    rejected.write_all(&self.bytes)?;
                    long = self.bytes.len() as u64;
                    self.bytes.clear();
                }
                rejected.write_all(piece)?;
                long += piece.len() as u64;
            }
            let used = piece.len() + usize::from(end.is_some());
            self.position += used as u64;
            self.source.consume(used);
            if ends {
                break;
            }
        }
        if !any {
            return Ok(Found::End);
        }
        self.number += 1;
        if long > 0 {
            rejected.write_all(b"\n")?;
            return Ok(Found::TooLong(long));
        }
        Ok(Found::Line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = (u64, Found, Vec<u8>);

    fn all(text: &[u8], capacity: usize) -> (Vec<Read>, Vec<u8>) {
        let mut rejected = Vec::new();
        let mut lines = Lines::new(io::BufReader::with_capacity(capacity, text));
        let mut found = Vec::new();
        loop {
            match lines.next(&mut rejected).unwrap() {
                Found::End => break,
                what => found.push((lines.number, what, lines.bytes.clone())),
            }
        }
        assert_eq!(lines.position, text.len() as u64);
        (found, rejected)
    }

    #[test]
    fn lines_are_numbered_whatever_the_pieces() {
        let line = |n, text: &str| (n, Found::Line, text.as_bytes().to_vec());
        for capacity in [1, 2, 3, 100] {
            let (found, _) = all(b"\na\r\n\nlast", capacity);
            let wanted = [line(1, ""), line(2, "a\r"), line(3, ""), line(4, "last")];
            assert_eq!(found, wanted);
            assert_eq!(all(b"", capacity).0, []);
            assert_eq!(all(b"x\n", capacity).0, [line(1, "x")]);
        }
    }

    #[test]
    fn long_lines_pass_by() {
        let long = vec![b'x'; LINE_BYTES_MAX + 1];
        let fits = vec![b'y'; LINE_BYTES_MAX];
        let text = [&long[..], b"\n", &fits, b"\n", &long].concat();
        let (found, rejected) = all(&text, 4096);
        let length = long.len() as u64;
        assert_eq!(found[0], (1, Found::TooLong(length), Vec::new()));
        assert_eq!(found[1], (2, Found::Line, fits));
        assert_eq!(found[2], (3, Found::TooLong(length), Vec::new()));
        assert_eq!(rejected, [&long[..], b"\n", &long, b"\n"].concat());
    }
}

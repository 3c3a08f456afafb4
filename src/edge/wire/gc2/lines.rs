//! Cuts what a socket read returned into lines. In: slices of a buffer that the thread owns. Out: borrowed lines.
//!
//! A splitter keeps only a partial line, and nothing at all between lines: an idle connection holds no buffer.

use std::ops::ControlFlow;

pub use super::refusal::HEAD_BYTES_MAX;

/// What ended, without its newline and a `\r` before that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'a> {
    /// A line within the limit.
    Whole(&'a [u8]),
    /// A line over the limit, told once, as soon as it is over; the rest of it is skipped.
    Oversized {
        /// Its first bytes, at most [`HEAD_BYTES_MAX`], so that its tag can be echoed.
        head: &'a [u8],
    },
}

/// The state of one connection's input between two reads.
#[derive(Debug)]
pub struct LineSplitter {
    line_bytes_max: u32,
    /// Inside an oversized line that was already told.
    skipping: bool,
    /// A partial line; boxed, because nearly every connection has none nearly all the time.
    #[expect(
        clippy::box_collection,
        reason = "8 bytes instead of 24 in each idle connection"
    )]
    partial: Option<Box<Vec<u8>>>,
}

impl LineSplitter {
    /// `line_bytes_max` counts a line without its newline.
    pub fn new(line_bytes_max: usize) -> Self {
        let line_bytes_max = u32::try_from(line_bytes_max).unwrap_or(u32::MAX);
        Self {
            line_bytes_max,
            skipping: false,
            partial: None,
        }
    }

    /// Another limit holds from the next line on.
    pub fn set_limit(&mut self, line_bytes_max: usize) {
        self.line_bytes_max = u32::try_from(line_bytes_max).unwrap_or(u32::MAX);
    }

    /// Calls `each` for every line that `input` completes, until it breaks. Returns how many bytes were consumed: all,
    /// or those up to the line after which `each` broke off. What was not consumed has to be fed again later.
    pub fn feed(
        &mut self,
        input: &[u8],
        mut each: impl FnMut(Line<'_>) -> ControlFlow<()>,
    ) -> usize {
        let mut at = 0;
        while at < input.len() {
            let rest = &input[at..];
            let Some(end) = memchr::memchr(b'\n', rest) else {
                // A break has nothing left to hold back here.
                let _ = self.keep(rest, &mut each);
                return input.len();
            };
            at += end + 1;
            if self.end_line(&rest[..end], &mut each).is_break() {
                return at;
            }
        }
        at
    }

    /// Bytes of a partial line that are held.
    pub fn pending_bytes(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| partial.len())
    }

    fn max(&self) -> usize {
        usize::try_from(self.line_bytes_max).unwrap_or(usize::MAX)
    }

    fn end_line(
        &mut self,
        piece: &[u8],
        each: &mut impl FnMut(Line<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if std::mem::take(&mut self.skipping) {
            return ControlFlow::Continue(());
        }
        let Some(mut line) = self.partial.take() else {
            return each(self.judged(piece));
        };
        // One byte over may be the `\r` that does not count; more cannot be a line.
        if line.len().saturating_add(piece.len()) > self.max().saturating_add(1) {
            fill_head(&mut line, piece);
            return each(Line::Oversized { head: head(&line) });
        }
        line.extend_from_slice(piece);
        each(self.judged(&line))
    }

    fn judged<'a>(&self, line: &'a [u8]) -> Line<'a> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() <= self.max() {
            Line::Whole(line)
        } else {
            Line::Oversized { head: head(line) }
        }
    }

    fn keep(
        &mut self,
        piece: &[u8],
        each: &mut impl FnMut(Line<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if self.skipping {
            return ControlFlow::Continue(());
        }
        let max = self.max();
        let bytes = self.pending_bytes().saturating_add(piece.len());
        let may_end_in_cr = bytes == max.saturating_add(1) && piece.last() == Some(&b'\r');
        if bytes <= max || may_end_in_cr {
            self.partial
                .get_or_insert_default()
                .extend_from_slice(piece);
            return ControlFlow::Continue(());
        }
        self.skipping = true;
        match self.partial.take() {
            None => each(Line::Oversized { head: head(piece) }),
            Some(mut line) => {
                fill_head(&mut line, piece);
                each(Line::Oversized { head: head(&line) })
            }
        }
    }
}

fn head(line: &[u8]) -> &[u8] {
    &line[..line.len().min(HEAD_BYTES_MAX)]
}

fn fill_head(line: &mut Vec<u8>, piece: &[u8]) {
    let room = HEAD_BYTES_MAX.saturating_sub(line.len());
    line.extend_from_slice(&piece[..piece.len().min(room)]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The lines of all pieces; an oversized one as `!` and its head.
    fn fed<'a>(max: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
        let mut splitter = LineSplitter::new(max);
        let mut lines = Vec::new();
        for piece in pieces {
            let used = splitter.feed(piece, |line| {
                lines.push(match line {
                    Line::Whole(line) => line.to_vec(),
                    Line::Oversized { head } => [b"!", head].concat(),
                });
                ControlFlow::Continue(())
            });
            assert_eq!(used, piece.len());
            assert!(splitter.pending_bytes() <= max + 1);
        }
        lines
    }

    #[test]
    fn lines_end_in_newline_or_both() {
        assert_eq!(
            fed(9, [&b"ab\ncd\r\n\n\r\ne\rf\nrest"[..]]),
            [&b"ab"[..], b"cd", b"", b"", b"e\rf"]
        );
        assert_eq!(fed(9, [&b"a"[..], b"", b"b\r", b"\nc"]), [b"ab"]);
        assert!(size_of::<LineSplitter>() <= 24);
    }

    #[test]
    fn the_limit_counts_the_line_alone() {
        for end in ["\n", "\r\n"] {
            let (fits, over) = (format!("12345{end}"), format!("123456{end}"));
            assert_eq!(fed(5, [fits.as_bytes()]), [b"12345"]);
            assert_eq!(fed(5, [over.as_bytes()]), [b"!123456"]);
            assert_eq!(fed(5, fits.as_bytes().chunks(1)), [b"12345"]);
            assert_eq!(fed(5, over.as_bytes().chunks(1)), [b"!123456"]);
        }
        assert_eq!(
            fed(5, [&b"12345\r"[..], b"6\nok\n"]),
            [&b"!12345\r6"[..], b"ok"]
        );
    }

    #[test]
    fn an_oversized_line_is_told_once_and_skipped() {
        let long = vec![b'x'; 5000];
        let lines = fed(1000, [&long[..], &long, b"x\nPING\n", &long, b"\r\nBYE\n"]);
        let told = [&b"!"[..], &[b'x'; HEAD_BYTES_MAX]].concat();
        assert_eq!(lines, [&told[..], b"PING", &told, b"BYE"]);
    }

    #[test]
    fn a_break_gives_the_rest_back() {
        let mut splitter = LineSplitter::new(9);
        let input = b"tail\nsecond\nthird";
        let mut first = Vec::new();
        let used = splitter.feed(input, |line| {
            first.push(format!("{line:?}"));
            ControlFlow::Break(())
        });
        assert_eq!((&input[used..], first.len()), (&b"second\nthird"[..], 1));
        assert_eq!(splitter.pending_bytes(), 0);
        let mut count = 0;
        splitter.feed(&input[used..], |_| {
            count += 1;
            ControlFlow::Continue(())
        });
        assert_eq!((count, splitter.pending_bytes()), (1, 5));
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(
            input in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..200),
            cuts in proptest::collection::vec(1usize..20, 0..200),
            max in 0usize..20,
        ) {
            let mut pieces = Vec::new();
            let mut rest = &input[..];
            for cut in cuts {
                let (piece, tail) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = tail;
            }
            pieces.push(rest);
            // Where a head ends depends on the cuts; that, and where, a line is oversized does not.
            let shape = |lines: Vec<Vec<u8>>| -> Vec<Vec<u8>> {
                lines.into_iter().map(|mut l| { if l.first() == Some(&b'!') { l.truncate(max + 1) } l }).collect()
            };
            let whole = shape(fed(max, [&input[..]]));
            prop_assert_eq!(shape(fed(max, pieces)), whole.clone());
            prop_assert_eq!(shape(fed(max, input.chunks(1))), whole);
        }
    }
}

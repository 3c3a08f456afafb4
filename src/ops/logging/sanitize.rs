//! Keeps control characters off the terminal.
//!
//! Names and reasons in log lines come from strangers, and a terminal obeys what it is sent: an escape sequence could
//! hide a line, a newline could forge one. In: the pieces of a line as slog-term writes them. Out: the same, with every
//! control character inside a message, key or value written as `\u{1b}` is in Rust.

use std::io;

use slog::{OwnedKVList, Record};
use slog_term::{Decorator, RecordDecorator};

/// A decorator whose lines are free of foreign control characters.
pub(super) struct Sanitized<D>(pub(super) D);

impl<D: Decorator> Decorator for Sanitized<D> {
    fn with_record<F>(&self, record: &Record<'_>, values: &OwnedKVList, write: F) -> io::Result<()>
    where
        F: FnOnce(&mut dyn RecordDecorator) -> io::Result<()>,
    {
        self.0.with_record(record, values, |inner| {
            write(&mut Line {
                inner,
                foreign: false,
            })
        })
    }
}

/// A line being written. `foreign` while its text may come from strangers; what stands between is slog-term's own.
struct Line<'a> {
    inner: &'a mut dyn RecordDecorator,
    foreign: bool,
}

impl io::Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.foreign {
            return self.inner.write(bytes);
        }
        // All of `bytes` is taken, and a character is never split between two calls by `fmt`.
        for piece in bytes.utf8_chunks() {
            for part in piece.valid().split_inclusive(char::is_control) {
                let clean = part.trim_end_matches(char::is_control);
                self.inner.write_all(clean.as_bytes())?;
                write!(self.inner, "{}", part[clean.len()..].escape_default())?;
            }
            if !piece.invalid().is_empty() {
                self.inner.write_all("\u{fffd}".as_bytes())?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Each start of a part that may hold foreign text, and of one that may not.
macro_rules! starts {
    ($($name:ident $foreign:literal)*) => {
        impl RecordDecorator for Line<'_> {
            fn reset(&mut self) -> io::Result<()> {
                self.foreign = false;
                self.inner.reset()
            }
            $(fn $name(&mut self) -> io::Result<()> {
                self.foreign = $foreign;
                self.inner.$name()
            })*
        }
    };
}

starts! {
    start_whitespace false
    start_msg true
    start_timestamp false
    start_level false
    start_comma false
    start_key true
    start_value true
    start_location false
    start_separator false
}

//! Input as lines, read on a thread of its own, because a pipe may keep its reader waiting for ever.

use std::io::{self, BufRead, BufReader, Read};

use tokio::sync::mpsc;

/// Longest text that is read as one message, in bytes: far over what any server takes, so that it is the server that
/// says what is too long.
pub const TEXT_BYTES_MAX: usize = 1 << 20;
/// Lines read ahead.
const AHEAD: usize = 64;

/// One line, numbered from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Its bytes, without the newline and a carriage return before it.
    Line {
        /// Which.
        number: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// It is no line that could be sent.
    Bad {
        /// Which.
        number: u64,
        /// Why.
        why: String,
    },
    /// The input ends here with an error.
    Broken {
        /// Which.
        number: u64,
        /// Why.
        why: String,
    },
}

/// Begins to read; the channel ends with the input.
pub fn lines(source: impl Read + Send + 'static) -> mpsc::Receiver<Input> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    std::thread::spawn(move || {
        let mut source = BufReader::new(source);
        for number in 1.. {
            let Some(input) = next(&mut source, number) else {
                break;
            };
            let ends = matches!(input, Input::Broken { .. });
            // A receiver that is gone wants no more.
            if sender.blocking_send(input).is_err() || ends {
                break;
            }
        }
    });
    receiver
}

fn next(source: &mut impl BufRead, number: u64) -> Option<Input> {
    let mut bytes = Vec::new();
    let mut piece = source.by_ref().take(TEXT_BYTES_MAX as u64 + 1);
    if let Err(error) = piece.read_until(b'\n', &mut bytes) {
        let why = format!("the input cannot be read: {error}");
        return Some(Input::Broken { number, why });
    }
    if bytes.is_empty() {
        return None;
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    } else if bytes.len() > TEXT_BYTES_MAX {
        let why = format!("longer than {TEXT_BYTES_MAX} bytes");
        let _ = skip_line(source);
        return Some(Input::Bad { number, why });
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    Some(Input::Line { number, bytes })
}

fn skip_line(source: &mut impl BufRead) -> io::Result<()> {
    loop {
        let held = source.fill_buf()?;
        if held.is_empty() {
            return Ok(());
        }
        let (count, done) = match memchr::memchr(b'\n', held) {
            Some(end) => (end + 1, true),
            None => (held.len(), false),
        };
        source.consume(count);
        if done {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: impl Into<Vec<u8>>) -> Vec<Input> {
        let mut source = io::Cursor::new(text.into());
        (1..).map_while(|n| next(&mut source, n)).collect()
    }

    fn line(number: u64, text: &str) -> Input {
        Input::Line {
            number,
            bytes: text.into(),
        }
    }

    #[test]
    fn lines_are_numbered_and_bare() {
        assert_eq!(all("a\r\n\nb"), [line(1, "a"), line(2, ""), line(3, "b")]);
        assert_eq!(all(""), []);
    }

    #[test]
    fn a_line_without_end_is_skipped() {
        let text = [vec![b'x'; TEXT_BYTES_MAX + 10], b"\nafter\n".to_vec()].concat();
        let read = all(text);
        assert!(matches!(&read[0], Input::Bad { number: 1, .. }));
        assert_eq!(read[1..], [line(2, "after")]);
        let whole = all([vec![b'x'; TEXT_BYTES_MAX], b"\n".to_vec()].concat());
        assert!(matches!(&whole[..], [Input::Line { .. }]));
    }
}

//! Draws the typed text at the end of what the terminal shows, and messages above it. Owns the terminal's modes.
//!
//! Only moves relative to the cursor are used: what scrolled by stays in the terminal's own history, and no question to the
//! terminal has to be answered before anything appears.

use std::io::{self, Write};

use crossterm::cursor::{MoveToColumn, MoveUp};
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::terminal::{self, Clear, ClearType};
use crossterm::{QueueableCommand, cursor};

use super::buffer::Buffer;
use super::layout::layout;

/// Size assumed where a terminal does not tell.
const SIZE: (u16, u16) = (80, 24);

/// A terminal in raw mode; back to what it was when this is dropped.
#[derive(Debug)]
pub struct Screen {
    /// The cursor's row within the drawn text.
    row: u16,
}

impl Screen {
    /// Takes the terminal.
    pub fn take() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        let screen = Self { row: 0 };
        let mut out = io::stdout();
        out.queue(EnableBracketedPaste)?.flush()?;
        Ok(screen)
    }

    /// Prints `above` (whole lines without control characters but newline and our own colours) and draws the text below.
    pub fn draw(&mut self, above: &[String], prompt: &str, buffer: &Buffer) -> io::Result<()> {
        let mut bytes = Vec::new();
        self.erase(&mut bytes)?;
        for text in above {
            for line in text.split('\n') {
                bytes.extend_from_slice(line.as_bytes());
                bytes.extend_from_slice(b"\r\n");
            }
        }
        let (columns, lines) = match terminal::size() {
            Ok((columns, lines)) if columns > 0 && lines > 0 => (columns, lines),
            _ => SIZE,
        };
        let shown = layout(prompt, buffer, columns, lines);
        bytes.extend_from_slice(shown.rows.join("\r\n").as_bytes());
        let below = u16::try_from(shown.rows.len()).unwrap_or(1) - 1 - shown.row;
        if below > 0 {
            bytes.queue(MoveUp(below))?;
        }
        bytes.queue(MoveToColumn(shown.column))?;
        self.row = shown.row;
        write(&bytes)
    }

    /// Empties the screen; the next drawing begins at its top.
    pub fn clear(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        bytes
            .queue(Clear(ClearType::All))?
            .queue(cursor::MoveTo(0, 0))?;
        self.row = 0;
        write(&bytes)
    }

    fn erase(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        if self.row > 0 {
            bytes.queue(MoveUp(self.row))?;
        }
        self.row = 0;
        bytes.push(b'\r');
        bytes.queue(Clear(ClearType::FromCursorDown))?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let mut bytes = Vec::new();
        // Whatever of this fails, there is no other terminal to tell it to.
        let _ = self.erase(&mut bytes);
        let _ = bytes.queue(DisableBracketedPaste);
        let _ = write(&bytes);
        let _ = terminal::disable_raw_mode();
    }
}

fn write(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

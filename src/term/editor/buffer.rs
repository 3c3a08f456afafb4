//! Text of several lines with a cursor. Owns the text; knows nothing of keys or screens.

use unicode_width::UnicodeWidthChar;

/// Longest text, in characters: far over what any server takes as one message.
pub const CHARS_MAX: usize = 64 << 10;

/// A text and a place in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Buffer {
    chars: Vec<char>,
    /// Index of the character that the cursor stands before, 0 to `chars.len()`.
    cursor: usize,
}

impl Buffer {
    /// The text.
    pub fn text(&self) -> String {
        self.chars.iter().collect()
    }

    /// Its characters.
    pub fn chars(&self) -> &[char] {
        &self.chars
    }

    /// Where the cursor is, in characters.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.chars.is_empty()
    }

    /// Replaces everything; the cursor goes to the end.
    pub fn set(&mut self, text: &str) {
        self.chars.clear();
        self.cursor = 0;
        self.insert(text);
    }

    /// Takes everything out.
    pub fn take(&mut self) -> String {
        let text = self.text();
        self.set("");
        text
    }

    /// Inserts at the cursor. Control characters other than newline and tab have no business in a message; what is over
    /// the limit is left out.
    pub fn insert(&mut self, text: &str) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let room = CHARS_MAX - self.chars.len().min(CHARS_MAX);
        let added: Vec<char> = text
            .chars()
            .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
            .take(room)
            .collect();
        let count = added.len();
        self.chars.splice(self.cursor..self.cursor, added);
        self.cursor += count;
    }

    /// Removes from the cursor to `to`, in either direction.
    pub fn remove_to(&mut self, to: usize) {
        let to = to.min(self.chars.len());
        let (from, to) = (self.cursor.min(to), self.cursor.max(to));
        self.chars.drain(from..to);
        self.cursor = from;
    }

    /// Moves the cursor.
    pub fn go(&mut self, to: usize) {
        self.cursor = to.min(self.chars.len());
    }

    /// One character to the left; what has no width of its own belongs to the one before it.
    pub fn left(&self) -> usize {
        let mut at = self.cursor.saturating_sub(1);
        while at > 0 && is_attached(self.chars[at]) {
            at -= 1;
        }
        at
    }

    /// One character to the right.
    pub fn right(&self) -> usize {
        let mut at = (self.cursor + 1).min(self.chars.len());
        while at < self.chars.len() && is_attached(self.chars[at]) {
            at += 1;
        }
        at
    }

    /// The beginning of the word to the left.
    pub fn word_left(&self) -> usize {
        let mut at = self.cursor;
        while at > 0 && !self.chars[at - 1].is_alphanumeric() {
            at -= 1;
        }
        while at > 0 && self.chars[at - 1].is_alphanumeric() {
            at -= 1;
        }
        at
    }

    /// The end of the word to the right.
    pub fn word_right(&self) -> usize {
        let mut at = self.cursor;
        while at < self.chars.len() && !self.chars[at].is_alphanumeric() {
            at += 1;
        }
        while at < self.chars.len() && self.chars[at].is_alphanumeric() {
            at += 1;
        }
        at
    }

    /// The beginning of the cursor's line.
    pub fn line_start(&self) -> usize {
        self.start_of_line_at(self.cursor)
    }

    /// The end of the cursor's line.
    pub fn line_end(&self) -> usize {
        self.end_of_line_at(self.cursor)
    }

    /// The same column one line up, `None` in the first line.
    pub fn up(&self) -> Option<usize> {
        let start = self.line_start();
        let above = self.start_of_line_at(start.checked_sub(1)?);
        Some((above + self.cursor - start).min(start - 1))
    }

    /// The same column one line down, `None` in the last line.
    pub fn down(&self) -> Option<usize> {
        let end = self.line_end();
        if end == self.chars.len() {
            return None;
        }
        let column = self.cursor - self.line_start();
        Some((end + 1 + column).min(self.end_of_line_at(end + 1)))
    }

    fn start_of_line_at(&self, at: usize) -> usize {
        let newline = self.chars[..at].iter().rposition(|c| *c == '\n');
        newline.map_or(0, |newline| newline + 1)
    }

    fn end_of_line_at(&self, at: usize) -> usize {
        let newline = self.chars[at..].iter().position(|c| *c == '\n');
        newline.map_or(self.chars.len(), |newline| at + newline)
    }
}

fn is_attached(c: char) -> bool {
    c != '\n' && c.width() == Some(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str, cursor: usize) -> Buffer {
        let mut buffer = Buffer::default();
        buffer.set(text);
        buffer.go(cursor);
        buffer
    }

    #[test]
    fn moves_over_lines_and_words() {
        let buffer = at("one two\nx\nthree", 6);
        assert_eq!((buffer.line_start(), buffer.line_end()), (0, 7));
        assert_eq!((buffer.up(), buffer.down()), (None, Some(9)));
        assert_eq!(at("one two\nx\nthree", 13).up(), Some(9));
        assert_eq!(at("one two\nx\nthree", 13).down(), None);
        assert_eq!((buffer.word_left(), buffer.word_right()), (4, 7));
        assert_eq!(at("e\u{301}x", 0).right(), 2);
        assert_eq!(at("e\u{301}x", 2).left(), 0);
    }

    #[test]
    fn takes_no_control_characters() {
        let mut buffer = at("ab", 1);
        buffer.insert("\x1b[31m\r\n\tü");
        assert_eq!(buffer.text(), "a[31m\n\tüb");
        buffer.remove_to(0);
        assert_eq!(buffer.text(), "b");
        assert_eq!(buffer.take(), "b");
        assert!(buffer.is_empty());
    }

    proptest! {
        #[test]
        fn the_cursor_stays_inside(text in "[a\\né\u{301}漢 ]{0,20}", start in 0usize..25, steps in proptest::collection::vec(0u8..10, 0..30)) {
            let mut buffer = at(&text, start);
            for step in steps {
                let to = match step {
                    0 => buffer.left(), 1 => buffer.right(), 2 => buffer.word_left(), 3 => buffer.word_right(),
                    4 => buffer.up().unwrap_or(0), 5 => buffer.down().unwrap_or(99), 6 => buffer.line_start(),
                    7 => buffer.line_end(), 8 => { buffer.insert("x\ny"); continue }
                    _ => { let to = buffer.left(); buffer.remove_to(to); continue }
                };
                buffer.go(to);
                prop_assert!(buffer.cursor() <= buffer.chars().len());
            }
        }
    }
}

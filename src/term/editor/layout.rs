//! Where the typed text stands on a screen of some width. In: prompt, text, size. Out: rows and the cursor's place.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::buffer::Buffer;

/// Columns that a tab takes.
const TAB: &str = "    ";
/// Narrowest screen that is laid out for; a narrower one shows what it shows.
const COLUMNS_MIN: usize = 8;

/// Rows to draw, top to bottom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// What stands in each row, never as wide as the screen, so that no terminal wraps it.
    pub rows: Vec<String>,
    /// The cursor's row, an index into `rows`.
    pub row: u16,
    /// The cursor's column, from 0.
    pub column: u16,
}

/// Lays out `buffer` behind `prompt` (printable, one line) on a screen of `columns` by `lines`. What does not fit is cut
/// away at the top or bottom, around the cursor.
pub fn layout(prompt: &str, buffer: &Buffer, columns: u16, lines: u16) -> Layout {
    let usable = usize::from(columns).max(COLUMNS_MIN) - 1;
    let mut flow = Flow {
        usable,
        rows: vec![String::new()],
        width: 0,
    };
    let prompt = if prompt.width() * 3 > usable * 2 {
        "> "
    } else {
        prompt
    };
    let indent = " ".repeat(prompt.width());
    flow.push_text(prompt);
    let mut cursor = None;
    for (index, c) in buffer.chars().iter().enumerate() {
        if index == buffer.cursor() {
            cursor = Some(flow.place_before(*c));
        }
        match c {
            '\n' => {
                flow.rows.push(String::new());
                flow.width = 0;
                flow.push_text(&indent);
            }
            '\t' => flow.push_text(TAB),
            c => flow.push(*c),
        }
    }
    let (row, column) = cursor.unwrap_or_else(|| flow.place_before('\n'));
    let mut rows = flow.rows;
    rows.resize((row + 1).max(rows.len()), String::new());
    let height = usize::from(lines).max(1);
    let top = (row + 1).saturating_sub(height);
    rows.truncate(top + height);
    rows.drain(..top);
    Layout {
        rows,
        row: u16::try_from(row - top).unwrap_or(0),
        column: u16::try_from(column).unwrap_or(0),
    }
}

struct Flow {
    usable: usize,
    rows: Vec<String>,
    width: usize,
}

impl Flow {
    fn push_text(&mut self, text: &str) {
        text.chars().for_each(|c| self.push(c));
    }

    fn push(&mut self, c: char) {
        let width = c.width().unwrap_or(0);
        if self.width + width > self.usable {
            self.rows.push(String::new());
            self.width = 0;
        }
        self.width += width;
        if let Some(row) = self.rows.last_mut() {
            row.push(c);
        }
    }

    /// Row and column of a cursor in front of `c`, which comes next.
    fn place_before(&self, c: char) -> (usize, usize) {
        let width = c.width().unwrap_or(0).max(1);
        if c != '\n' && self.width + width > self.usable {
            (self.rows.len(), 0)
        } else {
            (self.rows.len() - 1, self.width)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn typed(text: &str, cursor: usize) -> Buffer {
        let mut buffer = Buffer::default();
        buffer.set(text);
        buffer.go(cursor);
        buffer
    }

    #[test]
    fn lines_stand_below_each_other() {
        let shown = layout("a> ", &typed("one\ntwo", 7), 80, 24);
        assert_eq!(shown.rows, ["a> one", "   two"]);
        assert_eq!((shown.row, shown.column), (1, 6));
        let shown = layout("a> ", &typed("one\n", 4), 80, 24);
        assert_eq!(shown.rows, ["a> one", "   "]);
        assert_eq!((shown.row, shown.column), (1, 3));
    }

    #[test]
    fn long_lines_and_wide_characters_wrap_before_the_edge() {
        let shown = layout("> ", &typed("abcdefgh", 8), 10, 24);
        assert_eq!(shown.rows, ["> abcdefg", "h"]);
        assert_eq!((shown.row, shown.column), (1, 1));
        let shown = layout("> ", &typed("漢漢漢漢", 3), 10, 24);
        assert_eq!(shown.rows, ["> 漢漢漢", "漢"]);
        assert_eq!((shown.row, shown.column), (1, 0));
    }

    #[test]
    fn a_text_higher_than_the_screen_shows_where_the_cursor_is() {
        let text = "1\n2\n3\n4\n5";
        let shown = layout("> ", &typed(text, 9), 20, 3);
        assert_eq!(shown.rows, ["  3", "  4", "  5"]);
        assert_eq!(shown.row, 2);
        let shown = layout("> ", &typed(text, 0), 20, 3);
        assert_eq!(shown.rows, ["> 1", "  2", "  3"]);
        assert_eq!(shown.row, 0);
    }

    proptest! {
        #[test]
        fn rows_fit_and_the_cursor_is_on_the_screen(
            text in "[a\\n\\té\u{301}漢 ]{0,60}", cursor in 0usize..70, columns in 0u16..40, lines in 0u16..12,
        ) {
            let shown = layout("room> ", &typed(&text, cursor), columns, lines);
            let usable = usize::from(columns).max(COLUMNS_MIN) - 1;
            prop_assert!(shown.rows.iter().all(|row| row.width() <= usable));
            prop_assert!(shown.rows.len() <= usize::from(lines).max(1));
            prop_assert!(usize::from(shown.row) < shown.rows.len());
            prop_assert!(usize::from(shown.column) <= usable);
        }
    }
}

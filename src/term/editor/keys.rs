//! What a key does. In: events of the terminal. Out: [`Action`]s. Owns the text being typed and those typed before.

use std::collections::VecDeque;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::buffer::Buffer;

/// Texts that arrow up brings back.
const HISTORY_MAX: usize = 100;

/// What follows from a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    None,
    /// The text or the cursor changed.
    Redraw,
    /// Everything on the screen is to be drawn anew.
    Clear,
    /// The text is complete; it has left the editor.
    Submit(String),
    /// Ctrl-C: the text was thrown away, or there was none.
    Interrupt {
        /// Whether there was text.
        had_text: bool,
    },
    /// Ctrl-D with nothing typed.
    Leave,
}

/// A text of several lines under the hands of a person.
#[derive(Debug, Default)]
pub struct Editor {
    buffer: Buffer,
    /// Esc was pressed; Enter now means Alt+Enter.
    escaped: bool,
    history: VecDeque<String>,
    /// Which of them is shown; the text typed so far is kept behind them meanwhile.
    recalled: Option<(usize, String)>,
}

impl Editor {
    /// The text and the cursor.
    pub fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    /// Gives a text back to be changed.
    pub fn restore(&mut self, text: &str) {
        self.buffer.set(text);
    }

    /// Takes an event. `is_command` says whether Enter ends this text, because it is for the program and not for people.
    pub fn event(&mut self, event: Event, is_command: impl Fn(&str) -> bool) -> Action {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(key, is_command),
            Event::Paste(text) => {
                self.buffer.insert(&text);
                Action::Redraw
            }
            Event::Resize(..) => Action::Redraw,
            _ => Action::None,
        }
    }

    fn key(&mut self, key: KeyEvent, is_command: impl Fn(&str) -> bool) -> Action {
        let escaped = std::mem::take(&mut self.escaped);
        let alt = key.modifiers.contains(KeyModifiers::ALT) || escaped;
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let buffer = &mut self.buffer;
        match key.code {
            KeyCode::Esc => {
                self.escaped = true;
                return Action::None;
            }
            KeyCode::Enter if alt => return self.submit(),
            KeyCode::Enter if is_command(&buffer.text()) => return self.submit(),
            KeyCode::Enter => buffer.insert("\n"),
            KeyCode::Char('c') if control => {
                let had_text = !buffer.is_empty();
                buffer.set("");
                self.recalled = None;
                return Action::Interrupt { had_text };
            }
            KeyCode::Char('d') if control && buffer.is_empty() => return Action::Leave,
            KeyCode::Char('l') if control => return Action::Clear,
            KeyCode::Char(c) if control && !alt => return self.control(c),
            KeyCode::Char('b') if alt && !control => buffer.go(buffer.word_left()),
            KeyCode::Char('f') if alt && !control => buffer.go(buffer.word_right()),
            KeyCode::Char('d') if alt && !control => buffer.remove_to(buffer.word_right()),
            // Alt with Ctrl is how some keyboards reach their third level.
            KeyCode::Char(c) => buffer.insert(c.encode_utf8(&mut [0; 4])),
            KeyCode::Tab => buffer.insert("\t"),
            KeyCode::Backspace if alt || control => buffer.remove_to(buffer.word_left()),
            KeyCode::Backspace => buffer.remove_to(buffer.left()),
            KeyCode::Delete => buffer.remove_to(buffer.right()),
            KeyCode::Left if alt || control => buffer.go(buffer.word_left()),
            KeyCode::Right if alt || control => buffer.go(buffer.word_right()),
            KeyCode::Left => buffer.go(buffer.left()),
            KeyCode::Right => buffer.go(buffer.right()),
            KeyCode::Home => buffer.go(buffer.line_start()),
            KeyCode::End => buffer.go(buffer.line_end()),
            KeyCode::Up => match buffer.up() {
                Some(to) => buffer.go(to),
                None => self.older(),
            },
            KeyCode::Down => match buffer.down() {
                Some(to) => buffer.go(to),
                None => self.newer(),
            },
            _ => return Action::None,
        }
        Action::Redraw
    }

    fn control(&mut self, c: char) -> Action {
        let buffer = &mut self.buffer;
        match c {
            'a' => buffer.go(buffer.line_start()),
            'b' => buffer.go(buffer.left()),
            'd' => buffer.remove_to(buffer.right()),
            'e' => buffer.go(buffer.line_end()),
            'f' => buffer.go(buffer.right()),
            'h' => buffer.remove_to(buffer.left()),
            // A newline that is typed as such, as Ctrl-J is.
            'j' => buffer.insert("\n"),
            'k' => buffer.remove_to(buffer.line_end()),
            'u' => buffer.remove_to(buffer.line_start()),
            'w' => buffer.remove_to(buffer.word_left()),
            'p' => self.older(),
            'n' => self.newer(),
            _ => return Action::None,
        }
        Action::Redraw
    }

    fn submit(&mut self) -> Action {
        let text = self.buffer.take();
        self.recalled = None;
        let text = text.trim_end_matches('\n').to_owned();
        if text.trim().is_empty() {
            return Action::Redraw;
        }
        if self.history.back() != Some(&text) {
            if self.history.len() == HISTORY_MAX {
                self.history.pop_front();
            }
            self.history.push_back(text.clone());
        }
        Action::Submit(text)
    }

    fn older(&mut self) {
        let at = self
            .recalled
            .as_ref()
            .map_or(self.history.len(), |(at, _)| *at);
        let Some(text) = at.checked_sub(1).and_then(|at| self.history.get(at)) else {
            return;
        };
        let typed = match self.recalled.take() {
            Some((_, typed)) => typed,
            None => self.buffer.text(),
        };
        self.recalled = Some((at - 1, typed));
        self.buffer.set(text);
    }

    fn newer(&mut self) {
        if let Some((at, typed)) = self.recalled.take() {
            match self.history.get(at + 1) {
                Some(text) => {
                    self.buffer.set(text);
                    self.recalled = Some((at + 1, typed));
                }
                None => self.buffer.set(&typed),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(editor: &mut Editor, code: KeyCode, modifiers: KeyModifiers) -> Action {
        let key = Event::Key(KeyEvent::new(code, modifiers));
        editor.event(key, |text| text.starts_with('/') && !text.contains('\n'))
    }

    fn plain(editor: &mut Editor, code: KeyCode) -> Action {
        press(editor, code, KeyModifiers::NONE)
    }

    fn type_text(editor: &mut Editor, text: &str) {
        for c in text.chars() {
            plain(editor, KeyCode::Char(c));
        }
    }

    #[test]
    fn enter_breaks_the_line_and_alt_enter_sends() {
        let mut editor = Editor::default();
        type_text(&mut editor, "one");
        assert_eq!(plain(&mut editor, KeyCode::Enter), Action::Redraw);
        type_text(&mut editor, "two");
        let sent = press(&mut editor, KeyCode::Enter, KeyModifiers::ALT);
        assert_eq!(sent, Action::Submit("one\ntwo".into()));
        assert!(editor.buffer().is_empty());
    }

    #[test]
    fn escape_then_enter_sends_too() {
        let mut editor = Editor::default();
        type_text(&mut editor, "x");
        assert_eq!(plain(&mut editor, KeyCode::Esc), Action::None);
        assert_eq!(
            plain(&mut editor, KeyCode::Enter),
            Action::Submit("x".into())
        );
        type_text(&mut editor, "y");
        plain(&mut editor, KeyCode::Esc);
        plain(&mut editor, KeyCode::Left);
        assert_eq!(plain(&mut editor, KeyCode::Enter), Action::Redraw);
    }

    #[test]
    fn commands_need_enter_alone() {
        let mut editor = Editor::default();
        type_text(&mut editor, "/who");
        assert_eq!(
            plain(&mut editor, KeyCode::Enter),
            Action::Submit("/who".into())
        );
    }

    #[test]
    fn leaving_needs_an_empty_line() {
        let mut editor = Editor::default();
        type_text(&mut editor, "x");
        let control =
            |editor: &mut Editor, c| press(editor, KeyCode::Char(c), KeyModifiers::CONTROL);
        assert_eq!(control(&mut editor, 'd'), Action::Redraw);
        assert_eq!(
            control(&mut editor, 'c'),
            Action::Interrupt { had_text: true }
        );
        assert_eq!(control(&mut editor, 'd'), Action::Leave);
        // Nothing but blank lines is no message.
        plain(&mut editor, KeyCode::Enter);
        let sent = press(&mut editor, KeyCode::Enter, KeyModifiers::ALT);
        assert_eq!(sent, Action::Redraw);
    }

    #[test]
    fn what_was_typed_before_comes_back() {
        let mut editor = Editor::default();
        for text in ["a", "b"] {
            type_text(&mut editor, text);
            press(&mut editor, KeyCode::Enter, KeyModifiers::ALT);
        }
        type_text(&mut editor, "draft");
        for (code, text) in [
            (KeyCode::Up, "b"),
            (KeyCode::Up, "a"),
            (KeyCode::Up, "a"),
            (KeyCode::Down, "b"),
            (KeyCode::Down, "draft"),
            (KeyCode::Down, "draft"),
        ] {
            plain(&mut editor, code);
            assert_eq!(editor.buffer().text(), text);
        }
    }
}

//! What begins with a slash. In: a typed text. Out: what to do.

use crate::edge::wire::gc2::range::HISTORY_LIMIT_MAX;
use crate::term::session::Query;

/// Messages that `/history` shows if no number is given.
const HISTORY_DEFAULT: u16 = 50;

/// What `/help` and mistakes show.
pub(super) const HELP: &str = "Enter: new line   Alt+Enter, or Esc then Enter: send   arrow up: what you typed before\n\
    /who  who is here   /rooms  all rooms   /history [n]  older messages   /quit or Ctrl-D  leave\n\
    //text  sends /text";

/// What a typed text means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Typed {
    /// A message.
    Message(String),
    /// A question to the server.
    Ask(Query),
    /// Show the help.
    Help,
    /// Leave.
    Quit,
    /// Not understood; the text says why.
    Mistake(String),
}

/// Whether Enter alone ends this text: one line that begins with one slash.
pub(super) fn is_command(text: &str) -> bool {
    text.starts_with('/') && !text.starts_with("//") && !text.contains('\n')
}

/// Reads a typed text.
pub(super) fn read(text: String) -> Typed {
    if let Some(rest) = text.strip_prefix("//") {
        return Typed::Message(format!("/{rest}"));
    }
    if !is_command(&text) {
        return Typed::Message(text);
    }
    let mut words = text.split_whitespace();
    let command = words.next().unwrap_or("");
    let argument = words.next();
    match (command, argument) {
        ("/quit", None) => Typed::Quit,
        ("/help", None) => Typed::Help,
        ("/who", None) => Typed::Ask(Query::Who),
        ("/rooms", None) => Typed::Ask(Query::Rooms),
        ("/history", None) => Typed::Ask(Query::History(HISTORY_DEFAULT)),
        ("/history", Some(count)) => match count.parse() {
            Ok(count) if (1..=HISTORY_LIMIT_MAX).contains(&count) => {
                Typed::Ask(Query::History(count))
            }
            _ => Typed::Mistake(format!(
                "/history takes a number from 1 to {HISTORY_LIMIT_MAX}"
            )),
        },
        ("/quit" | "/help" | "/who" | "/rooms", Some(_)) => {
            Typed::Mistake(format!("{command} takes nothing behind it"))
        }
        _ => Typed::Mistake(format!(
            "{command} is no command; /help lists them, and //text sends /text"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_are_commands_or_escaped() {
        let read = |text: &str| read(text.to_owned());
        assert_eq!(read("hi"), Typed::Message("hi".into()));
        assert_eq!(read("//quit"), Typed::Message("/quit".into()));
        assert_eq!(read("/a\n/b"), Typed::Message("/a\n/b".into()));
        assert_eq!(read("/quit "), Typed::Quit);
        assert_eq!(read("/who"), Typed::Ask(Query::Who));
        assert_eq!(read("/history"), Typed::Ask(Query::History(50)));
        assert_eq!(read("/history 7"), Typed::Ask(Query::History(7)));
        for mistake in [
            "/history x",
            "/history 0",
            "/history 1001",
            "/usr/bin",
            "/who bob",
        ] {
            assert!(matches!(read(mistake), Typed::Mistake(_)), "{mistake}");
        }
        assert!(is_command("/x") && !is_command("//x") && !is_command("/x\ny"));
    }
}

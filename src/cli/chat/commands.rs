//! What begins with a slash. In: a typed text. Out: what to do.

use std::net::IpAddr;

use crate::edge::wire::gc2::range::HISTORY_LIMIT_MAX;
use crate::edge::wire::names::UserName;
use crate::term::session::{Query, RoomAction};

/// Messages that `/history` shows if no number is given.
const HISTORY_DEFAULT: u16 = 50;

/// What `/help` and mistakes show.
pub(super) const HELP: &str = "Enter: new line   Alt+Enter, or Esc then Enter: send   arrow up: what you typed before\n\
    /who  who is here   /rooms  all rooms   /history [n]  older messages   /quit or Ctrl-D  leave\n\
    /msg NAME TEXT  to one person alone   /topic TEXT   /private   /public   //text  sends /text\n\
    /invite NAME   /kick NAME   /ban NAME   /unban NAME   /mute NAME   /unmute NAME";

/// What a typed text means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Typed {
    /// A message.
    Message(String),
    /// A message to one person; `to` is `@name`.
    Tell {
        /// To whom.
        to: String,
        /// What.
        text: String,
    },
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
    let (command, rest) = text.split_once(char::is_whitespace).unwrap_or((&text, ""));
    let rest = rest.trim();
    if let Some(action) = action(command) {
        return manage(command, action, rest);
    }
    if command == "/msg" {
        return tell(rest);
    }
    match (command, rest.split_whitespace().next()) {
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

fn action(command: &str) -> Option<RoomAction> {
    Some(match command {
        "/topic" => RoomAction::Topic,
        "/invite" => RoomAction::Invite,
        "/kick" => RoomAction::Kick,
        "/ban" => RoomAction::Ban,
        "/unban" => RoomAction::Unban,
        "/mute" => RoomAction::Mute,
        "/unmute" => RoomAction::Unmute,
        "/private" => RoomAction::Private,
        "/public" => RoomAction::Public,
        _ => return None,
    })
}

/// Whether somebody may do it is the server's matter; a slip of the finger is told here.
fn manage(command: &str, action: RoomAction, rest: &str) -> Typed {
    let argument = match action {
        RoomAction::Private | RoomAction::Public if rest.is_empty() => Ok(""),
        RoomAction::Private | RoomAction::Public => {
            return Typed::Mistake(format!("{command} takes nothing behind it"));
        }
        RoomAction::Topic if rest.is_empty() => {
            return Typed::Mistake("write /topic TEXT".to_owned());
        }
        RoomAction::Topic => Ok(rest),
        // An address can be shut out as well.
        RoomAction::Ban | RoomAction::Unban if rest.parse::<IpAddr>().is_ok() => Ok(rest),
        _ => name(rest),
    };
    match argument {
        Ok(argument) => Typed::Ask(Query::Manage {
            action,
            argument: argument.to_owned(),
        }),
        Err(why) => Typed::Mistake(format!("write {command} NAME; {why}")),
    }
}

fn tell(rest: &str) -> Typed {
    let (to, text) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    match name(to) {
        Err(why) => Typed::Mistake(format!("write /msg NAME TEXT; {why}")),
        Ok(_) if text.trim().is_empty() => Typed::Mistake("write /msg NAME TEXT".to_owned()),
        Ok(to) => Typed::Tell {
            to: format!("@{to}"),
            text: text.trim_start().to_owned(),
        },
    }
}

/// A user's name, with or without `@`.
fn name(text: &str) -> Result<&str, String> {
    let name = text.strip_prefix('@').unwrap_or(text);
    UserName::parse(name)
        .map(|_| name)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_managed_by_name() {
        let read = |text: &str| read(text.to_owned());
        for (text, action, argument) in [
            ("/topic  what; we do ", RoomAction::Topic, "what; we do"),
            ("/invite bob", RoomAction::Invite, "bob"),
            ("/kick @bob ", RoomAction::Kick, "bob"),
            ("/ban ::1", RoomAction::Ban, "::1"),
            ("/unban Bob", RoomAction::Unban, "Bob"),
            ("/mute b.b", RoomAction::Mute, "b.b"),
            ("/unmute bob", RoomAction::Unmute, "bob"),
            ("/private", RoomAction::Private, ""),
            ("/public ", RoomAction::Public, ""),
        ] {
            let argument = argument.to_owned();
            assert_eq!(
                read(text),
                Typed::Ask(Query::Manage { action, argument }),
                "{text}"
            );
        }
        let (to, text) = ("@bob".to_owned(), "hi  there".to_owned());
        assert_eq!(read("/msg bob hi  there"), Typed::Tell { to, text });
        for mistake in [
            "/topic",
            "/topic ",
            "/invite",
            "/kick a b",
            "/kick 10.0.0.1:5",
            "/kick ::1",
            "/ban a;b",
            "/mute @",
            "/private bob",
            "/public now",
            "/msg",
            "/msg bob",
            "/msg bob  ",
            "/msg a;b hi",
            "/msg @@bob hi",
        ] {
            assert!(matches!(read(mistake), Typed::Mistake(_)), "{mistake}");
        }
    }

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

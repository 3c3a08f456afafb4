//! The verbs that are answered at once, and where the others go.

use crate::edge::wire::gc2::command::{Command, VERSION};
use crate::edge::wire::gc2::options::Options;
use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::edge::wire::gc2::reply;
use crate::edge::wire::gc2::text::TagText;
use crate::hub::session::Ending;

use super::Client;

pub(super) const LOG_IN_FIRST: &str = "log in first, for example: AUTH;1;GUEST;yourname";

impl Client {
    /// Carries out any command but SEND.
    pub(super) fn obey(&mut self, command: Command<'_>) {
        let tag = command.tag();
        let needs_log_in = !matches!(
            command,
            Command::Hello { .. }
                | Command::Auth { .. }
                | Command::Ping { .. }
                | Command::Pong { .. }
                | Command::Bye { .. }
                | Command::Register { .. }
        );
        if needs_log_in && !self.seat.is_known() {
            self.refuse(tag.as_str(), ErrorCode::Unauthenticated, LOG_IN_FIRST);
            return;
        }
        match command {
            Command::Hello {
                tag,
                version: _,
                client: _,
                options,
            } => self.greet(tag, options),
            Command::Auth {
                tag,
                mechanism,
                data,
            } => self.log_in(tag, mechanism, data),
            Command::Register {
                tag,
                user,
                password,
                invite,
            } => self.register(tag, user, password, invite),
            Command::Passwd { tag, old, new } => self.change_password(tag, old, new),
            Command::Join { tag, room, from } => self.join(tag, room, from),
            Command::Part { tag, room } => self.part(tag, room.as_str()),
            Command::Send { .. } => {}
            Command::History {
                tag,
                target,
                range,
                limit,
            } => match self.room_of(target) {
                Ok(room) => self.read_history(tag, room, range, limit),
                Err((code, text)) => self.refuse(tag.as_str(), code, &text),
            },
            Command::Get { tag, id } => self.get(tag, id),
            Command::Delete { tag, id } => self.delete(tag, id),
            Command::Rooms { tag } => self.list_rooms(tag),
            Command::Who { tag, room } => self.list_members(tag, room),
            Command::Ping { tag, text } => {
                let (tag, text) = (tag.as_str(), text);
                self.reply(|out| reply::pong(out, tag, text));
            }
            // That a line came was noted when it was read.
            Command::Pong { .. } => {}
            Command::Bye { .. } => {
                self.reply(|out| reply::bye(out, "bye", 0));
                self.close(Ending::Left);
            }
            Command::Room {
                tag,
                room,
                action,
                argument,
            } => self.change_room(tag, room, action, argument),
        }
    }

    fn greet(&mut self, tag: TagText<'_>, options: Options) {
        let problem = if self.said_hello {
            Some("HELLO is said once")
        } else if self.seat.is_known() {
            Some("HELLO comes before AUTH")
        } else {
            None
        };
        if let Some(text) = problem {
            self.refuse(tag.as_str(), ErrorCode::Conflict, text);
            return;
        }
        self.said_hello = true;
        self.seat.set_body_form(options.body);
        self.seat.set_presence(options.presence);
        let session = format!("{:016x}", self.seat.client.session);
        let (tag, server) = (tag.as_str(), self.shard.config().server.name.clone());
        self.reply(|out| reply::welcome(out, tag, &server, &session, options));
        debug_assert_eq!(VERSION, "2");
    }
}

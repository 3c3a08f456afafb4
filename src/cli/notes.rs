//! What a person in a room has to know besides the messages.

use crate::edge::wire::escape::unescape_stored;
use crate::term::render::sanitized;
use crate::term::session::Event;

/// Makes notes of events. Owns what has been told, so that a long absence of the server is told once.
#[derive(Debug, Default)]
pub(super) struct Notes {
    lost: bool,
}

impl Notes {
    /// The note for `event`, if it needs one.
    pub(super) fn of(&mut self, event: &Event) -> Option<String> {
        Some(match event {
            Event::Entered { again: true, .. } => {
                self.lost = false;
                "connected again".to_owned()
            }
            Event::Lost { .. } if self.lost => return None,
            Event::Lost { why, .. } => {
                self.lost = true;
                format!("{why}; trying again until it works")
            }
            Event::Gap { first_kept } => {
                format!("older messages are no longer kept; the first one left is {first_kept}")
            }
            Event::Restored { last_seen } => format!(
                "the server's log ends before message {last_seen}, which was already seen: it was restored from an \
                 older copy; going on from now"
            ),
            Event::Topic { user, topic } => {
                let topic = unescape_stored(topic.as_bytes());
                let topic = String::from_utf8_lossy(&topic);
                match user.as_str() {
                    "" => format!("the topic is: {}", sanitized(&topic)),
                    user => format!("{} set the topic: {}", sanitized(user), sanitized(&topic)),
                }
            }
            Event::Complaint(error) => format!("{}: {}", error.code, sanitized(&error.text)),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_one_harmless_line() {
        let topic = Event::Topic {
            user: "ann".to_owned(),
            topic: r"a;b\nc\x1b[2J".to_owned(),
        };
        let text = Notes::default().of(&topic).unwrap();
        assert_eq!(text, "ann set the topic: a;b␊c␛[2J");
    }

    #[test]
    fn an_absence_is_told_once() {
        let mut notes = Notes::default();
        let lost = Event::Lost {
            why: "gone".to_owned(),
            retry_in: std::time::Duration::ZERO,
        };
        let back = Event::Entered {
            user: "ann".to_owned(),
            newest: 0,
            again: true,
        };
        assert!(notes.of(&lost).is_some());
        assert_eq!(notes.of(&lost), None);
        assert_eq!(notes.of(&back).as_deref(), Some("connected again"));
        assert!(notes.of(&lost).is_some());
    }
}

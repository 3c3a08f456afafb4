//! Only with the feature `fault-injection`: the verb `PROVOKE;{tag};{place}`, which makes an actor panic, so that tests can show from
//! outside that it is survived. With `at={place}` whoever passes that place next panics; `fired` tells how often each did, and `wild` and `calm` begin and end the drawing. In: a line. Out: a [`Provoke`] to the actor named, or a panic of this client.

use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::edge::wire::gc2::reply;
use crate::hub::Provoke;
use crate::ops::panic_at;

use super::Client;

impl Client {
    /// Returns whether the line was a PROVOKE, and so is done with.
    pub(super) fn provoke(&mut self, line: &[u8]) -> bool {
        let Some(rest) = line.strip_prefix(b"PROVOKE;") else {
            return false;
        };
        let rest = String::from_utf8_lossy(rest);
        let (tag, place) = rest.split_once(';').unwrap_or((&rest, ""));
        let links = self.shard.links();
        match place {
            "client" => panic!("provoked"),
            // What panics while it unwinds ends the process at once.
            "double" => {
                struct Second;
                impl Drop for Second {
                    fn drop(&mut self) {
                        panic!("provoked while it unwinds");
                    }
                }
                let _second = Second;
                panic!("provoked");
            }
            "room" => links.room.do_send(Provoke("room")),
            "half-heard" => links.room.do_send(Provoke("half-heard")),
            "unnoted" => links.room.do_send(Provoke("unnoted")),
            "half-applied" => links.room.do_send(Provoke("half-applied")),
            "registry" => links.registry.do_send(Provoke("registry")),
            "before-write" => links.registry.do_send(Provoke("before-write")),
            "after-write" => links.registry.do_send(Provoke("after-write")),
            "half-announced" => links.registry.do_send(Provoke("half-announced")),
            "codec" => links.codec.do_send(Provoke("codec")),
            "sessions" => links.sessions.do_send(Provoke("sessions")),
            "auth" => links.auth.do_send(Provoke("auth")),
            "heartbeat" => {
                if let Some(heartbeat) = self.shard.heartbeat() {
                    heartbeat.do_send(Provoke("heartbeat"));
                }
            }
            "gate" | "original-clients" => {
                if let Some(gate) = &links.legacy_faults {
                    let all = place == "original-clients";
                    gate.do_send(Provoke(if all { "original-clients" } else { "gate" }));
                }
            }
            "log" => links.log.do_send(Provoke("log")),
            "before-commit" => links.log.do_send(Provoke("before-commit")),
            "after-commit" => links.log.do_send(Provoke("after-commit")),
            "half-told" => links.log.do_send(Provoke("half-told")),
            "fired" => {
                let fired = panic_at::fired();
                let fired: Vec<String> = fired.iter().map(|(at, n)| format!("{at}={n}")).collect();
                self.reply(|out| reply::ok(out, tag, &[fired.join(",").as_str()]));
                return true;
            }
            "wild" => panic_at::draw(true),
            "calm" => panic_at::draw(false),
            at if at.starts_with("at=") => panic_at::set_anywhere(&at["at=".len()..]),
            _ => {
                self.refuse(tag, ErrorCode::BadRequest, "there is no such place");
                return true;
            }
        }
        self.reply(|out| reply::ok(out, tag, &[place]));
        true
    }
}

//! Log-ins with wrong passwords from one address, at a steady rate, each on a connection of its own; every other one for a name that nobody
//! has. Out: how many were answered with what.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::crowd::{Crowd, Heard, address_of};
use crate::people::People;

/// How late the last answer may be: the queue of passwords is some seconds long.
const DEADLINE: Duration = Duration::from_secs(30);
/// What an attempt may be answered with, and what that is called.
const ANSWERS: [(&str, &str); 3] = [
    ("unauthenticated", "said to be wrong"),
    ("rate-limited", "told to slow down"),
    ("unavailable", "told that too many wait"),
];
const CLOSED: usize = ANSWERS.len();

/// See the module.
pub(super) struct Flood {
    crowd: Crowd,
    source: Ipv4Addr,
    rate: u32,
    begun: Instant,
    sent: u64,
    /// Numbers of sockets that nobody has.
    free: Vec<usize>,
    /// By number, whether there was no answer yet.
    waits: Vec<bool>,
    /// One for each of [`ANSWERS`], and those that were closed without any.
    answers: [u64; CLOSED + 1],
}

impl Flood {
    /// From the address of the client `number`, which is nobody else's.
    pub(super) fn new(server: SocketAddrV4, rate: u32, number: usize) -> Result<Self> {
        Ok(Self {
            crowd: Crowd::new(server)?,
            source: address_of(number)?,
            rate,
            begun: Instant::now(),
            sent: 0,
            free: Vec::new(),
            waits: Vec::new(),
            answers: [0; CLOSED + 1],
        })
    }

    /// Makes the attempts that are due, and hears what became of others.
    pub(super) fn turn(&mut self, people: &People) -> Result<()> {
        let due = (self.begun.elapsed().as_secs_f64() * f64::from(self.rate)) as u64;
        while self.sent < due {
            let number = self.free.pop().unwrap_or_else(|| {
                self.waits.push(false);
                self.waits.len() - 1
            });
            self.waits[number] = true;
            let words = attempt(self.sent, people);
            self.crowd.open(number, self.source, words)?;
            self.sent += 1;
        }
        self.hear(Duration::ZERO)
    }

    /// Waits for the last answers; what was answered how often.
    pub(super) fn finish(mut self) -> Result<Vec<(&'static str, u64)>> {
        let deadline = Instant::now() + DEADLINE;
        while self.crowd.open_sockets() > 0 {
            self.hear(Duration::from_millis(100))?;
            ensure!(
                Instant::now() < deadline,
                "{} of {} attempts got no answer",
                self.crowd.open_sockets(),
                self.sent
            );
        }
        let answered: u64 = self.answers.iter().sum();
        ensure!(
            answered == self.sent,
            "{} attempts were made and {answered} answered",
            self.sent
        );
        let names = ANSWERS.map(|(_, name)| name);
        let names = names.into_iter().chain(["closed without an answer"]);
        Ok(names.zip(self.answers).collect())
    }

    fn hear(&mut self, timeout: Duration) -> Result<()> {
        let mut heard = Vec::new();
        self.crowd.turn(timeout, &mut heard)?;
        for (number, what) in heard {
            // What comes behind an answer, a BYE for instance, is none.
            if !std::mem::take(&mut self.waits[number]) {
                continue;
            }
            let answer = match what {
                Heard::Line(line) => answer(&line)?,
                Heard::Closed(_) => CLOSED,
            };
            self.answers[answer] += 1;
            self.crowd.close(number);
            self.free.push(number);
        }
        Ok(())
    }
}

fn attempt(number: u64, people: &People) -> Vec<u8> {
    let somebody = &people.people[number as usize / 2 % people.people.len()].name;
    let nobody = number % 2 == 1;
    let name = match nobody {
        true => format!("nobody-{number}"),
        false => somebody.to_string(),
    };
    let message = format!("\0{name}\0wrong password {number}");
    format!("AUTH;a;PLAIN;{}\n", STANDARD.encode(message)).into_bytes()
}

/// Which of [`ANSWERS`] it is.
fn answer(line: &[u8]) -> Result<usize> {
    let text = String::from_utf8_lossy(line);
    // Its password waited for longer than it may take to log in.
    if text.starts_with("ERR;;unauthenticated;") || text.starts_with("BYE;timeout;") {
        return Ok(CLOSED);
    }
    // Whoever is refused at the door has no tag yet.
    let rest = text
        .strip_prefix("ERR;a;")
        .or_else(|| text.strip_prefix("ERR;;"));
    let Some(rest) = rest else {
        bail!("a wrong password was answered with {text}");
    };
    let code = rest.split(';').next().unwrap_or_default();
    ANSWERS
        .iter()
        .position(|(known, _)| *known == code)
        .with_context(|| format!("a wrong password was answered with {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_refusals_are_answers() {
        assert_eq!(answer(b"ERR;a;unauthenticated;wrong").unwrap(), 0);
        assert_eq!(answer(b"ERR;;unavailable;full").unwrap(), 2);
        assert_eq!(answer(b"ERR;;unauthenticated;late").unwrap(), CLOSED);
        for bad in ["OK;a;person-000001;", "ERR;a;bad-request;x", "BYE;full;1"] {
            assert!(answer(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}

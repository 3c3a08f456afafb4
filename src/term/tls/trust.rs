//! Whether a certificate is believed, as a pure decision. In: what was shown, what vouches for it, what was accepted
//! before. Out: nothing, or a [`Distrust`] that says in a person's words what this can mean and what to do.

use std::fmt;
use std::path::PathBuf;

use chrono::{DateTime, Utc};

use super::Authorities;
use super::fingerprint::Fingerprint;
use crate::term::render::sanitized;

/// What a client knows before it meets a server.
#[derive(Debug, Clone)]
pub struct Trust {
    /// `host:port` as it was asked for.
    pub server: String,
    /// Who may vouch for it.
    pub authorities: Authorities,
    /// Whether the authorities were named on the command line: then nobody is asked about strangers.
    pub authorities_only: bool,
    /// The certificate that was accepted before.
    pub pin: Option<Fingerprint>,
    /// The certificate that the person names now; decides alone.
    pub named: Option<Fingerprint>,
    /// The file of the pins, for the texts.
    pub pins_file: Option<PathBuf>,
}

/// What a server showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// Its certificate.
    pub print: Fingerprint,
    /// Begin and end of its validity, in Unix seconds.
    pub valid: (i64, i64),
    /// Now, in Unix seconds.
    pub now: i64,
    /// What the authorities say.
    pub chain: Chain,
}

/// What the authorities say of a certificate, its dates apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chain {
    /// They vouch for it and for the name.
    Good,
    /// They vouch for it, but not under this name.
    OtherName,
    /// They do not know it.
    Unknown,
    /// It cannot be used at all.
    Unusable,
}

/// A certificate that is not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distrust {
    /// `host:port` as it was asked for.
    pub server: String,
    /// What was shown.
    pub print: Fingerprint,
    /// Why it is not believed.
    pub why: Why,
}

/// Why a certificate is not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// Nobody vouches for it, and it was never seen: the one case in which a person may be asked.
    FirstMeeting,
    /// The named authorities do not vouch for it.
    NotByAuthority,
    /// It is for another name.
    OtherName,
    /// It is not the one that was accepted before.
    Changed {
        /// That one.
        before: Fingerprint,
        /// Where it is kept.
        file: Option<PathBuf>,
    },
    /// It is not the one that was named.
    NotNamed {
        /// That one.
        named: Fingerprint,
    },
    /// Its time is over.
    Expired {
        /// Unix seconds.
        since: i64,
        /// Unix seconds.
        now: i64,
    },
    /// Its time has not come.
    NotYet {
        /// Unix seconds.
        until: i64,
        /// Unix seconds.
        now: i64,
    },
    /// It cannot be used at all.
    Unusable,
}

impl Trust {
    /// Decides about a certificate.
    pub fn decide(&self, shown: &Shown) -> Result<(), Distrust> {
        self.why_not(shown).map_or(Ok(()), |why| {
            Err(Distrust {
                server: self.server.clone(),
                print: shown.print,
                why,
            })
        })
    }

    fn why_not(&self, shown: &Shown) -> Option<Why> {
        if let Some(named) = self.named {
            // Whoever names this very certificate has looked at it now; nothing that it says of itself adds to that.
            return (named != shown.print).then_some(Why::NotNamed { named });
        }
        if let Some(before) = self.pin
            && before != shown.print
        {
            // Also where an authority vouches for the new one: a pin was the person's own decision, and an authority that
            // errs, or is made to, is one of the things that it protects from.
            let file = self.pins_file.clone();
            return Some(Why::Changed { before, file });
        }
        let (from, to) = shown.valid;
        // A pin says which certificate, not for how long. The date is the server's own word on how long its key deserves
        // belief: a key from a discarded disk or an old backup would otherwise be good for ever at everybody who once
        // accepted it. A new certificate is one command at the server, and --trust is there for whoever knows better.
        if shown.now > to {
            return Some(Why::Expired {
                since: to,
                now: shown.now,
            });
        }
        if shown.now < from {
            return Some(Why::NotYet {
                until: from,
                now: shown.now,
            });
        }
        match shown.chain {
            _ if self.pin.is_some() => None,
            Chain::Good => None,
            Chain::OtherName => Some(Why::OtherName),
            Chain::Unknown if self.authorities_only => Some(Why::NotByAuthority),
            Chain::Unknown => Some(Why::FirstMeeting),
            Chain::Unusable => Some(Why::Unusable),
        }
    }
}

impl std::error::Error for Distrust {}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = sanitized(&self.server);
        let print = self.print;
        match &self.why {
            Why::FirstMeeting => write!(
                f,
                "the certificate of {server} is not known here, and no authority vouches for it\n  \
                 fingerprint  sha256:{print}\n  \
                 Compare it with what `gencomm certs show` prints on the server. If they are the same, call again with\n  \
                 --trust {print}"
            ),
            Why::NotByAuthority => write!(
                f,
                "the certificate of {server} is not signed by an authority in the file of --ca\n  \
                 fingerprint  sha256:{print}"
            ),
            Why::OtherName => write!(
                f,
                "the certificate of {server} is for another name\n  \
                 fingerprint  sha256:{print}\n  \
                 Call the server by the name in its certificate; if you know this certificate, use --trust {print}"
            ),
            Why::Changed { before, file } => {
                write!(
                    f,
                    "THE CERTIFICATE OF {server} HAS CHANGED. NOTHING WAS SENT.\n  \
                     before  sha256:{before}\n  \
                     now     sha256:{print}\n  \
                     Either whoever runs the server has made a new one, or somebody sits between and reads along.\n  \
                     Ask them, by another way than this one, what `gencomm certs show` prints on the server. Only if it is\n  \
                     the second one: --trust {print}"
                )?;
                match file {
                    Some(file) => write!(
                        f,
                        "\n  (or remove the line of {server} from {})",
                        file.display()
                    ),
                    None => Ok(()),
                }
            }
            Why::NotNamed { named } => write!(
                f,
                "the certificate of {server} is not the one that --trust names\n  \
                 named  sha256:{named}\n  \
                 shown  sha256:{print}"
            ),
            Why::Expired { since, now } => write!(
                f,
                "the certificate of {server} expired on {} (now is {})\n  \
                 fingerprint  sha256:{print}\n  \
                 Whoever runs the server makes a new one with `gencomm certs make`; is this machine's clock right?",
                date(*since),
                date(*now)
            ),
            Why::NotYet { until, now } => write!(
                f,
                "the certificate of {server} is valid from {} on (now is {})\n  \
                 fingerprint  sha256:{print}\n  \
                 Is this machine's clock right?",
                date(*until),
                date(*now)
            ),
            Why::Unusable => write!(
                f,
                "the certificate of {server} cannot be used: it is damaged or of a kind that is not for servers\n  \
                 fingerprint  sha256:{print}"
            ),
        }
    }
}

fn date(seconds: i64) -> String {
    match DateTime::<Utc>::from_timestamp(seconds, 0) {
        Some(time) => time.format("%Y-%m-%d %H:%M UTC").to_string(),
        None => format!("second {seconds} of Unix time"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is decided, for every combination of what matters.
    #[test]
    fn every_case_has_its_answer() {
        let (print, other) = (Fingerprint::of(b"a"), Fingerprint::of(b"b"));
        let now = 1_800_000_000;
        let (fresh, old, early) = ((now - 9, now + 9), (now - 9, now - 1), (now + 1, now + 9));
        let expired = Why::Expired {
            since: now - 1,
            now,
        };
        let not_yet = Why::NotYet {
            until: now + 1,
            now,
        };
        let changed = Why::Changed {
            before: other,
            file: None,
        };
        let not_named = Why::NotNamed { named: other };
        for (pin, named, only, chain, valid, expected) in [
            (None, None, false, Chain::Good, fresh, None),
            (None, None, true, Chain::Good, fresh, None),
            (None, None, false, Chain::Good, old, Some(&expired)),
            (None, None, false, Chain::Good, early, Some(&not_yet)),
            (
                None,
                None,
                false,
                Chain::OtherName,
                fresh,
                Some(&Why::OtherName),
            ),
            (
                None,
                None,
                false,
                Chain::Unknown,
                fresh,
                Some(&Why::FirstMeeting),
            ),
            (
                None,
                None,
                true,
                Chain::Unknown,
                fresh,
                Some(&Why::NotByAuthority),
            ),
            (None, None, false, Chain::Unknown, old, Some(&expired)),
            (
                None,
                None,
                false,
                Chain::Unusable,
                fresh,
                Some(&Why::Unusable),
            ),
            (Some(print), None, false, Chain::Unknown, fresh, None),
            (Some(print), None, false, Chain::OtherName, fresh, None),
            (
                Some(print),
                None,
                false,
                Chain::Unknown,
                old,
                Some(&expired),
            ),
            (
                Some(print),
                None,
                false,
                Chain::Unknown,
                early,
                Some(&not_yet),
            ),
            (
                Some(other),
                None,
                false,
                Chain::Unknown,
                fresh,
                Some(&changed),
            ),
            (Some(other), None, false, Chain::Good, fresh, Some(&changed)),
            (Some(other), None, false, Chain::Good, old, Some(&changed)),
            (None, Some(print), false, Chain::Unknown, fresh, None),
            (None, Some(print), false, Chain::OtherName, old, None),
            (Some(other), Some(print), false, Chain::Unknown, early, None),
            (
                Some(print),
                Some(other),
                false,
                Chain::Good,
                fresh,
                Some(&not_named),
            ),
        ] {
            let trust = Trust {
                server: "chat.example:1".to_owned(),
                authorities: Authorities::none(),
                authorities_only: only,
                pin,
                named,
                pins_file: None,
            };
            let shown = Shown {
                print,
                valid,
                now,
                chain,
            };
            let why = trust.decide(&shown).err().map(|distrust| distrust.why);
            assert_eq!(why.as_ref(), expected, "{pin:?} {named:?} {shown:?}");
        }
    }

    #[test]
    fn texts_say_what_to_do() {
        let print = Fingerprint::of(b"a");
        let text = |why| {
            let server = "chat.example:1".to_owned();
            Distrust { server, print, why }.to_string()
        };
        let first = text(Why::FirstMeeting);
        assert!(
            first.contains("gencomm certs show") && first.contains(&format!("--trust {print}"))
        );
        let changed = text(Why::Changed {
            before: Fingerprint::of(b"b"),
            file: Some("x/known_servers".into()),
        });
        for part in [
            "HAS CHANGED",
            "somebody sits between",
            "--trust",
            "x/known_servers",
        ] {
            assert!(changed.contains(part), "{changed}");
        }
        let expired = text(Why::Expired {
            since: 0,
            now: 1_800_000_000,
        });
        assert!(
            expired.contains("1970-01-01 00:00 UTC") && expired.contains("2027-01-15"),
            "{expired}"
        );
    }
}

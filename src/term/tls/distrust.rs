//! A certificate that is not believed, in the words of a person: what it can mean, and what to do.

use std::fmt;
use std::path::PathBuf;

use chrono::{DateTime, Utc};

use super::fingerprint::Fingerprint;
use crate::term::render::sanitized;

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

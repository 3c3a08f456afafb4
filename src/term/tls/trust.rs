//! Whether a certificate is believed, as a pure decision. In: what was shown, what vouches for it, what was accepted
//! before. Out: nothing, or a [`Distrust`].

use std::path::PathBuf;

use super::Authorities;
use super::distrust::{Distrust, Why};
use super::fingerprint::Fingerprint;

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
}

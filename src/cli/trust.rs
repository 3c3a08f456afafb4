//! Meeting a server: whom to believe, and what to do about a certificate that is not known yet.

use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};

use super::args::ServerArgs;
use super::output::{Failure, say};
use crate::term::dialer::Dialer;
use crate::term::endpoint::is_loopback;
use crate::term::error::TermError;
use crate::term::tls::distrust::Why;
use crate::term::tls::{self, Authorities, Distrust, Pins, Trust};

/// Longest answer to a question, in bytes.
const ANSWER_BYTES_MAX: u64 = 64;

/// How `server` (`host:port`) is called. `pins` is the file of the servers known before, if there is a place for it.
pub fn dialer(args: &ServerArgs, server: String, pins: Option<&Pins>) -> Result<Dialer, Failure> {
    let wanted = args.tls || args.trust.is_some() || args.ca.is_some();
    if args.plaintext || (!wanted && is_loopback(tls::host(&server))) {
        return Ok(Dialer::plaintext(server));
    }
    let authorities = match &args.ca {
        Some(file) => Authorities::of_file(file).map_err(Failure::Usage)?,
        None => Authorities::of_the_system(),
    };
    let pin = match pins {
        // What is named counts alone; a damaged line must not stand in its way.
        Some(pins) if args.trust.is_none() => pins.find(&server).map_err(Failure::Failed)?,
        _ => None,
    };
    let trust = Trust {
        server,
        authorities,
        authorities_only: args.ca.is_some(),
        pin,
        named: args.trust,
        pins_file: pins.map(|pins| pins.file().to_owned()),
    };
    Dialer::tls(trust).map_err(Failure::Usage)
}

/// Connects, so that whatever is to be asked is asked before anything else begins. `ask` shows a certificate that is met for
/// the first time and says whether it is accepted, or `None` if nobody is there to ask. Returns what to go on with.
pub async fn meet(
    dialer: Dialer,
    args: &ServerArgs,
    pins: Option<&Pins>,
    ask: impl FnOnce(&Distrust) -> Option<bool>,
) -> Result<Dialer, Failure> {
    if !dialer.uses_tls() {
        return Ok(dialer);
    }
    match dialer.open_ahead().await {
        Ok(()) => {
            if let Some(print) = args.trust {
                keep(&dialer, pins, print);
            }
            Ok(dialer)
        }
        Err(TermError::Distrusted(distrust)) if distrust.why == Why::FirstMeeting => {
            match ask(&distrust) {
                Some(true) => {
                    let dialer = dialer.accepting(distrust.print).map_err(Failure::Failed)?;
                    keep(&dialer, pins, distrust.print);
                    dialer.open_ahead().await?;
                    Ok(dialer)
                }
                Some(false) => Err(Failure::Failed(
                    "the certificate was not accepted; nothing was sent".to_owned(),
                )),
                None => Err(TermError::Distrusted(distrust).into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// Asks on the terminal. `None` if there is none: then standard error is no terminal either, or has none behind it.
pub fn ask_on_terminal(distrust: &Distrust) -> Option<bool> {
    if !io::stderr().is_terminal() {
        return None;
    }
    let terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .ok()?;
    let question = format!(
        "The certificate of {} is not known here, and no authority vouches for it.\n  \
         fingerprint  sha256:{}\n\
         `gencomm certs show` prints it on the server. Is it the same one? [yes/no] ",
        distrust.server, distrust.print
    );
    (&terminal).write_all(question.as_bytes()).ok()?;
    Some(is_yes(&mut BufReader::new(&terminal)))
}

/// Only a whole word accepts: a key that was hit by mistake does not.
fn is_yes(answer: &mut impl BufRead) -> bool {
    let mut line = String::new();
    let read = answer.take(ANSWER_BYTES_MAX).read_line(&mut line);
    read.is_ok() && line.trim().eq_ignore_ascii_case("yes")
}

/// That a pin cannot be kept is no reason not to talk, but to say so.
fn keep(dialer: &Dialer, pins: Option<&Pins>, print: tls::Fingerprint) {
    let server = dialer.server();
    let kept = match pins {
        Some(pins) if pins.find(server) == Ok(Some(print)) => return,
        Some(pins) => pins.keep(server, print).map(|()| {
            format!(
                "the certificate of {server} is kept in {}",
                pins.file().display()
            )
        }),
        None => Err("there is no folder for it (HOME is not set)".to_owned()),
    };
    match kept {
        Ok(text) => say(&format!("gencomm: {text}")),
        Err(why) => say(&format!(
            "gencomm: the certificate of {server} counts for this time only: {why}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Cli, Command};
    use crate::term::tls::fake::{Identity, TlsServer};
    use clap::Parser;
    use std::cell::Cell;

    fn args(options: &str) -> ServerArgs {
        let line = format!("gencomm chat {options}");
        match Cli::try_parse_from(line.split_whitespace())
            .unwrap()
            .command
        {
            Command::Chat(args) => args.client.server,
            other => panic!("{other:?}"),
        }
    }

    /// Meets `server` with `options` and this answer to the question; returns the result and whether the question came.
    async fn met(
        server: &TlsServer,
        options: &str,
        pins: &Pins,
        answer: Option<bool>,
    ) -> (Result<Dialer, Failure>, bool) {
        let (args, asked) = (args(&format!("--tls {options}")), Cell::new(false));
        let dialer = dialer(&args, server.server(), Some(pins)).unwrap();
        let ask = |_: &Distrust| {
            asked.set(true);
            answer
        };
        let accept = async {
            loop {
                drop(server.accept().await);
            }
        };
        let met = tokio::select! {
            met = meet(dialer, &args, Some(pins), ask) => met,
            () = accept => unreachable!(),
        };
        (met, asked.get())
    }

    #[tokio::test]
    async fn a_stranger_is_asked_about_once() {
        let dir = tempfile::tempdir().unwrap();
        let pins = Pins::in_folder(dir.path());
        let (first, second) = (Identity::own(&["x"], |_| {}), Identity::own(&["x"], |_| {}));
        let mut server = TlsServer::bind(&first).await;
        let at = server.server();
        let text = |failure: Failure| failure.to_string();

        // Nobody there, or not accepted: nothing is kept.
        let (met_it, asked) = met(&server, "", &pins, None).await;
        let why = text(met_it.unwrap_err());
        assert!(
            asked && why.contains("gencomm certs show") && why.contains("--trust"),
            "{why}"
        );
        let (met_it, _) = met(&server, "", &pins, Some(false)).await;
        assert!(text(met_it.unwrap_err()).contains("nothing was sent"));
        assert_eq!(pins.find(&at), Ok(None));

        let (met_it, asked) = met(&server, "", &pins, Some(true)).await;
        assert!(met_it.is_ok() && asked);
        assert_eq!(pins.find(&at), Ok(Some(first.print())));
        let (met_it, asked) = met(&server, "", &pins, None).await;
        assert!(met_it.is_ok() && !asked);

        // Nobody is asked about a change.
        server.renew(&second);
        let (met_it, asked) = met(&server, "", &pins, Some(true)).await;
        let why = text(met_it.unwrap_err());
        assert!(!asked && why.contains("HAS CHANGED"), "{why}");
        let file = pins.file().display().to_string();
        assert!(why.contains(&file) && why.contains(&format!("--trust {}", second.print())));
        assert_eq!(pins.find(&at), Ok(Some(first.print())));

        // Naming it accepts it for the times to come.
        let (met_it, _) = met(&server, &format!("--trust {}", second.print()), &pins, None).await;
        assert!(met_it.is_ok());
        assert_eq!(pins.find(&at), Ok(Some(second.print())));
        let (met_it, _) = met(&server, "", &pins, None).await;
        assert!(met_it.is_ok());
        let (met_it, _) = met(&server, &format!("--trust {}", first.print()), &pins, None).await;
        assert!(text(met_it.unwrap_err()).contains("not the one that --trust names"));
    }

    #[tokio::test]
    async fn a_pin_that_cannot_be_kept_is_no_reason_not_to_talk() {
        let dir = tempfile::tempdir().unwrap();
        let pins = Pins::in_folder(dir.path());
        std::fs::write(pins.file(), "x".repeat(1 << 20)).unwrap();
        let identity = Identity::own(&["x"], |_| {});
        let server = TlsServer::bind(&identity).await;
        let named = format!("--trust {}", identity.print());
        let (met_it, asked) = met(&server, &named, &pins, None).await;
        assert!(met_it.is_ok() && !asked);
        // Without it, a file that cannot be read might hold a pin: it is not passed over.
        let refused = dialer(&args("--tls"), server.server(), Some(&pins));
        assert!(matches!(refused, Err(Failure::Failed(text)) if text.contains("longer than")));
        // No folder at all.
        let args = args("--tls");
        let dialer = dialer(&args, server.server(), None).unwrap();
        let accept = async {
            loop {
                drop(server.accept().await);
            }
        };
        tokio::select! {
            met = meet(dialer, &args, None, |_| Some(true)) => assert!(met.is_ok()),
            () = accept => unreachable!(),
        }
    }

    #[test]
    fn tls_is_used_unless_the_server_is_here() {
        let uses_tls = |options: &str, server: &str| {
            let dialer = dialer(&args(options), server.to_owned(), None).unwrap();
            dialer.uses_tls()
        };
        let print = tls::Fingerprint::of(b"x");
        assert!(!uses_tls("", "127.0.0.1:1") && !uses_tls("", "[::1]:1"));
        assert!(uses_tls("", "chat.example:1") && uses_tls("", "10.0.0.1:1"));
        assert!(uses_tls("--tls", "localhost:1"));
        assert!(uses_tls(&format!("--trust {print}"), "localhost:1"));
        assert!(!uses_tls("--plaintext", "chat.example:1"));
    }

    #[test]
    fn only_a_whole_yes_accepts() {
        for (answer, accepts) in [
            ("yes\n", true),
            (" YES \r\n", true),
            ("y\n", false),
            ("", false),
            ("\n", false),
            ("no\n", false),
            ("yes please\n", false),
            ("\u{fffd}\n", false),
        ] {
            assert_eq!(is_yes(&mut answer.as_bytes()), accepts, "{answer:?}");
        }
    }
}

//! Passwords on their way from a person or a pipe into a hash. They are never an argument, which everybody could read, and never
//! printed.

use std::io::{self, BufRead, Read};

use zeroize::Zeroizing;

use super::super::output::Failure;
use crate::edge::wire::names::UserName;
use crate::ops::config::Config;
use crate::store::accounts::Secrets;
use crate::store::accounts::secret::password::{self, BYTES_MAX, Params, PasswordError};
use crate::store::accounts::secret::scram;

/// A new password for `name`, asked for twice or read from standard input, that is good enough, as it is kept.
pub(super) fn new_password(
    config: &Config,
    name: &UserName,
    from_stdin: bool,
) -> Result<Secrets, Failure> {
    let password = match from_stdin {
        true => one_line(&mut io::stdin().lock())?,
        false => ask_twice(name)?,
    };
    password::check(&password, name.as_str(), &config.server.name).map_err(refused)?;
    secrets(config, &password).map_err(refused)
}

/// What is kept of a password under this configuration.
fn secrets(config: &Config, password: &str) -> Result<Secrets, PasswordError> {
    let auth = &config.auth;
    let params = Params {
        memory_kib: u32::try_from(auth.argon2_memory / 1024).unwrap_or(u32::MAX),
        passes: auth.argon2_passes,
        lanes: auth.argon2_lanes,
    };
    Ok(Secrets {
        password: Some(password::hash(password, params)?),
        scram: match auth.scram {
            true => Some(scram::derive(password, auth.scram_iterations)?),
            false => None,
        },
    })
}

fn refused(error: PasswordError) -> Failure {
    Failure::Failed(format!("{error}; nothing was changed"))
}

fn ask_twice(name: &UserName) -> Result<Zeroizing<String>, Failure> {
    let first = ask(&format!("New password for {name}: "))?;
    let second = ask("The same again: ")?;
    if first == second {
        return Ok(first);
    }
    Err(Failure::Failed(
        "those were two different passwords; nothing was changed".to_owned(),
    ))
}

fn ask(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    match rpassword::prompt_password(prompt) {
        Ok(password) => Ok(Zeroizing::new(password)),
        Err(error) => Err(Failure::Usage(format!(
            "there is no terminal to ask for the password on ({error}); give it with --password-stdin"
        ))),
    }
}

/// One line, and nothing behind it: who pipes more than one does not know which of them became the password.
fn one_line(input: &mut impl BufRead) -> Result<Zeroizing<String>, Failure> {
    let unreadable = |error: io::Error| {
        Failure::Failed(format!(
            "the password cannot be read from standard input: {error}"
        ))
    };
    // With one byte too many, so that what is too long is refused rather than cut, and with room for the end of the line.
    let bytes_max = BYTES_MAX + 1 + "\r\n".len();
    let mut bytes = Zeroizing::new(Vec::with_capacity(bytes_max));
    let mut piece = input.take(bytes_max as u64);
    piece.read_until(b'\n', &mut bytes).map_err(unreadable)?;
    let is_whole = bytes.last() == Some(&b'\n');
    if is_whole && !input.fill_buf().map_err(unreadable)?.is_empty() {
        return Err(Failure::Failed(
            "there is more than one line on standard input; give the password alone".to_owned(),
        ));
    }
    if bytes.is_empty() {
        return Err(Failure::Failed(
            "there is no password on standard input".to_owned(),
        ));
    }
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match std::str::from_utf8(line) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(Failure::Failed(
            "the password on standard input is not UTF-8".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<String, String> {
        let line = one_line(&mut io::Cursor::new(bytes));
        line.map(|text| text.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn one_line_is_the_password() {
        for (bytes, password) in [
            (&b"tuesday rain\n"[..], "tuesday rain"),
            (b"tuesday rain", "tuesday rain"),
            (b"tuesday rain\r\n", "tuesday rain"),
            (b" tuesday \r rain \n", " tuesday \r rain "),
            (b"\n", ""),
        ] {
            assert_eq!(read(bytes).as_deref(), Ok(password));
        }
        let long = "x".repeat(BYTES_MAX);
        assert_eq!(read(format!("{long}\r\n").as_bytes()), Ok(long));
    }

    #[test]
    fn anything_else_is_refused_and_not_repeated() {
        for bytes in [
            &b""[..],
            b"PLANTED\nPLANTED\n",
            b"PLANTED\n\n",
            b"PLANTED\xff\n",
        ] {
            let error = read(bytes).unwrap_err();
            assert!(!error.contains("PLANTED"), "{error}");
        }
        // Too long is still too long behind the bound.
        let huge = read("x".repeat(10 << 20).as_bytes()).unwrap();
        assert!(huge.len() > BYTES_MAX);
    }

    #[test]
    fn a_verifier_is_made_where_scram_is_on() {
        let mut config = Config::built_in();
        config.auth.argon2_memory = 64 << 10;
        let made = secrets(&config, "tuesday rain").unwrap();
        assert!(made.scram.is_none());
        assert!(
            made.password
                .is_some_and(|phc| phc.contains("m=64,t=2,p=1"))
        );
        config.auth.scram = true;
        config.auth.scram_iterations = 5000;
        let made = secrets(&config, "tuesday rain").unwrap();
        assert_eq!(made.scram.map(|scram| scram.iterations), Some(5000));
    }
}

//! Passwords and tokens: from the terminal without echo, from standard input, from a file, from the environment. Never from
//! an argument. What is read lives in memory that is cleared.

use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read};
use std::path::Path;

use zeroize::Zeroizing;

use super::args::SecretArgs;
use super::output::Failure;
use crate::edge::wire::names::UserName;
use crate::term::login::{Credentials, Secret};

/// Longest secret, in bytes.
pub const SECRET_BYTES_MAX: usize = 1024;
/// A password, for programs.
const PASSWORD_VARIABLE: &str = "GENCOMM_PASSWORD";
/// A token, for programs.
const TOKEN_VARIABLE: &str = "GENCOMM_TOKEN";
/// The code of an invitation to `gencomm register`.
pub const INVITE_VARIABLE: &str = "GENCOMM_INVITE";

/// A secret in memory.
pub type Text = Zeroizing<String>;

/// The proof of `user` towards `server` (for the prompt), as the options and the environment give it.
pub fn credentials(
    args: &SecretArgs,
    user: UserName,
    server: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Credentials, Failure> {
    let set = |name| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(Text::new)
    };
    let password = if args.ask_password {
        Some(asked(&format!("Password of {user} at {server}: "))?)
    } else if args.password_stdin {
        Some(piped("password")?)
    } else {
        None
    };
    let token = match &args.token_file {
        Some(file) => Some(in_file(file)?),
        None => None,
    };
    let (password, token) = match (password, token) {
        (None, None) => (set(PASSWORD_VARIABLE), set(TOKEN_VARIABLE)),
        given => given,
    };
    let secret = match (password, token) {
        (Some(_), Some(_)) => {
            return Err(Failure::Usage(format!(
                "{PASSWORD_VARIABLE} and {TOKEN_VARIABLE} are both set; which one is meant?"
            )));
        }
        (Some(password), None) => Secret::Password {
            password,
            mechanism: args.mechanism.unwrap_or_default(),
        },
        (None, _) if args.mechanism.is_some() => {
            return Err(Failure::Usage(
                "--mechanism is about a password, and there is none; ask for it with -p".to_owned(),
            ));
        }
        (None, Some(token)) => Secret::Token(token),
        (None, None) => Secret::Guest,
    };
    Ok(Credentials { user, secret })
}

/// The code of an invitation, from a file or from the environment, if there is one.
pub fn invitation(
    file: Option<&Path>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Text>, Failure> {
    match file {
        Some(file) => in_file(file).map(Some),
        None => Ok(variable(INVITE_VARIABLE)
            .filter(|code| !code.is_empty())
            .map(Text::new)),
    }
}

/// Asks on the terminal, without echo, also where standard input is a pipe.
pub fn asked(prompt: &str) -> Result<Text, Failure> {
    let text = rpassword::prompt_password(prompt)
        .map(Text::new)
        .map_err(|error| {
            Failure::Failed(format!(
                "the password cannot be asked for: {error}; without a terminal use --password-stdin"
            ))
        })?;
    checked(text, "password")
}

/// Asks for a new password, twice.
pub fn asked_twice(prompt: &str) -> Result<Text, Failure> {
    let first = asked(prompt)?;
    if *first == *asked("The same again: ")? {
        Ok(first)
    } else {
        Err(Failure::Failed(
            "these are two different passwords; nothing was changed".to_owned(),
        ))
    }
}

/// The next line of standard input; what is behind it stays there. `what` names it for a person.
pub fn piped(what: &str) -> Result<Text, Failure> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Err(Failure::Usage(format!(
            "--password-stdin is for pipes: the {what} would be seen on the screen"
        )));
    }
    line(&mut stdin.lock(), what)
}

fn line(source: &mut impl BufRead, what: &str) -> Result<Text, Failure> {
    let failed = |why: &dyn std::fmt::Display| {
        Failure::Failed(format!(
            "the {what} cannot be read from standard input: {why}"
        ))
    };
    // All the room at once, because growing would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_BYTES_MAX + 2));
    source
        .take(SECRET_BYTES_MAX as u64 + 2)
        .read_until(b'\n', &mut bytes)
        .map_err(|error| failed(&error))?;
    if bytes.is_empty() {
        return Err(failed(&"it ends before"));
    }
    while matches!(bytes.last(), Some(b'\n' | b'\r')) {
        bytes.pop();
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| failed(&"it is not UTF-8"))?;
    checked(Text::new(text.to_owned()), what)
}

fn in_file(path: &Path) -> Result<Text, Failure> {
    let failed = |why: &dyn std::fmt::Display| {
        Failure::Failed(format!(
            "the token cannot be read from {}: {why}",
            path.display()
        ))
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_BYTES_MAX + 2));
    File::open(path)
        .and_then(|file| {
            file.take(SECRET_BYTES_MAX as u64 + 2)
                .read_to_end(&mut bytes)
        })
        .map_err(|error| failed(&error))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| failed(&"it is not UTF-8"))?;
    checked(Text::new(text.trim().to_owned()), "token")
}

fn checked(text: Text, what: &str) -> Result<Text, Failure> {
    if text.is_empty() {
        return Err(Failure::Failed(format!("the {what} is empty")));
    }
    if text.len() > SECRET_BYTES_MAX {
        return Err(Failure::Failed(format!(
            "the {what} is longer than {SECRET_BYTES_MAX} bytes"
        )));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::login::Mechanism;

    fn given(args: &SecretArgs, variables: &[(&str, &str)]) -> Result<Credentials, Failure> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let user = UserName::parse("ann").unwrap();
        credentials(args, user, "a:1", variable)
    }

    fn nothing() -> SecretArgs {
        SecretArgs {
            ask_password: false,
            password_stdin: false,
            token_file: None,
            mechanism: None,
        }
    }

    #[test]
    fn the_environment_counts_where_no_option_does() {
        let secret = |variables: &[_]| given(&nothing(), variables).unwrap().secret;
        assert!(matches!(secret(&[]), Secret::Guest));
        assert!(matches!(secret(&[(PASSWORD_VARIABLE, "")]), Secret::Guest));
        assert!(matches!(
            secret(&[(PASSWORD_VARIABLE, "s")]),
            Secret::Password { password, mechanism: Mechanism::Plain } if *password == "s"
        ));
        assert!(matches!(secret(&[(TOKEN_VARIABLE, "t")]), Secret::Token(token) if *token == "t"));
        let both = given(
            &nothing(),
            &[(PASSWORD_VARIABLE, "s"), (TOKEN_VARIABLE, "t")],
        );
        assert!(matches!(both, Err(Failure::Usage(_))));
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        std::fs::write(&file, " gct_x\n").unwrap();
        let args = SecretArgs {
            token_file: Some(file),
            ..nothing()
        };
        let secret = given(&args, &[(PASSWORD_VARIABLE, "s")]).unwrap().secret;
        assert!(matches!(secret, Secret::Token(token) if *token == "gct_x"));
    }

    #[test]
    fn a_mechanism_without_a_password_is_a_mistake() {
        let args = SecretArgs {
            mechanism: Some(Mechanism::Scram),
            ..nothing()
        };
        assert!(matches!(given(&args, &[]), Err(Failure::Usage(_))));
        assert!(matches!(
            given(&args, &[(TOKEN_VARIABLE, "t")]),
            Err(Failure::Usage(_))
        ));
        assert!(matches!(
            given(&args, &[(PASSWORD_VARIABLE, "s")]).unwrap().secret,
            Secret::Password {
                mechanism: Mechanism::Scram,
                ..
            }
        ));
    }

    #[test]
    fn one_line_is_read_and_the_rest_is_left() {
        let mut source = io::Cursor::new(b"s3cret pass \r\nnew\nrest".to_vec());
        assert_eq!(*line(&mut source, "password").unwrap(), "s3cret pass ");
        assert_eq!(*line(&mut source, "password").unwrap(), "new");
        let mut rest = String::new();
        source.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "rest");
        for bad in [
            &b""[..],
            b"\n",
            b"\r\nx",
            b"s3cret\xff\n",
            &[b'x'; 10 << 20],
        ] {
            let error = line(&mut &bad[..], "password").unwrap_err().to_string();
            assert!(
                error.contains("password") && !error.contains("s3cret"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_file_that_is_no_token_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        assert!(in_file(&file).is_err() && in_file(dir.path()).is_err());
        for bad in [&b" \n"[..], b"\xff", &[b'x'; 5000]] {
            std::fs::write(&file, bad).unwrap();
            assert!(in_file(&file).is_err(), "{}", bad.len());
        }
    }
}

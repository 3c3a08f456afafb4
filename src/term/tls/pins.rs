//! The file of the servers that were accepted before, one line each: `host:port sha256:{hex}`. Owns nothing in between:
//! each call reads the file, and each change replaces it whole, so that a crash leaves the old or the new one.
//!
//! Two programs that change it in the same moment: the later one wins, and the other server is met for the first time once more.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::fingerprint::Fingerprint;

/// Name of the file.
const FILE: &str = "known_servers";
/// Longest file, in bytes: some thousands of servers.
pub const FILE_BYTES_MAX: u64 = 512 << 10;

/// The file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pins {
    file: PathBuf,
}

impl Pins {
    /// `$XDG_CONFIG_HOME/gencomm/known_servers`, else below `~/.config`; `None` where neither folder is known.
    pub fn of_this_user(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<Self> {
        // A relative path is to be ignored (XDG base directory specification).
        let absolute = |name| variable(name).filter(|path| path.is_absolute());
        let config = absolute("XDG_CONFIG_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".config")))?;
        Some(Self::in_folder(&config.join("gencomm")))
    }

    /// In that folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            file: folder.join(FILE),
        }
    }

    /// Where it is.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The certificate that was accepted for `server` (`host:port`). A damaged line counts only if it is that of `server`:
    /// then it is an error, because silence would mean to accept anybody.
    pub fn find(&self, server: &str) -> Result<Option<Fingerprint>, String> {
        let text = self.read()?;
        let mut found = None;
        for (index, line) in text.lines().enumerate() {
            let Some(print) = pin_of(line, server) else {
                continue;
            };
            let Ok(print) = print.parse::<Fingerprint>() else {
                return Err(format!(
                    "{}: line {} is damaged; it should be: {server} sha256:(64 hexadecimal digits). Correct or remove it",
                    self.file.display(),
                    index + 1
                ));
            };
            found = Some(print);
        }
        Ok(found)
    }

    /// Keeps `print` for `server` in place of what was there.
    pub fn keep(&self, server: &str, print: Fingerprint) -> Result<(), String> {
        let mut text = String::new();
        for line in self.read()?.lines() {
            if pin_of(line, server).is_none() {
                text.push_str(line);
                text.push('\n');
            }
        }
        text.push_str(&format!("{} sha256:{print}\n", server.to_ascii_lowercase()));
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(self.too_long());
        }
        self.replace(&text)
            .map_err(|error| format!("{} cannot be written: {error}", self.file.display()))
    }

    fn read(&self) -> Result<String, String> {
        let wrong = |error: io::Error| format!("{} cannot be read: {error}", self.file.display());
        let file = match File::open(&self.file) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
            Err(error) => return Err(wrong(error)),
        };
        let mut text = String::new();
        file.take(FILE_BYTES_MAX + 1)
            .read_to_string(&mut text)
            .map_err(wrong)?;
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(self.too_long());
        }
        Ok(text)
    }

    fn replace(&self, text: &str) -> io::Result<()> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let new = folder.join(format!(".{FILE}.{}", std::process::id()));
        // Left by a process of the same number that was killed.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let written = (|| {
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &self.file)
        })();
        if written.is_err() {
            let _ = fs::remove_file(&new);
        }
        written
    }

    fn too_long(&self) -> String {
        format!(
            "{} is longer than {FILE_BYTES_MAX} bytes; remove lines of servers that are not called any more",
            self.file.display()
        )
    }
}

/// What stands behind `server` in `line`, if that line is about it. Names of hosts do not tell upper and lower case apart.
fn pin_of<'a>(line: &'a str, server: &str) -> Option<&'a str> {
    let mut words = line.split_whitespace();
    let name = words.next()?;
    if name.starts_with('#') || !name.eq_ignore_ascii_case(server) {
        return None;
    }
    Some(match (words.next(), words.next()) {
        (Some(print), None) => print,
        _ => "",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn print(n: u8) -> Fingerprint {
        Fingerprint::of(&[n])
    }

    #[test]
    fn pins_are_kept_and_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let pins = Pins::in_folder(&dir.path().join("new/gencomm"));
        assert_eq!(pins.find("a.example:1"), Ok(None));
        pins.keep("a.example:1", print(1)).unwrap();
        pins.keep("[::1]:1", print(2)).unwrap();
        pins.keep("a.example:2", print(3)).unwrap();
        pins.keep("A.Example:1", print(4)).unwrap();
        assert_eq!(pins.find("a.example:1"), Ok(Some(print(4))));
        assert_eq!(pins.find("A.EXAMPLE:2"), Ok(Some(print(3))));
        assert_eq!(pins.find("[::1]:1"), Ok(Some(print(2))));
        assert_eq!(pins.find("a.example:11"), Ok(None));
        let text = fs::read_to_string(pins.file()).unwrap();
        assert_eq!(text.lines().count(), 3, "{text}");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(pins.file()), 0o600);
        let folder = pins.file().parent().unwrap();
        assert_eq!(mode(folder), 0o700);
        assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
    }

    #[test]
    fn damage_is_told_where_it_matters() {
        let dir = tempfile::tempdir().unwrap();
        let pins = Pins::in_folder(dir.path());
        let good = format!("b:2 sha256:{}", print(1));
        for damaged in [
            "a:1",
            "a:1 sha256:",
            "a:1 sha256:12",
            &format!("a:1 sha256:{} x", print(1)),
        ] {
            let text = format!("# remark\n\n{good}\n{damaged}\nnonsense\n");
            fs::write(pins.file(), text).unwrap();
            let error = pins.find("a:1").unwrap_err();
            assert!(error.contains("line 4"), "{error}");
            assert_eq!(pins.find("b:2"), Ok(Some(print(1))));
        }
        // Accepting anew is the way out, and leaves the lines of others alone.
        pins.keep("a:1", print(2)).unwrap();
        assert_eq!(pins.find("a:1"), Ok(Some(print(2))));
        let text = fs::read_to_string(pins.file()).unwrap();
        assert!(text.contains("# remark\n") && text.contains("nonsense\n"));
    }

    #[test]
    fn the_file_has_a_limit_and_what_is_no_text_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let pins = Pins::in_folder(dir.path());
        fs::write(pins.file(), "x".repeat(FILE_BYTES_MAX as usize + 1)).unwrap();
        assert!(pins.find("a:1").unwrap_err().contains("longer than"));
        assert!(pins.keep("a:1", print(1)).is_err());
        fs::write(pins.file(), "x".repeat(FILE_BYTES_MAX as usize - 5)).unwrap();
        assert!(pins.keep("a:1", print(1)).is_err());
        fs::write(pins.file(), b"\xff\xfe").unwrap();
        assert!(pins.find("a:1").unwrap_err().contains("cannot be read"));
    }

    #[test]
    fn the_folder_is_that_of_the_user() {
        let pins = |xdg: Option<&str>, home: Option<&str>| {
            let of = |name: &str| if name == "HOME" { home } else { xdg }.map(PathBuf::from);
            Pins::of_this_user(of).map(|pins| pins.file)
        };
        let at = |path: &str| Some(PathBuf::from(path));
        assert_eq!(pins(Some("/x"), Some("/h")), at("/x/gencomm/known_servers"));
        assert_eq!(
            pins(None, Some("/h")),
            at("/h/.config/gencomm/known_servers")
        );
        assert_eq!(
            pins(Some("rel"), Some("/h")),
            at("/h/.config/gencomm/known_servers")
        );
        assert_eq!(pins(None, None), None);
    }
}

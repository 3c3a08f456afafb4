//! What a test needs beyond a user's rights, and the loud way of going without.
//!
//! A test begins with `if !privileges::has(&[Need::Root, Need::Mount]) { return; }`. What is missing is found by trying it, not by
//! guessing from the user's name: containers have roots that may not mount. A test that is skipped prints
//! `SKIPPED {test}: needs {what}` on standard error, and appends the line to the file that `GENCOMM_SKIPPED` names, if it is set, so that
//! a script can say at its end what did not run.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Something that not every machine allows or has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// User id 0.
    Root,
    /// Mounting a tmpfs.
    Mount,
    /// `/dev/fuse`, and mounting.
    Fuse,
    /// A network namespace of one's own, with `ip` to set it up.
    NetNamespace,
    /// A program in `PATH`.
    Tool(&'static str),
    /// `strace` that may trace its own children.
    Strace,
    /// The library of libfaketime.
    Faketime,
}

impl Need {
    /// Why it is not there; `None` if it is.
    fn missing(self) -> Option<String> {
        let (is_there, what) = match self {
            Self::Root => (is_root(), "root".into()),
            Self::Mount => (can_mount(), "to be allowed to mount a tmpfs".into()),
            Self::Fuse => (can_fuse(), "/dev/fuse and to be allowed to mount".into()),
            Self::NetNamespace => (
                find("ip").is_some() && is_success("unshare", &["--net", "true"]),
                "to be allowed to make network namespaces, and `ip`".into(),
            ),
            Self::Tool(name) => (find(name).is_some(), format!("`{name}` in PATH")),
            Self::Strace => (
                is_success("strace", &["-o", "/dev/null", "true"]),
                "`strace`, and to be allowed to trace".into(),
            ),
            Self::Faketime => (faketime_library().is_some(), "libfaketimeMT.so.1".into()),
        };
        (!is_there).then_some(what)
    }
}

/// Whether all of it is there. If not, says so as the module tells; the test has to return then.
pub fn has(needs: &[Need]) -> bool {
    let Some(missing) = missing(needs) else {
        return true;
    };
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let line = format!("SKIPPED {test}: needs {missing}\n");
    // Not `eprintln!`, which is kept back for a test that passes.
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(path) = std::env::var_os("GENCOMM_SKIPPED") {
        let file = OpenOptions::new().create(true).append(true).open(&path);
        file.and_then(|mut file| file.write_all(line.as_bytes()))
            .unwrap_or_else(|error| panic!("GENCOMM_SKIPPED={}: {error}", path.display()));
    }
    false
}

/// What of it is not there, in words; `None` if all is.
pub fn missing(needs: &[Need]) -> Option<String> {
    let missing: Vec<String> = needs.iter().filter_map(|need| need.missing()).collect();
    (!missing.is_empty()).then(|| missing.join(", "))
}

/// Where libfaketime's library for programs with threads is.
pub fn faketime_library() -> Option<PathBuf> {
    let arch = std::env::consts::ARCH;
    let folders = [
        format!("/usr/lib/{arch}-linux-gnu/faketime"),
        "/usr/lib/faketime".into(),
        "/usr/lib64/faketime".into(),
        "/usr/local/lib/faketime".into(),
    ];
    let mut paths = folders
        .iter()
        .map(|folder| Path::new(folder).join("libfaketimeMT.so.1"));
    paths.find(|path| path.is_file())
}

/// The first program of this name in `PATH`.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut programs = std::env::split_paths(&path).map(|folder| folder.join(name));
    programs.find(|program| program.is_file())
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn can_mount() -> bool {
    let Ok(folder) = tempfile::tempdir() else {
        return false;
    };
    let folder = folder.path().display().to_string();
    is_success("mount", &["-t", "tmpfs", "-o", "size=4k", "probe", &folder])
        && is_success("umount", &[&folder])
}

fn can_fuse() -> bool {
    let device = OpenOptions::new().read(true).write(true).open("/dev/fuse");
    device.is_ok() && can_mount()
}

/// Whether a program is there and says that all is well.
fn is_success(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

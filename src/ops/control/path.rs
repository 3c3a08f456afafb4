//! Where the socket is. In: the data folder. Out: the socket, bound or connected, however long the folder's path is. Owns the file of a
//! bound one.
//!
//! The address of a Unix socket holds 107 bytes. What does not fit is reached through `/proc/self/fd`, where an open folder has a short name.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

/// The file's name in the data folder.
pub const NAME: &str = "control.sock";

/// What the address of a Unix socket holds, without the NUL at its end.
const ADDRESS_BYTES_MAX: usize = 107;
/// Connections that the kernel keeps until they are accepted.
const BACKLOG: i32 = 16;

/// The file of a bound socket; removed when this is dropped.
#[derive(Debug)]
pub(super) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Gone already, or there is nobody left to tell.
        let _ = fs::remove_file(&self.0);
    }
}

/// Listens in `folder`. A socket that is there is removed: whoever calls this has made sure that no server lives that made it.
pub(super) fn bind(folder: &Path) -> io::Result<(UnixListener, SocketFile)> {
    let path = folder.join(NAME);
    match fs::symlink_metadata(&path) {
        Ok(found) if found.file_type().is_socket() => fs::remove_file(&path)?,
        Ok(_) => {
            let text = format!("{} is there and is no socket", path.display());
            return Err(io::Error::new(ErrorKind::AlreadyExists, text));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    short(folder, |short| socket.bind(&SockAddr::unix(short)?))?;
    let file = SocketFile(path);
    // Before it listens: until then nobody can connect.
    fs::set_permissions(&file.0, Permissions::from_mode(0o600))?;
    socket.set_nonblocking(true)?;
    socket.listen(BACKLOG)?;
    Ok((socket.into(), file))
}

/// Connects to the socket in `folder`. Where so many wait that no more are taken, for as long as `patience`.
pub(super) fn connect(folder: &Path, patience: Duration) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_write_timeout(Some(patience))?;
    short(folder, |path| socket.connect(&SockAddr::unix(path)?))?;
    Ok(socket.into())
}

/// Calls `act` with a path of the socket that fits into an address.
fn short<T>(folder: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let path = folder.join(NAME);
    let bytes = |text: &OsStr| text.as_encoded_bytes().len();
    if bytes(path.as_os_str()) <= ADDRESS_BYTES_MAX {
        return act(&path);
    }
    let open = File::open(folder)?;
    let name = format!("/proc/self/fd/{}/{NAME}", open.as_raw_fd());
    act(Path::new(&name))
}

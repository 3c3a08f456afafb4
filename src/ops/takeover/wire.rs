//! What goes over the Unix socket beside lines: descriptors, one with each byte.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use socket2::SockRef;

/// Longest line, with its newline.
pub(super) const LINE_BYTES_MAX: usize = 1024;

/// A socket of the main port.
pub(super) const MAIN: u8 = b'm';
/// The original clients' authorisation port.
pub(super) const LEGACY_AUTH: u8 = b'a';
/// The original clients' port for messages.
pub(super) const LEGACY_MESSAGE: u8 = b't';
/// There are no more sockets.
pub(super) const END: u8 = b'.';

/// Sends `kind` and `socket` with it.
pub(super) fn send_socket(
    stream: &impl AsFd,
    kind: u8,
    socket: Option<&TcpListener>,
) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = socket.map(|socket| [socket.as_fd()]);
    if let Some(descriptors) = &descriptors
        && !control.push(SendAncillaryMessage::ScmRights(descriptors))
    {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    let kind = [kind];
    sendmsg(
        stream,
        &[IoSlice::new(&kind)],
        &mut control,
        SendFlags::NOSIGNAL,
    )?;
    Ok(())
}

/// The next byte, and the listening socket that came with it. `None` at the end.
pub(super) fn receive_socket(stream: &impl AsFd) -> io::Result<Option<(u8, Option<TcpListener>)>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut kind = [0];
    let received = recvmsg(
        stream,
        &mut [IoSliceMut::new(&mut kind)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    let mut descriptors: Vec<OwnedFd> = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    if received.bytes == 0 {
        return Ok(None);
    }
    let socket = descriptors.pop().map(TcpListener::from);
    if let Some(socket) = &socket {
        let wrong = |what| io::Error::new(io::ErrorKind::InvalidData, what);
        if !SockRef::from(socket).is_listener()? {
            return Err(wrong("a descriptor that is no listening socket"));
        }
        socket.local_addr()?;
    }
    Ok(Some((kind[0], socket)))
}

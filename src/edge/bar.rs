//! Has the kernel let nobody connect from some addresses. In: addresses. Out: a filter on a listening socket, which drops what begins a
//! connection from there; to whoever tries it looks as if nobody were there, and it tries again after a second or more.
//!
//! A connection costs the server a hundred times what the filter does, and the place in the kernel's queue that somebody else needs.
//! Connections take the filter along, which does nothing to them: only a SYN without ACK is looked at.

use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;

use socket2::{SockFilter, SockRef};

/// Addresses that a filter may have: it looks at one after the other.
pub const ADDRESSES_MAX: usize = 64;

// Classic BPF, see linux/bpf_common.h.
const LOAD_BYTE: u16 = 0x30;
const LOAD_WORD: u16 = 0x20;
const AND: u16 = 0x54;
const SHIFT_RIGHT: u16 = 0x74;
const JUMP: u16 = 0x05;
const IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
/// What is loaded from here on counts from the IP header; other places count from the TCP header.
const IP_HEADER: u32 = (-0x10_0000_i32) as u32;
const PASS: SockFilter = SockFilter::new(RETURN, 0, 0, u32::MAX);
const DROP: SockFilter = SockFilter::new(RETURN, 0, 0, 0);

/// Lets nobody connect to `listener` from these addresses, of IPv6 from their /64, and everybody else; the first [`ADDRESSES_MAX`] count.
pub fn put_up(listener: &impl AsFd, addresses: &[IpAddr]) -> io::Result<()> {
    let socket = SockRef::from(listener);
    if addresses.is_empty() {
        // Without a filter that is an error, and what was wanted.
        let _ = socket.detach_filter();
        return Ok(());
    }
    let addresses = &addresses[..addresses.len().min(ADDRESSES_MAX)];
    socket.attach_filter(&program(addresses))
}

fn program(addresses: &[IpAddr]) -> Vec<SockFilter> {
    let (mut v4, mut v6) = (vec![step(LOAD_WORD, IP_HEADER + 12)], Vec::new());
    for address in addresses {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                v4.extend([SockFilter::new(IF_EQUAL, 0, 1, address.into()), DROP])
            }
            IpAddr::V6(address) => {
                let prefix = (u128::from(address) >> 64) as u64;
                v6.extend([
                    step(LOAD_WORD, IP_HEADER + 8),
                    SockFilter::new(IF_EQUAL, 0, 3, (prefix >> 32) as u32),
                    step(LOAD_WORD, IP_HEADER + 12),
                    SockFilter::new(IF_EQUAL, 0, 1, prefix as u32),
                    DROP,
                ]);
            }
        }
    }
    v4.push(PASS);
    v6.push(PASS);
    // SYN is 2, ACK is 16.
    let mut program = vec![
        step(LOAD_BYTE, 13),
        step(AND, 18),
        SockFilter::new(IF_EQUAL, 1, 0, 2),
        PASS,
        step(LOAD_BYTE, IP_HEADER),
        step(SHIFT_RIGHT, 4),
        SockFilter::new(IF_EQUAL, 1, 0, 4),
        step(JUMP, v4.len() as u32),
    ];
    program.append(&mut v4);
    program.append(&mut v6);
    program
}

const fn step(what: u16, with: u32) -> SockFilter {
    SockFilter::new(what, 0, 0, with)
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, Socket, Type};
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
    use std::time::Duration;

    fn connect(to: SocketAddr, from: IpAddr, patience: Duration) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
        socket.bind(&SocketAddr::new(from, 0).into())?;
        socket.connect_timeout(&to.into(), patience)?;
        Ok(socket.into())
    }

    /// The filter drops in any case what it drops once, so a short patience tells; whoever may pass has a long one.
    fn is_barred(to: SocketAddr, from: IpAddr) -> bool {
        connect(to, from, Duration::from_millis(100)).is_err()
    }

    fn gets_in(to: SocketAddr, from: IpAddr) -> bool {
        connect(to, from, Duration::from_secs(20)).is_ok()
    }

    #[test]
    fn nobody_comes_from_there_and_everybody_from_elsewhere() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap();
        let at = |last| IpAddr::from([127, 9, 0, last]);
        let many: Vec<IpAddr> = (1..=200).map(at).collect();
        let mut inside = connect(to, at(1), Duration::from_secs(20)).unwrap();
        put_up(&listener, &many).unwrap();
        assert!(is_barred(to, at(1)) && is_barred(to, at(ADDRESSES_MAX as u8)));
        assert!(gets_in(to, at(ADDRESSES_MAX as u8 + 1)) && gets_in(to, at(201)));
        // Who is in stays so, be it from there.
        inside.write_all(b"x").unwrap();
        let (mut near, _) = listener.accept().unwrap();
        let mut byte = [0];
        near.read_exact(&mut byte).unwrap();
        put_up(&listener, &many[1..2]).unwrap();
        assert!(gets_in(to, at(1)) && is_barred(to, at(2)));
        put_up(&listener, &[]).unwrap();
        put_up(&listener, &[]).unwrap();
        assert!(gets_in(to, at(2)));
    }

    #[test]
    fn a_socket_for_both_bars_either() {
        let Ok(listener) = TcpListener::bind("[::]:0") else {
            return;
        };
        let port = listener.local_addr().unwrap().port();
        let (v4, v6) = (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
        let [to_v4, to_v6] = [SocketAddr::from((v4, port)), SocketAddr::from((v6, port))];
        if connect(to_v6, v6.into(), Duration::from_secs(20)).is_err() {
            return;
        }
        put_up(&listener, &[v6.into()]).unwrap();
        assert!(is_barred(to_v6, v6.into()) && gets_in(to_v4, v4.into()));
        put_up(&listener, &[v4.into(), "2001:db8::1".parse().unwrap()]).unwrap();
        assert!(gets_in(to_v6, v6.into()) && is_barred(to_v4, v4.into()));
        put_up(&listener, &[v4.into(), v6.into()]).unwrap();
        assert!(is_barred(to_v6, v6.into()) && is_barred(to_v4, v4.into()));
    }
}

//! Who holds a TCP port.
//!
//! In: an address that could not be bound. Out: the process that listens there, as far as this user may see it: others'
//! processes show their descriptors to root only. Owns nothing; reads Linux's `/proc`.

use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// State LISTEN in `/proc/net/tcp`.
const STATE_LISTEN: &str = "0A";

/// Longest command line shown, in characters.
const COMMAND_CHARS_MAX: usize = 80;

/// A process that listens on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// Its program's file name and arguments, without control characters, cut to 80 characters.
    pub command: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} ({})", self.pid, self.command)
    }
}

/// The process whose listener keeps others from binding `address`, if there is one and this user may see it.
pub fn holder_of(address: SocketAddr) -> Option<Holder> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .flat_map(|table| listeners_in_the_way(&table, address))
        .collect();
    if inodes.is_empty() {
        return None;
    }
    let links: Vec<String> = inodes
        .iter()
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let pids = fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        Some((pid, entry.path()))
    });
    pids.into_iter()
        .find(|(_, path)| holds(path, &links))
        .map(|(pid, path)| Holder {
            pid,
            command: command(&path),
        })
}

/// The inodes of the listening sockets of `table` that are in the way of `address`.
fn listeners_in_the_way(table: &str, address: SocketAddr) -> Vec<String> {
    let listener = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        let local = parse_address(local)?;
        (*state == STATE_LISTEN && in_the_way(local, address)).then(|| (*inode).to_owned())
    };
    table.lines().skip(1).filter_map(listener).collect()
}

/// Whether a listener on `held` keeps another from `wanted`: the same port, and the same address or one that means all.
fn in_the_way(held: SocketAddr, wanted: SocketAddr) -> bool {
    let (held_ip, wanted_ip) = (held.ip().to_canonical(), wanted.ip().to_canonical());
    let any_in_the_way = |any: IpAddr, other: IpAddr| {
        // `[::]` takes IPv4 too unless told otherwise, which this table does not show.
        any.is_unspecified() && (any.is_ipv6() || other.is_ipv4())
    };
    held.port() == wanted.port()
        && (held_ip == wanted_ip
            || any_in_the_way(held_ip, wanted_ip)
            || any_in_the_way(wanted_ip, held_ip))
}

/// `0100007F:29F4` as an address: each group of four bytes stands in the machine's own order, the port does not.
fn parse_address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let groups: Vec<[u8; 4]> = (0..ip.len() / 8)
        .map(|index| {
            let group = ip.get(index * 8..index * 8 + 8)?;
            u32::from_str_radix(group, 16).ok().map(u32::to_ne_bytes)
        })
        .collect::<Option<_>>()?;
    let ip = match *groups.as_slice() {
        [group] => IpAddr::from(Ipv4Addr::from(group)),
        [a, b, c, d] => {
            let mut octets = [0; 16];
            for (slot, group) in octets.chunks_exact_mut(4).zip([a, b, c, d]) {
                slot.copy_from_slice(&group);
            }
            IpAddr::from(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Whether the process at `path` has one of the descriptors `links`. One that may not be looked at has not.
fn holds(path: &Path, links: &[String]) -> bool {
    let Ok(descriptors) = fs::read_dir(path.join("fd")) else {
        return false;
    };
    descriptors.flatten().any(|descriptor| {
        fs::read_link(descriptor.path())
            .is_ok_and(|target| links.iter().any(|link| target.as_os_str() == link.as_str()))
    })
}

fn command(path: &Path) -> String {
    let line = fs::read(path.join("cmdline")).unwrap_or_default();
    let mut words = line
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty());
    let program = words.next().map(|word| {
        let start = word
            .iter()
            .rposition(|byte| *byte == b'/')
            .map_or(0, |slash| slash + 1);
        String::from_utf8_lossy(&word[start..]).into_owned()
    });
    // Without a command line it is a kernel thread or about to end; its short name is left.
    let mut text = program
        .or_else(|| fs::read_to_string(path.join("comm")).ok())
        .unwrap_or_else(|| "unknown".to_owned());
    for word in words {
        text.push(' ');
        text.push_str(&String::from_utf8_lossy(word));
    }
    let visible = text
        .trim_end()
        .chars()
        .map(|c| if c.is_control() { '?' } else { c });
    visible.take(COMMAND_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn our_own_listener_is_found() {
        for local in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0"] {
            // A machine may have no IPv6.
            let Ok(listener) = TcpListener::bind(local) else {
                continue;
            };
            let mut address = listener.local_addr().unwrap();
            if address.ip().is_unspecified() {
                address.set_ip("127.0.0.1".parse().unwrap());
            }
            let holder = holder_of(address).unwrap();
            assert_eq!(holder.pid, std::process::id());
            assert!(holder.command.starts_with("gencomm"), "{holder}");
            assert!(
                holder
                    .to_string()
                    .starts_with(&format!("process {} (gencomm", holder.pid))
            );
        }
    }

    #[test]
    fn a_port_that_nobody_listens_on_has_no_holder() {
        // Port 1 is nobody's, and no socket is ever given it by chance.
        assert_eq!(holder_of("127.0.0.9:1".parse().unwrap()), None);
    }

    #[test]
    fn the_kernels_table_is_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:29F4 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 111 1 0 100 0 0 10 0\n\
            1: 0100007F:29F4 0100007F:8000 01 00000000:00000000 00:00000000 00000000  0  0 222 1 0 20 4 30 10 -1\n\
            2: broken\n";
        if cfg!(target_endian = "little") {
            let wanted = |text: &str| listeners_in_the_way(table, text.parse().unwrap());
            assert_eq!(wanted("127.0.0.1:10740"), ["111"]);
            assert_eq!(wanted("0.0.0.0:10740"), ["111"]);
            assert_eq!(wanted("[::]:10740"), ["111"]);
            assert!(wanted("127.0.0.2:10740").is_empty());
            assert!(wanted("[::1]:10740").is_empty());
            assert!(wanted("127.0.0.1:9281").is_empty());
        }
        assert_eq!(parse_address("xyz"), None);
        assert_eq!(parse_address("0100007F:"), None);
        assert_eq!(parse_address("0100007F00000000:0001"), None);
    }
}

//! What a seat is made of, each as small as it can be: ten thousands of clients pay for it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU64;
use std::time::Duration;

/// A moment on the shard's clock, in microseconds and one more: half as large as a [`Duration`], and none costs nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment(NonZeroU64);

impl Moment {
    pub(super) fn of(clock: Duration) -> Self {
        let micros = u64::try_from(clock.as_micros()).unwrap_or(u64::MAX);
        Self(NonZeroU64::MIN.saturating_add(micros))
    }

    pub(super) fn on_clock(self) -> Duration {
        Duration::from_micros(self.0.get() - 1)
    }
}

/// An address in 20 bytes. What else IPv6 has (a scope, a flow) says nothing of a connection that is there.
#[derive(Clone, Copy)]
pub(super) struct Peer {
    ip: [u8; 16],
    port: u16,
    is_v4: bool,
}

impl Peer {
    pub(super) fn of(address: SocketAddr) -> Self {
        let ip = match address.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        Self {
            ip: ip.octets(),
            port: address.port(),
            is_v4: address.is_ipv4(),
        }
    }

    pub(super) fn address(self) -> SocketAddr {
        let ip = Ipv6Addr::from(self.ip);
        let ip = match ip.to_ipv4_mapped() {
            Some(v4) if self.is_v4 => IpAddr::V4(v4),
            _ => IpAddr::V6(ip),
        };
        SocketAddr::new(ip, self.port)
    }
}

/// Numbers of rooms with news. Nearly every client is in one room, and so needs no memory of its own for it.
#[derive(Default)]
pub(super) enum News {
    #[default]
    None,
    One(u32),
    #[expect(
        clippy::box_collection,
        reason = "8 bytes instead of 24 in each idle client"
    )]
    Several(Box<Vec<u32>>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_moments_come_out_as_they_went_in() {
        for text in [
            "10.0.0.1:7",
            "[2001:db8::1]:9",
            "[::ffff:10.0.0.1]:7",
            "[::1]:1",
        ] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(Peer::of(address).address(), address);
        }
        for clock in [Duration::ZERO, Duration::from_micros(7)] {
            assert_eq!(Moment::of(clock).on_clock(), clock);
        }
    }
}

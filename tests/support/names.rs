//! Names that no other test of this run uses.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};

static NEXT: AtomicU32 = AtomicU32::new(1);

/// A loopback address to connect from, given to nobody else. Never 127.0.0.1, and never one that ends in 0 or 255.
pub fn fresh_address() -> Ipv4Addr {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let [_, _, high, low] = (number / 250).to_be_bytes();
    Ipv4Addr::new(127, 16 + high, low, (number % 250) as u8 + 2)
}

/// A tag, given to nobody else.
pub fn fresh_tag() -> String {
    format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

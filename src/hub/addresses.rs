//! Connections of each address, over all shards; exempt addresses are not counted. A lock, but one that is taken when a connection comes
//! and when it goes, never for a message.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use super::auth::household;

/// See the module.
#[derive(Debug, Default)]
pub struct AddressCount {
    open: Mutex<HashMap<IpAddr, u32>>,
}

impl AddressCount {
    /// Lets one more connection in, unless there are `max` already (0 = any number). IPv6 is counted by /64.
    pub fn enter(&self, address: IpAddr, max: u32) -> bool {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(household(address)).or_default();
        if max > 0 && *count >= max {
            return false;
        }
        *count += 1;
        true
    }

    /// One that was let in is gone.
    pub fn leave(&self, address: IpAddr) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let address = household(address);
        if let Some(count) = open.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_makes_room() {
        let count = AddressCount::default();
        let (here, there) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        assert!(count.enter(here, 2) && count.enter(here, 2) && !count.enter(here, 2));
        assert!(count.enter(there, 2) && count.enter(here, 0));
        count.leave(here);
        count.leave(here);
        assert!(count.enter(here, 2));
        count.leave(there);
        count.leave(there);
        assert_eq!(count.open.lock().unwrap().len(), 1);
    }
}

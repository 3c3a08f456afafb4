//! How often somebody may try to log in: rates and back-off by address, back-off by account.
//!
//! Wrong passwords slow down the address they come from and the account they are for. The wait of an account is short, since whoever
//! knows its name could otherwise keep its owner out; tokens are not subject to it.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use crate::hub::rules::back_off::{BackOff, BackOffRule};
use crate::hub::rules::bucket::Buckets;

const ADDRESS: BackOffRule = BackOffRule {
    free: 10,
    first: Duration::from_secs(1),
    longest: Duration::from_secs(300),
    forgiven_after: Duration::from_secs(900),
};
const ACCOUNT: BackOffRule = BackOffRule {
    free: 5,
    first: Duration::from_secs(1),
    longest: Duration::from_secs(10),
    forgiven_after: Duration::from_secs(600),
};

/// See the module. Times are those of one clock that never steps back.
#[derive(Debug)]
pub(super) struct Gate {
    attempts: Buckets<IpAddr>,
    addresses: BackOff<IpAddr>,
    accounts: BackOff<Arc<str>>,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self {
            attempts: Buckets::default(),
            addresses: BackOff::new(ADDRESS),
            accounts: BackOff::new(ACCOUNT),
        }
    }

    /// An attempt from `address`; how long it has to wait if it may not be made now.
    pub(super) fn attempt(
        &mut self,
        address: IpAddr,
        per_minute: u32,
        now: Duration,
    ) -> Result<(), Duration> {
        let address = household(address);
        if let Some(wait) = self.addresses.wait(&address, now) {
            return Err(wait);
        }
        let per_second = f64::from(per_minute) / 60.0;
        self.attempts
            .take(address, per_second, f64::from(per_minute), now)
    }

    /// Whether a password for `account` may be tried now.
    pub(super) fn password(&mut self, account: &Arc<str>, now: Duration) -> Result<(), Duration> {
        self.accounts.wait(account, now).map_or(Ok(()), Err)
    }

    /// A password was wrong; `address` is `None` for one that is exempt.
    pub(super) fn failed(&mut self, address: Option<IpAddr>, account: Arc<str>, now: Duration) {
        if let Some(address) = address {
            self.addresses.failed(household(address), now);
        }
        self.accounts.failed(account, now);
    }

    /// A password was right. The address stays under suspicion: its owner may have an account of its own.
    pub(super) fn succeeded(&mut self, account: &Arc<str>) {
        self.accounts.succeeded(account);
    }
}

/// One household has a /64 of IPv6 to itself, and so as many addresses as it likes.
pub(crate) fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let at = |text: &str| household(text.parse().unwrap());
        assert_eq!(at("2001:db8:1:2:3::4"), at("2001:db8:1:2:ffff::1"));
        assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
        assert_eq!(at("::ffff:10.0.0.1"), at("10.0.0.1"));
    }

    #[test]
    fn wrong_passwords_slow_down_address_and_account() {
        let mut gate = Gate::new();
        let (here, there) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let (ann, now): (Arc<str>, _) = ("ann".into(), Duration::from_secs(1));
        for _ in 0..=ACCOUNT.free {
            assert_eq!(gate.password(&ann, now), Ok(()));
            gate.failed(Some(here), ann.clone(), now);
        }
        assert_eq!(gate.password(&ann, now), Err(ACCOUNT.first));
        assert_eq!(gate.attempt(here, 60, now), Ok(()));
        for _ in ACCOUNT.free..=ADDRESS.free {
            gate.failed(Some(here), "bob".into(), now);
        }
        assert!(gate.attempt(here, 60, now).is_err());
        assert_eq!(gate.attempt(there, 60, now), Ok(()));
        gate.succeeded(&ann);
        assert_eq!(gate.password(&ann, now), Ok(()));
    }
}

//! Which guest names are in use: one address may have several connections under a name, another address may not.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Why a guest was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The name is in use from another address.
    InUse,
}

/// The names in use; bounded by `limits.connections`.
#[derive(Debug, Default)]
pub struct GuestTable {
    names: HashMap<Arc<str>, InUse>,
}

#[derive(Debug)]
struct InUse {
    address: IpAddr,
    connections: u32,
}

impl GuestTable {
    /// A connection from `address` takes the name `account` (already without case).
    pub fn enter(&mut self, account: &Arc<str>, address: IpAddr) -> Result<(), Refusal> {
        match self.names.get_mut(&**account) {
            Some(in_use) if in_use.address != address => Err(Refusal::InUse),
            Some(in_use) => {
                in_use.connections += 1;
                Ok(())
            }
            None => {
                self.names.insert(
                    account.clone(),
                    InUse {
                        address,
                        connections: 1,
                    },
                );
                Ok(())
            }
        }
    }

    /// One connection of that name ended.
    pub fn leave(&mut self, account: &str) {
        if let Some(in_use) = self.names.get_mut(account) {
            in_use.connections -= 1;
            if in_use.connections == 0 {
                self.names.remove(account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_belongs_to_one_address_while_it_is_in_use() {
        let (here, there) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let ann: Arc<str> = "ann".into();
        let mut table = GuestTable::default();
        assert_eq!(table.enter(&ann, here), Ok(()));
        assert_eq!(table.enter(&ann, here), Ok(()));
        assert_eq!(table.enter(&ann, there), Err(Refusal::InUse));
        table.leave("ann");
        assert_eq!(table.enter(&ann, there), Err(Refusal::InUse));
        table.leave("ann");
        assert_eq!(table.enter(&ann, there), Ok(()));
        table.leave("nobody");
    }
}

//! Which names are in use: a guest's by one address at a time, an account's by whoever has logged in to it. Both count connections.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

use super::hashed::{Hashed, tidy};

/// Why a guest or an account cannot have another connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Another address uses the name.
    InUse,
    /// So many connections under this name as are allowed.
    TooMany,
}

/// See the module. Everybody who is here pays for it, so names and addresses are kept as keyed hashes: two names that collide, once in
/// 2^64, cannot be used at the same time from two addresses.
#[derive(Debug, Default)]
pub struct NamesInUse {
    guests: HashMap<u64, Guest, Hashed>,
    accounts: HashMap<u64, u32, Hashed>,
    keys: RandomState,
}

#[derive(Debug)]
struct Guest {
    address: u32,
    connections: u32,
}

impl NamesInUse {
    /// Lets a guest in; `connections_max` of 0 means any number.
    pub fn enter_guest(
        &mut self,
        name: &str,
        address: IpAddr,
        connections_max: u32,
    ) -> Result<(), Refusal> {
        // Half of a hash: somebody from another address would have to guess which of 2^32 is like this one.
        let address = self.keys.hash_one(address) as u32;
        match self.guests.get_mut(&self.keys.hash_one(name)) {
            Some(guest) if guest.address != address => Err(Refusal::InUse),
            Some(guest) => one_more(&mut guest.connections, connections_max),
            None => {
                let guest = Guest {
                    address,
                    connections: 1,
                };
                self.guests.insert(self.keys.hash_one(name), guest);
                Ok(())
            }
        }
    }

    /// Lets in a connection of an account; `connections_max` of 0 means any number.
    pub fn enter_account(&mut self, account: &str, connections_max: u32) -> Result<(), Refusal> {
        match self.accounts.get_mut(&self.keys.hash_one(account)) {
            Some(connections) => one_more(connections, connections_max),
            None => {
                self.accounts.insert(self.keys.hash_one(account), 1);
                Ok(())
            }
        }
    }

    /// A guest's connection ended.
    pub fn guest_left(&mut self, name: &str) {
        let key = self.keys.hash_one(name);
        if let Some(guest) = self.guests.get_mut(&key) {
            guest.connections -= 1;
            if guest.connections == 0 {
                self.guests.remove(&key);
                tidy(&mut self.guests);
            }
        }
    }

    /// A connection of an account ended.
    pub fn account_left(&mut self, account: &str) {
        let key = self.keys.hash_one(account);
        if let Some(connections) = self.accounts.get_mut(&key) {
            *connections -= 1;
            if *connections == 0 {
                self.accounts.remove(&key);
                tidy(&mut self.accounts);
            }
        }
    }
}

fn one_more(connections: &mut u32, max: u32) -> Result<(), Refusal> {
    if max > 0 && *connections >= max {
        return Err(Refusal::TooMany);
    }
    *connections += 1;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_names_are_of_this_process_alone() {
        // Who could compute them would choose a hundred thousand names that share a place in the table.
        let [one, other] = [(); 2].map(|()| NamesInUse::default().keys.hash_one("ann"));
        assert_ne!(one, other);
    }

    #[test]
    fn a_guests_name_belongs_to_one_address_while_it_is_in_use() {
        let (here, there) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let ann = "ann";
        let mut names = NamesInUse::default();
        assert_eq!(names.enter_guest(ann, here, 0), Ok(()));
        assert_eq!(names.enter_guest(ann, here, 0), Ok(()));
        assert_eq!(names.enter_guest(ann, here, 2), Err(Refusal::TooMany));
        assert_eq!(names.enter_guest(ann, there, 0), Err(Refusal::InUse));
        names.guest_left("ann");
        assert_eq!(names.enter_guest(ann, there, 0), Err(Refusal::InUse));
        names.guest_left("ann");
        assert_eq!(names.enter_guest(ann, there, 0), Ok(()));
        names.guest_left("nobody");
    }

    #[test]
    fn an_account_may_be_anywhere_but_only_so_often() {
        let ann = "ann";
        let mut names = NamesInUse::default();
        assert_eq!(names.enter_account(ann, 1), Ok(()));
        assert_eq!(names.enter_account(ann, 1), Err(Refusal::TooMany));
        names.guest_left("ann");
        assert_eq!(names.enter_account(ann, 1), Err(Refusal::TooMany));
        names.account_left("ann");
        assert_eq!(names.enter_account(ann, 1), Ok(()));
        names.account_left("nobody");
    }
}

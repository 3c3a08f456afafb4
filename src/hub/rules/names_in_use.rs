//! Which names are in use: a guest's by one address at a time, an account's by whoever has logged in to it. Both count connections.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Why a guest or an account cannot have another connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Another address uses the name.
    InUse,
    /// So many connections under this name as are allowed.
    TooMany,
}

/// See the module.
#[derive(Debug, Default)]
pub struct NamesInUse {
    guests: HashMap<Arc<str>, Guest>,
    accounts: HashMap<Arc<str>, u32>,
}

#[derive(Debug)]
struct Guest {
    address: IpAddr,
    connections: u32,
}

impl NamesInUse {
    /// Lets a guest in; `connections_max` of 0 means any number.
    pub fn enter_guest(
        &mut self,
        name: &Arc<str>,
        address: IpAddr,
        connections_max: u32,
    ) -> Result<(), Refusal> {
        match self.guests.get_mut(&**name) {
            Some(guest) if guest.address != address => Err(Refusal::InUse),
            Some(guest) => one_more(&mut guest.connections, connections_max),
            None => {
                let guest = Guest {
                    address,
                    connections: 1,
                };
                self.guests.insert(name.clone(), guest);
                Ok(())
            }
        }
    }

    /// Lets in a connection of an account; `connections_max` of 0 means any number.
    pub fn enter_account(
        &mut self,
        account: &Arc<str>,
        connections_max: u32,
    ) -> Result<(), Refusal> {
        match self.accounts.get_mut(&**account) {
            Some(connections) => one_more(connections, connections_max),
            None => {
                self.accounts.insert(account.clone(), 1);
                Ok(())
            }
        }
    }

    /// A guest's connection ended.
    pub fn guest_left(&mut self, name: &str) {
        if let Some(guest) = self.guests.get_mut(name) {
            guest.connections -= 1;
            if guest.connections == 0 {
                self.guests.remove(name);
            }
        }
    }

    /// A connection of an account ended.
    pub fn account_left(&mut self, account: &str) {
        if let Some(connections) = self.accounts.get_mut(account) {
            *connections -= 1;
            if *connections == 0 {
                self.accounts.remove(account);
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
    fn a_guests_name_belongs_to_one_address_while_it_is_in_use() {
        let (here, there) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let ann: Arc<str> = "ann".into();
        let mut names = NamesInUse::default();
        assert_eq!(names.enter_guest(&ann, here, 0), Ok(()));
        assert_eq!(names.enter_guest(&ann, here, 0), Ok(()));
        assert_eq!(names.enter_guest(&ann, here, 2), Err(Refusal::TooMany));
        assert_eq!(names.enter_guest(&ann, there, 0), Err(Refusal::InUse));
        names.guest_left("ann");
        assert_eq!(names.enter_guest(&ann, there, 0), Err(Refusal::InUse));
        names.guest_left("ann");
        assert_eq!(names.enter_guest(&ann, there, 0), Ok(()));
        names.guest_left("nobody");
    }

    #[test]
    fn an_account_may_be_anywhere_but_only_so_often() {
        let ann: Arc<str> = "ann".into();
        let mut names = NamesInUse::default();
        assert_eq!(names.enter_account(&ann, 1), Ok(()));
        assert_eq!(names.enter_account(&ann, 1), Err(Refusal::TooMany));
        names.guest_left("ann");
        assert_eq!(names.enter_account(&ann, 1), Err(Refusal::TooMany));
        names.account_left("ann");
        assert_eq!(names.enter_account(&ann, 1), Ok(()));
        names.account_left("nobody");
    }
}

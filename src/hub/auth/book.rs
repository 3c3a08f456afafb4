//! The accounts as the log-in sees them: the store, what of it is kept in memory, and the tokens that need no store at all.
//!
//! Owns the writer's connection to the store. What is kept in memory has limits and is dropped when somebody changes an account,
//! be it `gencomm user` in another process.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::edge::wire::names::UserName;
use crate::edge::wire::timestamp::Timestamp;
use crate::store::accounts::secret::resume;
use crate::store::accounts::skeleton::skeleton;
use crate::store::accounts::{Account, Accounts, AccountsError, Changed, PAGE_MAX, What};

/// Accounts kept in memory; beyond that all are read anew.
const CACHED_MAX: usize = 100_000;
/// Accounts that came back and had to be looked up one by one, after which others are read along with them.
const LOOK_UPS_BEFORE_READING_ALONG: u32 = 32;

/// The names that are taken, and those that look like them, for whoever must not let them be used by others.
///
/// The gate of original clients asks on its own thread, for each of their messages: a lock held for one look-up, not on the way of any
/// GC/2 message.
#[derive(Debug, Default)]
pub struct Registered {
    keys: RandomState,
    skeletons: RwLock<HashSet<u64>>,
}

impl Registered {
    /// Whether an account has this name, or one that looks like it. Wrong once in 2^64.
    pub fn is_like(&self, name: &UserName) -> bool {
        let key = self.keys.hash_one(skeleton(name.as_str()));
        let known = self
            .skeletons
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        known.contains(&key)
    }

    fn add(&self, skeleton: &str) {
        let key = self.keys.hash_one(skeleton);
        let mut known = self
            .skeletons
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        known.insert(key);
    }

    fn remove(&self, skeleton: &str) {
        let key = self.keys.hash_one(skeleton);
        let mut known = self
            .skeletons
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        known.remove(&key);
    }
}

/// How far the accounts were read along with those that somebody asked for.
///
/// After a restart everybody comes back within seconds, and looking each one up costs far more than reading them in a row. So, once a
/// few have come, each that is not in memory brings the next page with it, until all are there: no log-in waits for more than a page.
#[derive(Debug, Default)]
struct ReadAlong {
    look_ups: u32,
    /// The last account that was read.
    after: Option<Arc<str>>,
    is_over: bool,
}

/// See the module.
pub(super) struct Book {
    pub(super) store: Box<dyn Accounts>,
    cached: HashMap<Arc<str>, Account>,
    read_along: ReadAlong,
    registered: Arc<Registered>,
    secret: [u8; 32],
}

impl Book {
    pub(super) fn open(
        mut store: Box<dyn Accounts>,
        registered: Arc<Registered>,
    ) -> Result<Self, AccountsError> {
        let secret = store.secret()?;
        // Changes from here on; those before are in what is read now.
        store.changes()?;
        for skeleton in store.skeletons()? {
            registered.add(&skeleton);
        }
        Ok(Self {
            store,
            cached: HashMap::new(),
            read_along: ReadAlong::default(),
            registered,
            secret,
        })
    }

    /// The secret of this server.
    pub(super) fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// The account with this key.
    pub(super) fn account(&mut self, account: &Arc<str>) -> Result<Option<Account>, AccountsError> {
        if let Some(known) = self.cached.get(account) {
            return Ok(Some(known.clone()));
        }
        let found = self.store.account(account)?;
        // Names that have no account are not kept: anybody can invent them.
        if let Some(found) = &found {
            if self.cached.len() >= CACHED_MAX {
                self.cached.clear();
            }
            self.cached.insert(account.clone(), found.clone());
        }
        Ok(found)
    }

    /// Reads more accounts into memory, if many come that are not there and there is room for all.
    fn read_along(&mut self) -> Result<(), AccountsError> {
        let along = &mut self.read_along;
        if along.is_over {
            return Ok(());
        }
        if along.look_ups < LOOK_UPS_BEFORE_READING_ALONG {
            along.look_ups += 1;
            return Ok(());
        }
        let page = self.store.list(along.after.as_deref(), PAGE_MAX)?;
        along.is_over = page.len() < PAGE_MAX || self.cached.len() + 2 * PAGE_MAX > CACHED_MAX;
        along.after = page.last().map(|account| account.account.clone());
        for account in page {
            self.cached.insert(account.account.clone(), account);
        }
        Ok(())
    }

    /// The account that a guest's name is, or looks like.
    pub(super) fn like(&mut self, name: &UserName) -> Result<Option<UserName>, AccountsError> {
        if !self.registered.is_like(name) {
            return Ok(None);
        }
        self.store.like(&skeleton(name.as_str()))
    }

    /// A token with which `account` can come back.
    pub(super) fn mint(&self, account: &Account, now: Timestamp) -> String {
        resume::mint(&self.secret, &account.name, account.epoch, now)
    }

    /// The account that a resume token is for, if the token is ours, young enough and of the account's epoch.
    pub(super) fn resume(
        &mut self,
        text: &str,
        life: Duration,
        now: Timestamp,
    ) -> Result<Option<Account>, AccountsError> {
        let Ok(opened) = resume::open(&self.secret, text) else {
            return Ok(None);
        };
        let life_micros = u64::try_from(life.as_micros()).unwrap_or(u64::MAX);
        let end = opened.issued.as_micros().saturating_add(life_micros);
        if now.as_micros() >= end {
            return Ok(None);
        }
        let key = opened.name.account();
        if !self.cached.contains_key(&key) {
            self.read_along()?;
        }
        let account = self.account(&key)?;
        Ok(account.filter(|account| account.epoch == opened.epoch))
    }

    /// What has been done to accounts since the last call, here or by another process.
    pub(super) fn changes(&mut self) -> Result<Vec<Changed>, AccountsError> {
        let changes = self.store.changes()?;
        for change in &changes {
            self.cached.remove(&change.account);
            match &change.what {
                What::Now(account) => self.registered.add(&skeleton(account.name.as_str())),
                What::Removed => {
                    let skeleton = skeleton(&change.account);
                    // An error must not keep the other changes from being told: they are not read twice. The name stays taken then.
                    if matches!(self.store.like(&skeleton), Ok(None)) {
                        self.registered.remove(&skeleton);
                    }
                }
            }
        }
        Ok(changes)
    }

    /// Somebody else's name for the same: an account was made or changed here.
    pub(super) fn forget(&mut self, account: &str) {
        self.cached.remove(account);
    }

    /// An account was made here.
    pub(super) fn added(&self, name: &UserName) {
        self.registered.add(&skeleton(name.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::accounts::embedded::{EmbeddedAccounts, EmbeddedOptions};
    use crate::store::accounts::{AuditEntry, NewAccount, Role, Secrets, State};

    const LIFE: Duration = Duration::from_secs(60);

    fn act() -> AuditEntry {
        AuditEntry {
            time: Timestamp::now(),
            actor: "cli:test".to_owned(),
            address: None,
            action: "user.test".into(),
            room: None,
            subject: None,
            detail: String::new(),
        }
    }

    fn add(store: &mut EmbeddedAccounts, name: &str) -> Account {
        let new = NewAccount {
            name: UserName::parse(name).unwrap(),
            role: Role::Member,
            secrets: Secrets::default(),
            invite: None,
            allow_lookalike: true,
        };
        store.add(&new, &act()).unwrap()
    }

    #[test]
    fn who_was_read_along_is_let_in_by_what_the_accounts_are_now() {
        let folder = tempfile::tempdir().unwrap();
        let options = EmbeddedOptions::new(folder.path());
        let mut others = EmbeddedAccounts::open(&options).unwrap();
        let count = LOOK_UPS_BEFORE_READING_ALONG as usize + 8;
        let people: Vec<_> = (0..count)
            .map(|number| add(&mut others, &format!("person-{number}")))
            .collect();
        let store = Box::new(EmbeddedAccounts::open(&options).unwrap());
        let mut book = Book::open(store, Arc::default()).unwrap();
        let now = Timestamp::now();
        let tokens: Vec<_> = people.iter().map(|who| book.mint(who, now)).collect();
        let few = LOOK_UPS_BEFORE_READING_ALONG as usize;
        for (number, token) in tokens.iter().enumerate().take(few + 1) {
            assert_eq!(book.cached.len(), number);
            let back = book.resume(token, LIFE, now).unwrap();
            assert_eq!(back.as_ref(), Some(&people[number]));
        }
        assert_eq!(book.cached.len(), count);
        // Nobody of these has come yet.
        let [gone, suspended, same] = [&people[few + 1], &people[few + 2], &people[few + 3]];
        others.remove(&gone.account, &act()).unwrap();
        others
            .set_state(&suspended.account, State::Suspended, &act())
            .unwrap();
        let late = add(&mut others, "late");
        assert_eq!(book.changes().unwrap().len(), 3);
        assert_eq!(book.resume(&tokens[few + 1], LIFE, now).unwrap(), None);
        assert_eq!(book.resume(&tokens[few + 2], LIFE, now).unwrap(), None);
        let back = book.resume(&tokens[few + 3], LIFE, now).unwrap();
        assert_eq!(back.as_ref(), Some(same));
        let token = book.mint(&late, now);
        assert_eq!(book.resume(&token, LIFE, now).unwrap(), Some(late));
    }
}

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
use crate::store::accounts::{Account, Accounts, AccountsError, Changed, What};

/// Accounts kept in memory; beyond that all are read anew.
const CACHED_MAX: usize = 100_000;

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

/// See the module.
pub(super) struct Book {
    pub(super) store: Box<dyn Accounts>,
    cached: HashMap<Arc<str>, Option<Account>>,
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
            return Ok(known.clone());
        }
        let found = self.store.account(account)?;
        // Names that have no account are not kept: anybody can invent them.
        if let Some(found) = &found {
            if self.cached.len() >= CACHED_MAX {
                self.cached.clear();
            }
            self.cached.insert(account.clone(), Some(found.clone()));
        }
        Ok(found)
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
        let account = self.account(&opened.name.account())?;
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

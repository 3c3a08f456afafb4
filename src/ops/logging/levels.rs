//! Which lines are wanted: a level for all, and others for single modules. Pure but for handing lines on.
//!
//! The levels can change while lines are written. The least important one wanted from anybody stands in an atomic of its own, so that
//! the many lines that nobody wants cost one load and take no lock.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use slog::{Drain, Level, OwnedKVList, Record};

use crate::ops::config;

/// What module names begin with in the compiler's eyes; in the configuration it may be left out.
const CRATE_PREFIX: &str = concat!(env!("CARGO_CRATE_NAME"), "::");

/// The least important level wanted from each module.
pub(super) struct Levels {
    default: Level,
    /// Module names without the crate's, the longest first, so that the first that fits is the one that counts.
    modules: Vec<(String, Level)>,
    /// The least important level wanted from anybody.
    lowest: Level,
}

impl Levels {
    pub(super) fn new(config: &config::Logging) -> Self {
        let default = level(config.level);
        let mut modules: Vec<(String, Level)> = config
            .levels
            .iter()
            .map(|(name, wanted)| (without_crate(name).to_owned(), level(*wanted)))
            .collect();
        modules.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        let all = modules.iter().map(|(_, wanted)| *wanted).chain([default]);
        let lowest = all
            .max_by_key(|wanted| wanted.as_usize())
            .unwrap_or(default);
        Self {
            default,
            modules,
            lowest,
        }
    }

    fn wants(&self, module: &str, level: Level) -> bool {
        let module = without_crate(module);
        let fits = |name: &str| match module.strip_prefix(name) {
            Some(rest) => rest.is_empty() || rest.starts_with("::"),
            None => name == CRATE_PREFIX.trim_end_matches(':'),
        };
        let wanted = self.modules.iter().find(|(name, _)| fits(name));
        level.is_at_least(wanted.map_or(self.default, |(_, wanted)| *wanted))
    }
}

/// The levels in force. Clones are the same ones.
#[derive(Clone)]
pub struct LevelSwitch(Arc<Shared>);

struct Shared {
    /// [`Levels::lowest`] as a number.
    lowest: AtomicUsize,
    levels: RwLock<Levels>,
}

impl LevelSwitch {
    pub(super) fn new(config: &config::Logging) -> Self {
        let levels = Levels::new(config);
        Self(Arc::new(Shared {
            lowest: AtomicUsize::new(levels.lowest.as_usize()),
            levels: RwLock::new(levels),
        }))
    }

    /// Lines are wanted by `config` from now on: `logging.level` and `logging.levels`.
    pub fn set(&self, config: &config::Logging) {
        let levels = Levels::new(config);
        let lowest = levels.lowest.as_usize();
        *self
            .0
            .levels
            .write()
            .unwrap_or_else(PoisonError::into_inner) = levels;
        self.0.lowest.store(lowest, Ordering::Relaxed);
    }

    fn may_want(&self, level: Level) -> bool {
        level.as_usize() <= self.0.lowest.load(Ordering::Relaxed)
    }

    fn wants(&self, module: &str, level: Level) -> bool {
        let levels = || self.0.levels.read().unwrap_or_else(PoisonError::into_inner);
        self.may_want(level) && levels().wants(module, level)
    }

    /// A drain that hands the wanted lines to `inner`.
    pub(super) fn over<D>(self, inner: D) -> Filtered<D> {
        Filtered {
            levels: self,
            inner,
        }
    }
}

impl std::fmt::Debug for LevelSwitch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LevelSwitch")
    }
}

/// Lets wanted lines through.
pub(super) struct Filtered<D> {
    levels: LevelSwitch,
    inner: D,
}

impl<D: Drain<Ok = ()>> Drain for Filtered<D> {
    type Ok = ();
    type Err = D::Err;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), D::Err> {
        if self.levels.wants(record.module(), record.level()) {
            self.inner.log(record, values)?;
        }
        Ok(())
    }

    fn is_enabled(&self, level: Level) -> bool {
        self.levels.may_want(level)
    }
}

fn without_crate(module: &str) -> &str {
    module.strip_prefix(CRATE_PREFIX).unwrap_or(module)
}

fn level(level: config::Level) -> Level {
    match level {
        config::Level::Error => Level::Error,
        config::Level::Warning => Level::Warning,
        config::Level::Info => Level::Info,
        config::Level::Debug => Level::Debug,
        config::Level::Trace => Level::Trace,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_that_fits_counts() {
        let mut config = config::Config::built_in().logging;
        for (name, level) in [
            ("hub", config::Level::Error),
            ("hub::room", config::Level::Trace),
            ("gencomm::store", config::Level::Debug),
        ] {
            config.levels.insert(name.to_owned(), level);
        }
        let levels = Levels::new(&config);
        let table = [
            ("gencomm::edge::listener", Level::Info, true),
            ("gencomm::edge::listener", Level::Debug, false),
            ("gencomm::hub", Level::Warning, false),
            ("gencomm::hub::log", Level::Error, true),
            ("gencomm::hub::room", Level::Trace, true),
            ("gencomm::hub::room::tail", Level::Trace, true),
            ("gencomm::hub::rooms", Level::Info, false),
            ("gencomm::store::log", Level::Debug, true),
            ("gencomm::store::log", Level::Trace, false),
            ("gencomm", Level::Info, true),
        ];
        for (module, level, wanted) in table {
            assert_eq!(levels.wants(module, level), wanted, "{module} {level}");
        }
    }

    #[test]
    fn levels_change_for_loggers_that_are_there() {
        let mut config = config::Config::built_in().logging;
        let switch = LevelSwitch::new(&config);
        let held = switch.clone();
        let wanted = |level| held.wants("gencomm::hub", level);
        assert!(wanted(Level::Info) && !wanted(Level::Debug));
        config.level = config::Level::Trace;
        switch.set(&config);
        assert!(wanted(Level::Trace) && held.may_want(Level::Trace));
        config.level = config::Level::Error;
        switch.set(&config);
        assert!(!wanted(Level::Warning) && wanted(Level::Error));
        config.levels.insert("hub".to_owned(), config::Level::Debug);
        switch.set(&config);
        assert!(wanted(Level::Debug) && !held.wants("gencomm::edge", Level::Debug));
    }

    #[test]
    fn the_crates_own_name_means_every_module() {
        let mut config = config::Config::built_in().logging;
        config
            .levels
            .insert("gencomm".to_owned(), config::Level::Debug);
        assert!(Levels::new(&config).wants("gencomm::hub", Level::Debug));
        assert!(Levels::new(&config).wants("gencomm", Level::Debug));
    }
}

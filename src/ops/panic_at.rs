//! Places where a test may have an actor panic: the begin and the end of each handler ([`place`]), and what lies between ([`point`]). In: what
//! a test arms, or `GENCOMM_PANICS` in the environment. Out: panics. In a release every place is nothing.
//!
//! `GENCOMM_PANICS=seed=7,rate=2000,places=room/,gap=2100ms,restarts=5,at=log/started/entry|log/Requests/end`: each pass of a place whose name begins so panics with a chance of one in `rate`,
//! but of one actor (what stands before the `/`) on one thread no oftener than every `gap`. Each thread draws from a generator of its own, made
//! of the seed and the thread's name. What no restart makes up for (`fatal/...`) panics only if it is named. What `at` names panics once in any case; `restarts` is how many
//! restarts of an actor in ten seconds are survived. With `calm` nothing is drawn until it is asked for (`PROVOKE;{tag};wild`).

#[cfg(feature = "fault-injection")]
mod armed {
    use std::cell::{Cell, RefCell};
    use std::collections::{BTreeMap, HashMap};
    use std::hash::{DefaultHasher, Hash, Hasher};
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::{Mutex, OnceLock, PoisonError};
    use std::time::{Duration, Instant};

    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    thread_local! {
        static PLACE: Cell<&'static str> = const { Cell::new("") };
        static DRAWS: RefCell<Option<Draws>> = const { RefCell::new(None) };
    }

    /// Places that panic at their next pass, on whatever thread.
    static ANYWHERE: Mutex<Vec<String>> = Mutex::new(Vec::new());
    /// How many these are: passing a place costs no lock while there are none.
    static ANYWHERE_COUNT: AtomicUsize = AtomicUsize::new(0);
    /// How often each place has panicked.
    static FIRED: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());
    static RULE: OnceLock<Option<Rule>> = OnceLock::new();
    static IS_CALM: AtomicBool = AtomicBool::new(false);

    /// What the environment asks for.
    struct Rule {
        seed: u64,
        rate: u32,
        places: String,
        gap: Duration,
        restarts_max: Option<usize>,
    }

    impl Rule {
        /// Whoever mistypes it is told at once, since a campaign without panics proves nothing.
        fn read() -> Option<Self> {
            let text = std::env::var("GENCOMM_PANICS").ok()?;
            let mut rule = Self {
                seed: 0,
                rate: 1000,
                places: String::new(),
                gap: Duration::from_millis(2100),
                restarts_max: None,
            };
            for part in text.split(',') {
                let (key, value) = part.split_once('=').unwrap_or((part, ""));
                let number = |text: &str| text.parse().ok();
                let is_good = match key {
                    "seed" => number(value).map(|seed| rule.seed = seed).is_some(),
                    "rate" => value.parse().map(|rate| rule.rate = rate).is_ok(),
                    "places" => {
                        value.clone_into(&mut rule.places);
                        true
                    }
                    "gap" => {
                        let gap = value.strip_suffix("ms").and_then(number);
                        gap.map(|gap| rule.gap = Duration::from_millis(gap))
                            .is_some()
                    }
                    "restarts" => {
                        rule.restarts_max = value.parse().ok();
                        rule.restarts_max.is_some()
                    }
                    "calm" => {
                        draw(false);
                        true
                    }
                    "at" => {
                        value.split('|').for_each(set_anywhere);
                        true
                    }
                    _ => false,
                };
                if !is_good {
                    eprintln!(
                        "GENCOMM_PANICS: {part:?} is none of seed=, rate=, places=, gap=...ms, restarts=, at=, calm"
                    );
                    std::process::exit(2);
                }
            }
            Some(rule)
        }

        fn names(&self, place: &str) -> bool {
            let is_fatal = place.starts_with("fatal/") && !self.places.starts_with("fatal/");
            !is_fatal && place.starts_with(&self.places)
        }
    }

    /// The draws of one thread.
    struct Draws {
        random: StdRng,
        last: HashMap<String, Instant>,
    }

    impl Draws {
        fn of_thread(seed: u64) -> Self {
            let mut hasher = DefaultHasher::new();
            std::thread::current().name().hash(&mut hasher);
            Self {
                random: StdRng::seed_from_u64(seed ^ hasher.finish()),
                last: HashMap::new(),
            }
        }

        fn hits(&mut self, rule: &Rule, place: &str) -> bool {
            if self.random.random_range(0..rule.rate.max(1)) != 0 {
                return false;
            }
            let actor = place.split('/').next().unwrap_or(place);
            let now = Instant::now();
            let last = self.last.get(actor);
            if last.is_some_and(|last| now.duration_since(*last) < rule.gap) {
                return false;
            }
            self.last.insert(actor.to_owned(), now);
            true
        }
    }

    /// The next pass of `place` on this thread panics.
    pub(crate) fn set(place: &'static str) {
        PLACE.set(place);
    }

    /// The next pass of `place` on any thread panics.
    pub(crate) fn set_anywhere(place: &str) {
        let mut armed = ANYWHERE.lock().unwrap_or_else(PoisonError::into_inner);
        armed.push(place.to_owned());
        ANYWHERE_COUNT.store(armed.len(), Ordering::Release);
    }

    /// How often each place has panicked so far.
    pub(crate) fn fired() -> Vec<(String, u64)> {
        let fired = FIRED.lock().unwrap_or_else(PoisonError::into_inner);
        fired
            .iter()
            .map(|(place, count)| (place.clone(), *count))
            .collect()
    }

    fn rule() -> Option<&'static Rule> {
        RULE.get_or_init(Rule::read).as_ref()
    }

    /// Whether nothing can be armed or drawn, which costs next to nothing to know.
    fn is_quiet() -> bool {
        rule().is_none() && PLACE.get().is_empty() && ANYWHERE_COUNT.load(Ordering::Acquire) == 0
    }

    /// Whether places are drawn from now on.
    pub(crate) fn draw(wanted: bool) {
        IS_CALM.store(!wanted, Ordering::Relaxed);
    }

    /// How many restarts are survived, if that is to be another number.
    pub(crate) fn restarts_max() -> Option<usize> {
        rule()?.restarts_max
    }

    fn is_armed(place: &str) -> bool {
        if PLACE.get() == place {
            PLACE.set("");
            return true;
        }
        if ANYWHERE_COUNT.load(Ordering::Acquire) > 0 {
            let mut armed = ANYWHERE.lock().unwrap_or_else(PoisonError::into_inner);
            let found = armed.iter().position(|armed| armed == place);
            if let Some(at) = found {
                armed.swap_remove(at);
                ANYWHERE_COUNT.store(armed.len(), Ordering::Release);
                return true;
            }
        }
        rule().is_some_and(|rule| {
            !IS_CALM.load(Ordering::Relaxed)
                && rule.names(place)
                && DRAWS.with_borrow_mut(|draws| {
                    let draws = draws.get_or_insert_with(|| Draws::of_thread(rule.seed));
                    draws.hits(rule, place)
                })
        })
    }

    /// Panics if this place is armed, or drawn.
    pub(crate) fn point(place: &str) {
        // What unwinds already would end the process.
        if std::thread::panicking() || !is_armed(place) {
            return;
        }
        let mut fired = FIRED.lock().unwrap_or_else(PoisonError::into_inner);
        *fired.entry(place.to_owned()).or_default() += 1;
        drop(fired);
        panic!("provoked {place}");
    }

    /// See [`place`].
    pub(crate) struct Place(&'static str);

    /// Panics here, at `{name}/entry`, or when what is returned is dropped, at `{name}/end`, if that is armed or drawn.
    #[must_use]
    pub(crate) fn place(name: &'static str) -> Place {
        if !is_quiet() {
            point(&format!("{name}/entry"));
        }
        Place(name)
    }

    impl Drop for Place {
        fn drop(&mut self) {
            if !is_quiet() {
                point(&format!("{}/end", self.0));
            }
        }
    }
}
#[cfg(feature = "fault-injection")]
pub(crate) use armed::{draw, fired, place, point, restarts_max, set, set_anywhere};

/// Nothing, in a release.
#[cfg(not(feature = "fault-injection"))]
pub(crate) struct Place;

/// Nothing, in a release.
#[cfg(not(feature = "fault-injection"))]
#[inline(always)]
pub(crate) fn place(_: &'static str) -> Place {
    Place
}

/// Nothing, in a release.
#[cfg(not(feature = "fault-injection"))]
#[inline(always)]
pub(crate) fn point(_: &'static str) {}

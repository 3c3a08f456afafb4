//! A fault that comes back with every request: said when it begins, now and then while it lasts, and when it is over. A log full of one line
//! hides all others, and on a full disk it would take the rest.

use std::cell::Cell;
use std::fmt::Display;
use std::time::{Duration, Instant};

use slog::{Logger, error, info};

/// While it lasts it is said so often.
const SAID_EVERY: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug)]
pub struct Trouble {
    /// What does not work, as the line begins.
    what: &'static str,
    began: Cell<Option<Instant>>,
    said: Cell<Option<Instant>>,
    times: Cell<u64>,
}

impl Trouble {
    /// None so far; `what` is what the lines begin with.
    pub fn new(what: &'static str) -> Self {
        Self {
            what,
            began: Cell::new(None),
            said: Cell::new(None),
            times: Cell::new(0),
        }
    }

    /// It happened, again perhaps.
    pub fn happened(&self, log: &Logger, error: &dyn Display) {
        let now = Instant::now();
        self.times.set(self.times.get() + 1);
        if self.began.get().is_none() {
            self.began.set(Some(now));
        }
        let said = self.said.get();
        if said.is_none_or(|said| now.duration_since(said) >= SAID_EVERY) {
            self.said.set(Some(now));
            error!(log, "{}", self.what; "error" => %error, "times" => self.times.get());
        }
    }

    /// It worked.
    pub fn is_over(&self, log: &Logger) {
        if let Some(began) = self.began.take() {
            let seconds = began.elapsed().as_secs_f64();
            info!(log, "over: {}", self.what;
                "times" => self.times.take(), "seconds" => format!("{seconds:.1}"));
            self.said.set(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    struct Lines(Arc<Mutex<Vec<String>>>);

    impl slog::Drain for Lines {
        type Ok = ();
        type Err = slog::Never;

        fn log(&self, record: &slog::Record<'_>, _: &slog::OwnedKVList) -> Result<(), slog::Never> {
            self.0.lock().unwrap().push(record.msg().to_string());
            Ok(())
        }
    }

    #[test]
    fn it_is_said_when_it_begins_and_when_it_is_over() {
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let log = Logger::root(Lines(lines.clone()), slog::o!());
        let trouble = Trouble::new("no room");
        trouble.is_over(&log);
        for _ in 0..1000 {
            trouble.happened(&log, &"full");
        }
        trouble.is_over(&log);
        trouble.is_over(&log);
        trouble.happened(&log, &"full");
        let said = lines.lock().unwrap().clone();
        assert_eq!(said, ["no room", "over: no room", "no room"]);
    }
}

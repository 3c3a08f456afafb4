//! What became of the steps, and how it is told: a line each, `NAME ok 0.412 ms` or `NAME failed 12.300 ms: WHY`. Pure.

use std::time::Duration;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// Which.
    pub(crate) name: String,
    /// Why it failed, if it did.
    pub(crate) failure: Option<String>,
    /// How long it took, or how long it has taken so far.
    pub(crate) took: Duration,
}

impl Step {
    /// As it goes over the control socket.
    pub(crate) fn line(&self) -> String {
        let ms = self.took.as_secs_f64() * 1000.0;
        match &self.failure {
            None => format!("{} ok {ms:.3} ms", self.name),
            Some(why) => format!("{} failed {ms:.3} ms: {why}", self.name),
        }
    }

    /// The other way; `None` if it is no such line.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (name, rest) = line.split_once(' ')?;
        let (verdict, rest) = rest.split_once(' ')?;
        let (ms, rest) = rest.split_once(" ms")?;
        let failure = match (verdict, rest) {
            ("ok", "") => None,
            ("failed", why) => Some(why.strip_prefix(": ")?.to_owned()),
            _ => return None,
        };
        let ms: f64 = ms.parse().ok()?;
        Some(Self {
            name: name.to_owned(),
            failure,
            took: Duration::try_from_secs_f64(ms / 1000.0).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_were_written() {
        for failure in [None, Some("no answer from shard 1: it hangs".to_owned())] {
            let step = Step {
                name: "accept".to_owned(),
                failure,
                took: Duration::from_micros(1234),
            };
            assert_eq!(Step::parse(&step.line()), Some(step));
        }
        assert_eq!(Step::parse("accept ok 0.100 ms").unwrap().failure, None);
        for bad in [
            "",
            "accept",
            "accept ok",
            "accept fine 1 ms",
            "accept ok x ms",
            "accept ok 1 ms: x",
            "accept failed 1 ms",
        ] {
            assert_eq!(Step::parse(bad), None, "{bad}");
        }
    }
}

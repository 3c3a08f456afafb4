//! Times as people give them and read them.

use std::time::Duration;

use chrono::{DateTime, Local, Utc};

use crate::edge::wire::timestamp::Timestamp;

/// The moment that `--since` names: unix seconds, or an age such as `10m`, `2h`, `1d`.
pub fn since(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(time) = Timestamp::parse(text) {
        return Ok(time);
    }
    let age = age(text).ok_or_else(|| {
        format!("\"{text}\" is no time: give unix seconds, or an age such as 90s, 10m, 2h, 1d")
    })?;
    let micros = u64::try_from(age.as_micros()).unwrap_or(u64::MAX);
    Ok(Timestamp::from_micros(
        now.as_micros().saturating_sub(micros),
    ))
}

/// A duration such as `500ms`, `30s`, `10m`, `2h`, `1d`.
pub fn age(text: &str) -> Option<Duration> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at(unit_at);
    let count: u64 = digits.parse().ok()?;
    let seconds = match unit {
        "ms" => return Some(Duration::from_millis(count)),
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    Some(Duration::from_secs(count.checked_mul(seconds)?))
}

/// How much of a moment a line shows. Both are local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// `2026-11-22 15:04:05`.
    Full,
    /// `15:04:05`.
    TimeOfDay,
}

/// `time` in the local zone; seconds since 1970 if no calendar reaches that far.
pub fn shown(time: Timestamp, clock: Clock) -> String {
    let format = match clock {
        Clock::Full => "%Y-%m-%d %H:%M:%S",
        Clock::TimeOfDay => "%H:%M:%S",
    };
    i64::try_from(time.as_micros())
        .ok()
        .and_then(DateTime::<Utc>::from_timestamp_micros)
        .map_or_else(
            || time.to_string(),
            |utc| utc.with_timezone(&Local).format(format).to_string(),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_moments() {
        let now = Timestamp::parse("100000").unwrap();
        for (text, seconds) in [
            ("1640995200.5", "1640995200.500"),
            ("0", "0.000"),
            ("10m", "99400.000"),
            ("2h", "92800.000"),
            ("1d", "13600.000"),
            ("9999d", "0.000"),
            ("1500ms", "99998.500"),
        ] {
            assert_eq!(since(text, now).unwrap().to_string(), seconds, "{text}");
        }
        for bad in [
            "",
            "yesterday",
            "-5",
            "5 m",
            "m",
            "1y",
            "99999999999999999999d",
        ] {
            assert!(since(bad, now).is_err(), "{bad}");
        }
    }

    #[test]
    fn far_moments_are_still_shown() {
        assert!(!shown(Timestamp::from_micros(u64::MAX), Clock::Full).is_empty());
        assert_eq!(
            shown(Timestamp::from_micros(0), Clock::TimeOfDay).len(),
            "00:00:00".len()
        );
    }
}

//! Unix time as the record writes it: seconds as a decimal number.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// Digits before the point that are accepted; enough for some 300,000 years, and no overflow in microseconds.
const SECONDS_DIGITS_MAX: usize = 13;

/// A moment, in microseconds since the Unix epoch. Never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

/// Why a text is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a time is seconds since 1970 as a plain decimal number, like 1640995200.123")]
pub struct TimestampError;

impl Timestamp {
    /// The server's clock, cut to milliseconds: three decimals keep records short.
    pub fn now() -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self(
            u64::try_from(since.as_millis())
                .unwrap_or(u64::MAX / 1000)
                .saturating_mul(1000),
        )
    }

    /// From microseconds since the epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Reads seconds with an optional fraction; digits behind the sixth decimal are cut.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if seconds.is_empty()
            || seconds.len() > SECONDS_DIGITS_MAX
            || !digits(seconds)
            || !digits(fraction)
        {
            return Err(TimestampError);
        }
        let mut micros = seconds.parse::<u64>().map_err(|_| TimestampError)? * 1_000_000;
        let mut unit = 100_000;
        for digit in fraction.bytes().take(6) {
            micros += u64::from(digit - b'0') * unit;
            unit /= 10;
        }
        Ok(Self(micros))
    }

    /// Appends the decimal text: three decimals, or six where the microseconds matter.
    pub fn write_to(self, out: &mut Vec<u8>) {
        let (seconds, micros) = (self.0 / 1_000_000, self.0 % 1_000_000);
        push_decimal(seconds, 1, out);
        out.push(b'.');
        if micros % 1000 == 0 {
            push_decimal(micros / 1000, 3, out);
        } else {
            push_decimal(micros, 6, out);
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.0 / 1_000_000, self.0 % 1_000_000);
        if micros % 1000 == 0 {
            write!(f, "{seconds}.{:03}", micros / 1000)
        } else {
            write!(f, "{seconds}.{micros:06}")
        }
    }
}

/// Appends `value` in decimal, with leading zeros up to `width`. Numbers are on the path of every message,
/// where the formatting machinery of the standard library costs more than all the rest of a line.
pub fn push_decimal(mut value: u64, width: usize, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    let at = at.min(digits.len() - width.min(digits.len()));
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_and_writes_the_seed_form() {
        for (text, micros, written) in [
            ("1640995200.123", 1_640_995_200_123_000, "1640995200.123"),
            ("0", 0, "0.000"),
            ("5.", 5_000_000, "5.000"),
            ("1795324350.30", 1_795_324_350_300_000, "1795324350.300"),
            ("1.2345678", 1_234_567, "1.234567"),
        ] {
            let time = Timestamp::parse(text).unwrap();
            assert_eq!(time.as_micros(), micros);
            assert_eq!(time.to_string(), written);
        }
    }

    #[test]
    fn refuses_what_is_no_time() {
        for bad in [
            "",
            "-5",
            "+5",
            "1e9",
            "inf",
            "nan",
            ".5",
            "1,5",
            "1.2.3",
            " 1",
            "99999999999999",
        ] {
            assert_eq!(Timestamp::parse(bad), Err(TimestampError), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(micros in 0u64..10_000_000_000_000_000_000) {
            prop_assume!(micros / 1_000_000 < 10_000_000_000_000);
            let time = Timestamp::from_micros(micros);
            let mut bytes = Vec::new();
            time.write_to(&mut bytes);
            prop_assert_eq!(bytes, time.to_string().into_bytes());
            prop_assert_eq!(Timestamp::parse(&time.to_string()), Ok(time));
        }
    }
}

//! Text to durations, sizes and networks, and back. Pure.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

/// Longest duration accepted, in days: a hundred years, so that adding one to a clock cannot overflow.
const DURATION_DAYS_MAX: u64 = 36_500;

const DURATION_FORM: &str = "a duration such as \"150ms\", \"5s\", \"10m\", \"2h\" or \"7d\"";
const SIZE_FORM: &str =
    "a size such as \"512B\", \"16KiB\", \"64MiB\" or \"2GiB\", or a number of bytes";

/// Unit, milliseconds in it; the largest first, as [`Display`](fmt::Display) of a duration would take them.
const DURATION_UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Unit, bytes in it; the largest first.
const SIZE_UNITS: [(&str, u64); 5] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// A number of bytes that prints as a person would write it: `64MiB`, `1000B`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteSize(pub u64);

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = SIZE_UNITS
            .iter()
            .find(|(_, bytes)| self.0 >= *bytes && self.0.is_multiple_of(*bytes));
        let (unit, bytes) = fits.copied().unwrap_or(("B", 1));
        write!(f, "{}{unit}", self.0 / bytes)
    }
}

/// A duration from `"150ms"`, `"5s"`, `"10m"`, `"2h"`, `"7d"` or `"0"`. The error says what was wrong.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text).ok_or_else(|| format!("\"{text}\" is not {DURATION_FORM}"))?;
    if number == 0 && unit.is_empty() {
        return Ok(Duration::ZERO);
    }
    if unit.is_empty() {
        return Err(format!("\"{text}\" has no unit; write {DURATION_FORM}"));
    }
    let Some((_, millis)) = DURATION_UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(format!(
            "\"{unit}\" is not a unit of time; write {DURATION_FORM}"
        ));
    };
    match number.checked_mul(*millis) {
        Some(total) if total <= DURATION_DAYS_MAX * 86_400_000 => Ok(Duration::from_millis(total)),
        _ => Err(format!(
            "\"{text}\" is too long; at most \"{DURATION_DAYS_MAX}d\""
        )),
    }
}

/// A number of bytes from `"512B"`, `"16KiB"`, `"64MiB"`, `"2GiB"`, `"1TiB"` or `"4096"`. The error says what was wrong.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text).ok_or_else(|| format!("\"{text}\" is not {SIZE_FORM}"))?;
    if unit.is_empty() {
        return Ok(number);
    }
    let Some((_, bytes)) = SIZE_UNITS.iter().find(|(name, _)| *name == unit) else {
        let near = SIZE_UNITS
            .iter()
            .find(|(name, _)| name[..1].eq_ignore_ascii_case(unit.get(..1).unwrap_or_default()));
        return Err(match near {
            Some((name, _)) => {
                format!("\"{unit}\" is not a unit of size; did you mean \"{number}{name}\"?")
            }
            None => format!("\"{unit}\" is not a unit of size; write {SIZE_FORM}"),
        });
    };
    number
        .checked_mul(*bytes)
        .ok_or_else(|| format!("\"{text}\" is too large; at most {} bytes", u64::MAX))
}

/// `"16 KiB"` to `(16, "KiB")`; nothing if it does not begin with a number.
fn split(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number = text[..end].parse().ok()?;
    Some((number, text[end..].trim_start()))
}

/// Bits before an IPv4 address that is written as IPv6, `::ffff:0:0/96`.
const MAPPED_BITS: u8 = 96;

/// A network in CIDR form, or one address for a network of its own. One of IPv4 that is written as IPv6 is IPv4, as the addresses
/// that are looked up ([`lists`]).
fn parse_network(text: &str) -> Result<IpNet, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address.to_canonical()));
    }
    let network = text.parse::<IpNet>().map_err(|_| {
        format!("\"{text}\" is neither a network in CIDR form such as \"10.0.0.0/8\" or \"fd00::/8\" nor an address")
    })?;
    let in_v4 = match network {
        IpNet::V6(six) => six
            .addr()
            .to_ipv4_mapped()
            .zip(six.prefix_len().checked_sub(MAPPED_BITS)),
        IpNet::V4(_) => None,
    };
    let in_v4 = in_v4.and_then(|(address, bits)| IpNet::new(address.into(), bits).ok());
    Ok(in_v4.unwrap_or(network))
}

/// Whether `address` lies in one of the `networks`. An IPv4 address that arrived over an IPv6 socket counts as IPv4.
pub fn lists(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

pub(super) fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    // A bare number has no unit; only zero means the same in all of them.
    let whole = |number: u64| match number {
        0 => Ok(Duration::ZERO),
        _ => Err(format!("{number} has no unit; write {DURATION_FORM}")),
    };
    from.deserialize_any(TextOrNumber {
        form: DURATION_FORM,
        text: parse_duration,
        number: whole,
    })
}

pub(super) fn size<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    from.deserialize_any(TextOrNumber {
        form: SIZE_FORM,
        text: parse_size,
        number: Ok,
    })
}

pub(super) fn networks<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpNet>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    let (mut networks, mut faults) = (Vec::new(), Vec::new());
    for text in &texts {
        match parse_network(text.trim()) {
            Ok(network) => networks.push(network),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() {
        Ok(networks)
    } else {
        Err(de::Error::custom(faults.join("; ")))
    }
}

pub(super) fn optional_path<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<PathBuf>, D::Error> {
    let text = String::deserialize(from)?;
    Ok(Some(PathBuf::from(text)).filter(|path| !path.as_os_str().is_empty()))
}

/// Takes a TOML string or a TOML integer, each with its own reading.
struct TextOrNumber<T, N> {
    form: &'static str,
    text: T,
    number: N,
}

impl<V, T, N> Visitor<'_> for TextOrNumber<T, N>
where
    T: Fn(&str) -> Result<V, String>,
    N: Fn(u64) -> Result<V, String>,
{
    type Value = V;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.form)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<V, E> {
        (self.text)(text).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<V, E> {
        (self.number)(number).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<V, E> {
        let whole = u64::try_from(number)
            .map_err(|_| E::custom(format!("{number} is negative; write {}", self.form)))?;
        self.visit_u64(whole)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn any_text_gets_an_answer(text in "([0-9]{0,21} ?)?.{0,4}") {
            let _ = (parse_duration(&text), parse_size(&text), parse_network(&text));
        }

        #[test]
        fn a_printed_size_reads_back(bytes: u64) {
            prop_assert_eq!(parse_size(&ByteSize(bytes).to_string()), Ok(bytes));
        }
    }

    #[test]
    fn units_read_and_print() {
        let times = [
            ("150ms", 150),
            ("5s", 5_000),
            ("10m", 600_000),
            ("2h", 7_200_000),
            ("7d", 604_800_000),
            ("0", 0),
        ];
        for (text, millis) in times {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for text in [
            "",
            "s",
            "-5s",
            "5",
            "5 parsecs",
            "1.5s",
            "40000d",
            "99999999999999999999s",
            "5é",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        let sizes = [
            ("0", 0),
            ("512B", 512),
            ("16KiB", 16 << 10),
            ("64MiB", 64 << 20),
            ("2 GiB", 2 << 30),
            ("1TiB", 1 << 40),
        ];
        for (text, bytes) in sizes {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "KiB",
            "-1",
            "16kb",
            "16K",
            "20000000TiB",
            "1.5MiB",
            "1é",
        ] {
            assert!(parse_size(text).is_err(), "{text}");
        }
        for (bytes, text) in [
            (0, "0B"),
            (1000, "1000B"),
            (16 << 10, "16KiB"),
            (3 << 20, "3MiB"),
            (5 << 40, "5TiB"),
        ] {
            assert_eq!(ByteSize(bytes).to_string(), text);
            assert_eq!(parse_size(text), Ok(bytes));
        }
    }

    #[test]
    fn an_ipv4_network_may_be_written_as_ipv6() {
        for (text, expected) in [
            ("::ffff:10.0.0.1", "10.0.0.1/32"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::ffff:0:0/95", "::ffff:0:0/95"),
            ("::/0", "::/0"),
            ("fd00::/8", "fd00::/8"),
        ] {
            let network: IpNet = expected.parse().unwrap();
            assert_eq!(parse_network(text), Ok(network), "{text}");
        }
    }

    #[test]
    fn an_ipv4_address_counts_as_such_on_an_ipv6_socket() {
        let loopback = ["127.0.0.0/8", "::1"].map(|text| parse_network(text).unwrap());
        for (address, inside) in [
            ("127.0.0.2", true),
            ("::ffff:127.0.0.3", true),
            ("::1", true),
            ("10.0.0.1", false),
        ] {
            assert_eq!(
                lists(&loopback, address.parse::<IpAddr>().unwrap()),
                inside,
                "{address}"
            );
        }
    }
}

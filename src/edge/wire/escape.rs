//! The escapes of message bodies. In: text as it travels. Out: raw bytes, and back.
//!
//! Newline is `\n`, a backslash is `\\`. Bytes that are not UTF-8, NUL, and a carriage return that would end a line
//! (readers drop it there) are `\xHH`. What a client *sends* knows the first two only, as the original does; there an
//! unknown escape yields the bare character. What the server *stored* may hold all three.

use std::borrow::Cow;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Appends `raw` as the body of a record or a text line.
pub fn escape_into(raw: &[u8], out: &mut Vec<u8>) {
    out.reserve(raw.len());
    for chunk in raw.utf8_chunks() {
        escape_text(chunk.valid(), out);
        chunk.invalid().iter().for_each(|byte| push_hex(*byte, out));
    }
    if out.last() == Some(&b'\r') && raw.last() == Some(&b'\r') {
        out.pop();
        push_hex(b'\r', out);
    }
}

fn escape_text(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'\n' => out.extend_from_slice(br"\n"),
            b'\\' => out.extend_from_slice(br"\\"),
            0 => push_hex(0, out),
            _ => out.push(byte),
        }
    }
}

fn push_hex(byte: u8, out: &mut Vec<u8>) {
    let digit = |nibble: u8| HEX[usize::from(nibble)];
    out.extend_from_slice(&[b'\\', b'x', digit(byte >> 4), digit(byte & 15)]);
}

/// The raw bytes of a body that a client sent: `\n`, `\\`, and any other escape as its bare character.
/// A lone backslash at the end stands for itself.
pub fn unescape_sent(text: &[u8]) -> Cow<'_, [u8]> {
    unescape(text, false)
}

/// The raw bytes of a body that the server wrote: `\xHH` is a byte too.
pub fn unescape_stored(text: &[u8]) -> Cow<'_, [u8]> {
    unescape(text, true)
}

fn unescape(text: &[u8], with_hex: bool) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(b'\\', text) else {
        return Cow::Borrowed(text);
    };
    let mut raw = Vec::with_capacity(text.len());
    raw.extend_from_slice(&text[..first]);
    let mut rest = &text[first..];
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            raw.push(byte);
            continue;
        }
        match tail {
            [] => raw.push(b'\\'),
            [b'n', after @ ..] => {
                raw.push(b'\n');
                rest = after;
            }
            [b'x', high, low, after @ ..]
                if with_hex && hex(*high).is_some() && hex(*low).is_some() =>
            {
                let value = hex(*high).unwrap_or(0) << 4 | hex(*low).unwrap_or(0);
                raw.push(value);
                rest = after;
            }
            [other, after @ ..] => {
                raw.push(*other);
                rest = after;
            }
        }
    }
    Cow::Owned(raw)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|d| u8::try_from(d).ok())
}

/// Brings a body that a text client sent into the stored form, or returns it as it is when it already has it, which is
/// the case for nearly every message. `sent` must be UTF-8.
pub fn canonical_body(sent: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr3(b'\\', 0, b'\r', sent).is_none() {
        return Cow::Borrowed(sent);
    }
    let mut out = Vec::with_capacity(sent.len() + 8);
    escape_into(&unescape_sent(sent), &mut out);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn escaped(raw: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        escape_into(raw, &mut out);
        out
    }

    #[test]
    fn writes_the_escapes_of_the_seed_and_ours() {
        assert_eq!(escaped(b"a\nb\\c;d"), br"a\nb\\c;d");
        assert_eq!(escaped(b"\xff\0ok"), br"\xFF\x00ok");
        assert_eq!(escaped("zoë".as_bytes()), "zoë".as_bytes());
        assert_eq!(escaped(b"a\rb\r"), b"a\rb\\x0D");
    }

    #[test]
    fn what_a_client_sends_knows_two_escapes() {
        assert_eq!(&*unescape_sent(br"a\nb\\n\q\xFF\"), b"a\nb\\nqxFF\\");
        assert_eq!(&*unescape_stored(br"\xFF\x0z\q"), b"\xffx0zq");
    }

    #[test]
    fn canonical_is_free_for_plain_text() {
        assert!(matches!(canonical_body(b"plain; text"), Cow::Borrowed(_)));
        assert_eq!(&*canonical_body(br"a\tb"), b"atb");
        assert_eq!(&*canonical_body(b"a\0b"), br"a\x00b");
    }

    proptest! {
        #[test]
        fn any_bytes_round_trip(raw in proptest::collection::vec(any::<u8>(), 0..200)) {
            let text = escaped(&raw);
            prop_assert!(std::str::from_utf8(&text).is_ok());
            prop_assert!(!text.contains(&b'\n') && !text.contains(&0) && text.last() != Some(&b'\r'));
            prop_assert_eq!(&*unescape_stored(&text), &raw[..]);
        }

        #[test]
        fn canonical_is_stable(text in "[a-z\\\\n;\\x00\r é]{0,40}") {
            let once = canonical_body(text.as_bytes()).into_owned();
            let raw = unescape_sent(text.as_bytes()).into_owned();
            prop_assert_eq!(&*unescape_stored(&once), &raw[..]);
        }
    }
}

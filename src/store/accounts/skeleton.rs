//! Names that people confuse have the same skeleton. Names are of `[A-Za-z0-9_.-]`, so this is a matter of a few characters and
//! not of Unicode.

/// What of `name` a quick look takes in: without regard to case and to `_`, `.`, `-`; digits as the letters that they
/// resemble, `rn` as `m` and `vv` as `w`. No two digits become the same: `bot1` and `bot2` stay apart.
///
/// A skeleton is its own skeleton.
pub fn skeleton(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        let c = match c.to_ascii_lowercase() {
            '_' | '.' | '-' => continue,
            '0' => 'o',
            '1' | 'i' => 'l',
            '2' => 'z',
            '5' => 's',
            '8' => 'b',
            '9' => 'g',
            c => c,
        };
        let pair = match (out.as_bytes().last(), c) {
            (Some(b'r'), 'n') => Some('m'),
            (Some(b'v'), 'v') => Some('w'),
            _ => None,
        };
        if let Some(wide) = pair {
            out.pop();
            out.push(wide);
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_looks_alike_is_alike() {
        for (one, other) in [
            ("alice", "Alice"),
            ("alice", "al1ce"),
            ("alice", "a_l.i-c_e"),
            ("alice", "aIice"),
            ("alice", "ALICE_"),
            ("bob", "b0b"),
            ("bob", "8o8"),
            ("mark", "rnark"),
            ("mark", "r_nark"),
            ("Will", "vVi1l"),
            ("susi", "5u5l"),
            ("zoe", "2oe"),
            ("greg", "9re9"),
            ("_", "--__."),
        ] {
            assert_eq!(skeleton(one), skeleton(other), "{one} {other}");
        }
    }

    #[test]
    fn what_does_not_is_not() {
        for (one, other) in [
            ("alice", "alicia"),
            ("alice", "alce"),
            ("bob", "rob"),
            ("mark", "marc"),
            ("nr", "m"),
            ("bot3", "bot4"),
        ] {
            assert_ne!(skeleton(one), skeleton(other), "{one} {other}");
        }
        let digits: std::collections::HashSet<String> =
            (0..10).map(|digit| skeleton(&digit.to_string())).collect();
        assert_eq!(digits.len(), 10);
    }

    proptest! {
        #[test]
        fn a_skeleton_is_its_own(name in "[A-Za-z0-9_.-]{0,32}") {
            let once = skeleton(&name);
            prop_assert_eq!(skeleton(&once), once.clone());
            prop_assert!(once.len() <= name.len());
        }
    }
}

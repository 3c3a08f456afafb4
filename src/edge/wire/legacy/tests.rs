//! Original clients, right and wrong, and the deliveries to them.

use super::super::escape::{escape_into, unescape_stored};
use super::*;
use proptest::prelude::*;

fn batches<'a>(records: impl IntoIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let mut batcher = Batcher::new();
    let mut all: Vec<_> = records
        .into_iter()
        .filter_map(|record| batcher.push(record))
        .collect();
    all.extend(batcher.finish());
    assert_eq!(batcher.finish(), None);
    all
}

#[test]
fn messages_are_raw_behind_the_first_semicolon() {
    let message = parse_message(b"alice;a;b\\n\xff\n").unwrap();
    assert_eq!((message.user.as_str(), message.repaired), ("alice", false));
    assert_eq!(message.content, b"a;b\\n\xff\n");
    let odd = parse_message(b"al ice\xff;x").unwrap();
    assert_eq!((odd.user.as_str(), odd.repaired), ("al_ice_", true));
    assert_eq!(parse_message(b"alice"), Err(LegacyError::NoSeparator));
    assert_eq!(parse_message(b""), Err(LegacyError::NoSeparator));
    assert_eq!(parse_message(b"alice;"), Err(LegacyError::EmptyMessage));
}

#[test]
fn a_heartbeat_is_a_finite_number() {
    assert_eq!(parse_heartbeat(b"1795324350.30"), Ok(1_795_324_350.3));
    assert_eq!(parse_heartbeat(b" 12\r\n"), Ok(12.0));
    for bad in [
        &b""[..],
        b"now",
        b"inf",
        b"NaN",
        b"1e999",
        b"1,5",
        b"\xff",
        b"1.0 2.0",
    ] {
        assert_eq!(
            parse_heartbeat(bad),
            Err(LegacyError::Heartbeat),
            "{}",
            bad.escape_ascii()
        );
    }
}

#[test]
fn batches_fill_up_to_the_last_byte() {
    let (half, rest) = (vec![b'a'; 2000], vec![b'b'; 2095]);
    assert_eq!(
        batches([&half[..], &rest]),
        [[&half[..], b"\n", &rest].concat()]
    );
    let over = vec![b'b'; 2096];
    assert_eq!(batches([&half[..], &over]), [half.clone(), over]);
    assert_eq!(
        batches([&b"1;1.0;a;x\n"[..], b"", b"\n", b"2;1.0;a;y"]),
        [b"1;1.0;a;x\n2;1.0;a;y"]
    );
    assert!(batches([]).is_empty());
}

#[test]
fn a_record_over_the_limit_is_cut_with_a_mark() {
    let fits = vec![b'x'; BATCH_BYTES_MAX];
    assert_eq!(batches([&fits[..]]), [fits]);
    for (unit, lead) in [
        ("x", 0),
        ("é", 0),
        ("é", 1),
        ("😀", 1),
        ("😀", 2),
        ("😀", 3),
    ] {
        let record = "y".repeat(lead) + &unit.repeat(5000);
        let cut = String::from_utf8(cut_record(record.as_bytes()).into_owned()).unwrap();
        assert!(cut.len() <= BATCH_BYTES_MAX && cut.len() > BATCH_BYTES_MAX - 4);
        assert!(record.starts_with(cut.strip_suffix(CUT_MARK).unwrap()));
    }
}

#[test]
fn no_escape_is_cut_in_two() {
    for unit in [r"\n", r"\\", r"\xFF", r"\\x", r"a\\\n"] {
        for lead in 0..8 {
            let record = "y".repeat(lead) + &unit.repeat(4000);
            let cut = cut_record(record.as_bytes());
            let kept = cut.strip_suffix(CUT_MARK.as_bytes()).unwrap();
            let whole = unescape_stored(record.as_bytes());
            assert!(whole.starts_with(&unescape_stored(kept)), "{unit} {lead}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn batches_hold_all_records_in_order(
        shapes in proptest::collection::vec(("[0-9]{1,3};1.0;u;[a-zé\\\\]{1,9}", 1usize..300), 0..12)
    ) {
        let records: Vec<String> = shapes.iter().map(|(unit, n)| unit.repeat(*n)).collect();
        let all = batches(records.iter().map(|record| record.as_bytes()));
        for batch in &all {
            prop_assert!(!batch.is_empty() && batch.len() <= BATCH_BYTES_MAX);
            prop_assert!(batch.last() != Some(&b'\n'));
        }
        let expected: Vec<Vec<u8>> =
            records.iter().map(|record| cut_record(record.as_bytes()).into_owned()).collect();
        prop_assert_eq!(all.join(&b'\n'), expected.join(&b'\n'));
        if records.iter().all(|record| record.len() <= BATCH_BYTES_MAX) {
            prop_assert_eq!(all.join(&b'\n'), records.join("\n").into_bytes());
        }
    }

    #[test]
    fn what_is_kept_of_a_cut_record_is_its_beginning(
        raw in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'\\'), Just(b'\n')], 1..40),
        lead in 0usize..9,
    ) {
        let mut record = vec![b'y'; lead];
        escape_into(&raw.repeat(5000 / raw.len() + 1), &mut record);
        let cut = cut_record(&record);
        prop_assert!(cut.len() <= BATCH_BYTES_MAX && std::str::from_utf8(&cut).is_ok());
        let kept = cut.strip_suffix(CUT_MARK.as_bytes()).unwrap_or(&cut);
        prop_assert!(unescape_stored(&record).starts_with(&unescape_stored(kept)));
    }

    #[test]
    fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60), times in 1usize..200) {
        let _ = parse_message(&bytes);
        let _ = parse_heartbeat(&bytes);
        let long = bytes.repeat(times);
        prop_assert!(batches([&long[..], &bytes]).iter().all(|batch| batch.len() <= BATCH_BYTES_MAX));
    }
}

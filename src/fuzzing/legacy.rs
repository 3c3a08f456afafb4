//! What original clients send, and the deliveries to them.

use super::input::Input;
use crate::edge::wire::legacy::{
    BATCH_BYTES_MAX, Batcher, CUT_MARK, cut_record, parse_heartbeat, parse_message,
};
use crate::edge::wire::names::is_user;

/// A message, a heartbeat, or records for a delivery.
pub fn legacy(data: &[u8]) {
    let mut input = Input(data);
    match input.byte() % 3 {
        0 => message(input.0),
        1 => {
            if let Ok(seconds) = parse_heartbeat(input.0) {
                assert!(seconds.is_finite());
            }
        }
        _ => deliveries(input),
    }
}

fn message(bytes: &[u8]) {
    let Ok(message) = parse_message(bytes) else {
        let at = bytes.iter().position(|byte| *byte == b';');
        return assert!(at.is_none_or(|at| at + 1 == bytes.len()), "a good message");
    };
    assert!(is_user(message.user.as_str().as_bytes()));
    let name = &bytes[..bytes.len() - message.content.len() - 1];
    assert_eq!(message.repaired, name != message.user.as_str().as_bytes());
    assert!(!message.content.is_empty() && !name.contains(&b';'));
}

/// Records of lengths around what a delivery holds, packed: none is lost, none is mixed up, none splits a character.
fn deliveries(mut input: Input<'_>) {
    let mut batcher = Batcher::new();
    let (mut batches, mut expected) = (Vec::new(), Vec::new());
    // Bytes of the delivery that is being filled.
    let mut open = 0;
    while !input.is_empty() && expected.len() < 4 {
        // Mostly short; sometimes about as long as a delivery holds, or as there is room in this one.
        let (few, more) = (usize::from(input.byte()), usize::from(input.byte()));
        let times = match more {
            0..200 => few,
            200..228 => BATCH_BYTES_MAX - 100 + few,
            _ => (BATCH_BYTES_MAX + few % 4).saturating_sub(open + 3),
        };
        let pattern: Vec<u8> = input
            .piece()
            .iter()
            .copied()
            .filter(|b| *b != b'\n')
            .collect();
        let record: Vec<u8> = pattern.iter().copied().cycle().take(times).collect();
        let record = if pattern.is_empty() { pattern } else { record };
        cut(&record);
        let full = batcher.push(&record);
        let between = usize::from(open > 0);
        let kept = if full.is_some() { 0 } else { open + between };
        batches.extend(full);
        if !record.is_empty() {
            open = kept + cut_record(&record).len();
            expected.push(cut_record(&record).into_owned());
        }
    }
    batches.extend(batcher.finish());
    assert!(batcher.finish().is_none());
    assert!(
        batches
            .iter()
            .all(|batch| (1..=BATCH_BYTES_MAX).contains(&batch.len()))
    );
    let heard: Vec<&[u8]> = batches
        .iter()
        .flat_map(|batch| batch.split(|byte| *byte == b'\n'))
        .collect();
    assert_eq!(heard, expected);
}

fn cut(record: &[u8]) {
    let cut = cut_record(record);
    assert!(cut.len() <= BATCH_BYTES_MAX);
    if record.len() <= BATCH_BYTES_MAX {
        return assert_eq!(&*cut, record);
    }
    let kept = cut.strip_suffix(CUT_MARK.as_bytes()).expect("the mark");
    assert!(record.starts_with(kept));
    assert!(
        kept.len() + CUT_MARK.len() + 6 >= BATCH_BYTES_MAX,
        "too much cut"
    );
    if std::str::from_utf8(record).is_ok() {
        assert!(std::str::from_utf8(&cut).is_ok(), "a character is split");
    }
}

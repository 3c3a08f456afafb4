//! The plain cases, one a test.

use super::super::super::{From, LogReader, PageQuery};
use super::super::Segments;
use super::support::*;

#[test]
fn what_was_appended_is_read_once_it_is_published() {
    let folder = tempfile::tempdir().unwrap();
    let mut segments = Segments::open(options(folder.path()), NO_JOURNAL, &log()).unwrap();
    let reader = segments.reader();
    assert_eq!(segments.newest_id(), 0);
    let first = group(&segments, vec![message(1, 5000, "lobby", "Hello, world!")]);
    segments.append(&first).unwrap();
    assert_eq!((reader.newest(), segments.newest_id()), (0, 1));
    assert_eq!(reader.get(1).unwrap(), None);
    segments.publish();
    assert_eq!(
        reader.get(1).unwrap(),
        Some(message(1, 5000, "lobby", "Hello, world!"))
    );
    append(
        &mut segments,
        vec![message(2, 6000, "dev", "a;b"), removal(3, 7000, "lobby", 1)],
    );
    let page = reader.page(&everything()).unwrap();
    assert_eq!(
        (ids(&page.events), page.scanned_to, page.more),
        (vec![1, 2, 3], 3, false)
    );
    assert_eq!(page.events[2], removal(3, 7000, "lobby", 1));
    assert_eq!(reader.room_newest(&room("lobby")), 3);
    let text = std::fs::read_to_string(folder.path().join("00000000000000000001.log")).unwrap();
    assert_eq!(
        text,
        "1;0.005;alice;Hello, world!\n2;0.006;alice#dev;a;b\n3;0.007;.gone;1\n"
    );
}

#[test]
fn rooms_come_in_pages_in_order_of_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut segments = Segments::open(options(folder.path()), NO_JOURNAL, &log()).unwrap();
    for (id, to) in ["dev", "lobby", "art", "dev", "zoo"].iter().enumerate() {
        let id = id as u64 + 1;
        append(&mut segments, vec![message(id, id * 1000, to, "text")]);
    }
    for _ in 0..2 {
        let reader = segments.reader();
        let page = |after: Option<&str>, count| {
            let after = after.map(room);
            let page = reader.rooms_page(after.as_ref(), count);
            let named: Vec<_> = page
                .into_iter()
                .map(|(r, id)| (r.to_string(), id))
                .collect();
            named
        };
        let all = [("art", 3), ("dev", 4), ("lobby", 2), ("zoo", 5)].map(|(r, id)| (r.into(), id));
        assert_eq!(page(None, 100), all);
        assert_eq!(page(None, 2), all[..2]);
        assert_eq!(page(Some("dev"), 2), all[2..]);
        assert_eq!(page(Some("e"), 1), all[2..3]);
        assert_eq!(page(Some("zoo"), 1), []);
        segments.close().unwrap();
        segments = Segments::open(options(folder.path()), ALL_SYNCED, &log()).unwrap();
    }
}

#[test]
fn rolls_and_reopens() {
    let folder = tempfile::tempdir().unwrap();
    let mut segments = Segments::open(options(folder.path()), NO_JOURNAL, &log()).unwrap();
    for id in 1..=200 {
        let to = if id % 3 == 0 { "dev" } else { "lobby" };
        append(&mut segments, vec![message(id, id * 1000, to, "some text")]);
        if id % 50 == 0 {
            segments.sync_handle().unwrap().run().unwrap();
        }
    }
    let (link, group) = (segments.newest_link(), segments.newest_group());
    for journal in [NO_JOURNAL, ALL_SYNCED] {
        segments.close().unwrap();
        segments = Segments::open(options(folder.path()), journal, &log()).unwrap();
        assert_eq!(
            (segments.newest_link(), segments.newest_group()),
            (link, group)
        );
        let reader = segments.reader();
        let dev = PageQuery {
            room: Some(room("dev")),
            ..everything()
        };
        let expected: Vec<u64> = (1..=200).filter(|id| id % 3 == 0).collect();
        assert_eq!(ids(&reader.page(&dev).unwrap().events), expected);
        let newest = PageQuery {
            newest_first: true,
            events_max: 2,
            ..dev
        };
        let page = reader.page(&newest).unwrap();
        assert_eq!((ids(&page.events), page.more), (vec![195, 198], true));
        let start = reader.resolve(&room("dev"), From::Last(3)).unwrap();
        assert_eq!((start.after, start.gap), (191, None));
        assert_eq!(reader.page(&everything()).unwrap().events.len(), 200);
        assert_eq!(segments.rooms_len(), 2);
        assert_eq!(segments.lookup(77).unwrap().unwrap().prev, 76);
    }
}

#[test]
fn pages_of_records_that_lie_far_apart_end_early_and_miss_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.segment_bytes = 1 << 20;
    let mut segments = Segments::open(options, NO_JOURNAL, &log()).unwrap();
    let to = |id: u64| {
        if id.is_multiple_of(25) {
            "quiet"
        } else {
            "busy"
        }
    };
    let body = "long enough that what lies between two is not read with them";
    let each = (1..=5000).map(|id| message(id, id, to(id), body));
    append(&mut segments, each.collect());
    let reader = segments.reader();
    let mut query = PageQuery {
        room: Some(room("quiet")),
        ..everything()
    };
    let all: Vec<u64> = (1..=200).map(|n| n * 25).collect();
    let first = reader.page(&query).unwrap();
    assert_eq!(ids(&first.events), all[..128]);
    assert!(first.more && first.scanned_to == all[127]);
    query.after = first.scanned_to;
    let second = reader.page(&query).unwrap();
    assert_eq!(ids(&second.events), all[128..]);
    assert!(!second.more && second.scanned_to == 5000);

    query.after = 0;
    query.newest_first = true;
    let newest = reader.page(&query).unwrap();
    assert_eq!(ids(&newest.events), all[72..]);
    assert!(newest.more);
    query.before = all[72];
    let rest = reader.page(&query).unwrap();
    assert_eq!(ids(&rest.events), all[..72]);

    // What lies together is one page.
    query.room = None;
    query.before = u64::MAX;
    assert_eq!(reader.page(&query).unwrap().events.len(), 5000);
}

//! The end of the log's actor.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::hub::probe::HearProbe;
use crate::hub::room::{Committed, RoomExpired, RoomOpened};
use crate::ops::boot::log_options;
use crate::ops::config::Config;
use crate::ops::supervise::{RestartLimit, start_supervised};
use crate::store::log::embedded::EmbeddedLog;

/// A shard over which the log panics.
struct Trap;

impl Listener for Trap {
    fn committed(&self, _: Committed) {}

    fn opened(&self, _: RoomOpened) {
        panic!("provoked");
    }

    fn expired(&self, _: RoomExpired) {}

    fn answered(&self, _: ChangeAnswered) {}

    fn probed(&self, _: HearProbe) {}
}

#[test]
fn what_is_closed_stays_closed_whatever_panics_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let opened = Arc::new(AtomicUsize::new(0));
    let options = log_options(&Config::built_in(), folder.path().join("log"));
    let quiet = Logger::root(slog::Discard, slog::o!());
    let open = || EmbeddedLog::open(options.clone(), quiet.clone());
    actix_rt::System::new().block_on(async {
        let store = open().unwrap();
        let reader = SharedReader::new(store.reader());
        let (count, again, quiet) = (opened.clone(), options.clone(), quiet.clone());
        let log = quiet.clone();
        let factory: StoreFactory = Box::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(Box::new(EmbeddedLog::open(again.clone(), log.clone())?))
        });
        let fatal: Fatal = Arc::new(|why: &str| panic!("{why}"));
        let actor = MessageLog::new(quiet.clone(), Box::new(store), factory, reader, fatal);
        let (limit, give_up) = (RestartLimit::default(), Box::new(|| panic!("given up")));
        let log = start_supervised("log", quiet, limit, give_up, |_| actor);
        log.do_send(AddShard(ShardLink::new(Trap, Arc::default())));
        let trap = || OpenRoom {
            shard: 0,
            room: RoomName::parse("den").unwrap(),
        };
        // While it is open, it is opened again.
        assert!(log.send(trap()).await.is_err());
        assert_eq!(log.send(CloseLog).await.unwrap(), Ok(()));
        let opened_before = opened.load(Ordering::SeqCst);
        assert!(opened_before > 0);
        // Another process has it now.
        let other = open().unwrap();
        assert!(log.send(trap()).await.is_err());
        assert_eq!(log.send(CloseLog).await.unwrap(), Ok(()));
        assert_eq!(opened.load(Ordering::SeqCst), opened_before);
        drop(other);
    });
}

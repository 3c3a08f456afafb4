//! A disk that fills up under load and is emptied again: no promise is made that cannot be kept, everybody is told why, what is there can
//! be read, and the server goes on by itself as soon as there is room.

use std::time::{Duration, Instant};

use crate::support::load::{self, Crowd, Load};
use crate::support::privileges::{self, Need};
use crate::support::{PATIENCE, Server, SmallDisk, rounds};

const DISK_BYTES: u64 = 12 << 20;
/// How long the disk stays full.
const FULL_FOR: Duration = Duration::from_millis(1500);
/// Log lines that one filling may cost: some of the log, some of the accounts.
const LOG_LINES_MAX: usize = 12;

const CROWD: Crowd = Crowd {
    rooms: 2,
    senders: 2,
    readers: 1,
    removes: true,
    direct: true,
    registers: true,
    padding: 300,
};

/// Waits until somebody was refused because of the disk since `from` refusals were there, with this beginning of the answer's tag.
fn wait_for_refusal(load: &Load, from: usize, tag: &str) {
    let end = Instant::now() + PATIENCE;
    let start = format!("ERR;{tag}");
    loop {
        let refusals = load.ledger.refusals();
        let mut new = refusals.iter().skip(from);
        if new.any(|refusal| refusal.line.starts_with(&start)) {
            return;
        }
        load.assert_no_failure();
        assert!(Instant::now() < end, "nobody was refused {start}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What is there can be read by whoever comes now, from every file and from memory.
fn check_reading(server: &Server, who: &str) {
    let mut reader = server.guest(who);
    assert!(reader.whole_history("den0").len() > 10);
    reader.join("den1", "after=0");
    // The group that does not fit comes when there is room.
    for _ in 0..10 {
        reader.until("MSG;den1;");
    }
    reader.check_alive();
}

fn log_lines(server: &Server) -> Vec<String> {
    let text = server.log_text();
    let is_about =
        |line: &&str| line.contains(" WARN ") || line.contains(" ERRO ") || line.contains(" CRIT ");
    text.lines().filter(is_about).map(str::to_owned).collect()
}

#[test]
fn a_full_disk_refuses_says_why_and_is_over_when_there_is_room() {
    if !privileges::has(&[Need::Root, Need::Mount]) {
        return;
    }
    let disk = SmallDisk::mount(DISK_BYTES);
    let mut server = load::builder()
        .data_dir(&disk.path().join("data"))
        .set("storage.segment_bytes", "64KiB")
        .start();
    let load = Load::start(server.address(), CROWD);
    let rounds = rounds("GENCOMM_FILLINGS", 2, 20);
    let (mut slowest, mut accounts) = (Duration::ZERO, 0);
    for round in 0..rounds {
        assert!(load.goes_on(40, PATIENCE), "round {round}: nothing is kept");
        let (refused, logged) = (load.ledger.refusals().len(), log_lines(&server).len());
        disk.fill();
        wait_for_refusal(&load, refused, "s");
        wait_for_refusal(&load, refused, "r;");
        // The clients go on asking, every few milliseconds.
        let end = Instant::now() + FULL_FOR;
        while Instant::now() < end {
            disk.fill();
            check_reading(&server, &format!("late{round}"));
        }
        for refusal in load.ledger.refusals().iter().skip(refused) {
            let line = &refusal.line;
            assert!(line.contains("disk is full"), "{line:?} does not say why");
            assert!(!line.contains("/log/"), "{line:?} tells where files are");
        }
        let lines = log_lines(&server);
        let new = &lines[logged..];
        assert!(
            !new.is_empty(),
            "the log does not say that the disk is full"
        );
        assert!(new.len() <= LOG_LINES_MAX, "{} lines: {new:#?}", new.len());

        let emptied = Instant::now();
        disk.empty();
        assert!(
            load.goes_on(1, PATIENCE),
            "round {round}: it does not go on"
        );
        slowest = slowest.max(emptied.elapsed());
        assert!(
            load.goes_on(40, PATIENCE),
            "round {round}: it does not go on"
        );
        let told = log_lines(&server).len();
        eprintln!(
            "round {round}: refused {}, log lines {}",
            load.ledger.refusals().len() - refused,
            told - logged
        );

        // What was answered is on the disk, and not in memory alone.
        server.kill9();
        load.wait_until_all_are_cut_off();
        server.restart();
        load.check(&server, 0);
        load.check_accounts(&server, accounts);
        accounts = load.ledger.accounts().len();
        load.move_to(server.address());
    }
    assert!(load.goes_on(10, PATIENCE), "nothing is kept");
    let kept = load.ledger.kept_len();
    load.finish(&server);
    assert!(server.term().success());
    eprintln!("{rounds} fillings: {kept} messages kept, on again after {slowest:?} at most");
}

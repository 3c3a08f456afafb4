//! `kill -9` again and again, at any moment, also while the server recovers from the one before; everybody comes back each time.
//!
//! `GENCOMM_KILLS` says how often (200 with `GENCOMM_FULL`), `GENCOMM_SEED` repeats the moments of a run. A round that fails prints
//! its seed and keeps the data folder.

use std::process::Command;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::support::load::{self, Crowd, Load};
use crate::support::{KeptFolder, Server, rounds, seed};

/// Every so many rounds everything is read, and `gencomm log verify` reads every byte; in the others what is new.
const ROUNDS_TO_ALL: usize = 10;
/// Of so many restarts one is killed too, before it is ready.
const ONE_RESTART_IN: u32 = 4;

const CROWD: Crowd = Crowd {
    rooms: 3,
    senders: 3,
    readers: 1,
    removes: true,
    direct: true,
    registers: true,
    padding: 60,
};

#[test]
fn killed_again_and_again_nothing_is_lost_or_doubled() {
    let (rounds, seed) = (rounds("GENCOMM_KILLS", 5, 200), seed("GENCOMM_SEED"));
    let folder = KeptFolder::new(&format!("seed {seed}"));
    let mut server = load::builder()
        .data_dir(&folder.path().join("data"))
        .start();
    let load = Load::start(server.address(), CROWD);
    let (mut checked, mut accounts, mut in_recovery) = (0, 0, 0);
    for round in 1..=rounds {
        let mut chance = StdRng::seed_from_u64(seed.wrapping_add(round as u64));
        assert!(
            load.goes_on(1, Duration::from_secs(30)),
            "round {round}: nothing is kept"
        );
        std::thread::sleep(Duration::from_millis(chance.random_range(0..250)));
        let newest = load.ledger.newest();
        server.kill9();
        load.wait_until_all_are_cut_off();
        while chance.random_ratio(1, ONE_RESTART_IN) {
            server.launch();
            std::thread::sleep(Duration::from_millis(chance.random_range(0..120)));
            server.kill9();
            in_recovery += 1;
        }
        server.restart();
        let is_all = round % ROUNDS_TO_ALL == 0 || round == rounds;
        load.check(&server, if is_all { 0 } else { checked });
        load.check_accounts(&server, accounts);
        (checked, accounts) = (newest, load.ledger.accounts().len());
        if is_all {
            verify(&server);
        }
        load.move_to(server.address());
    }
    assert!(load.goes_on(10, Duration::from_secs(30)), "nothing is kept");
    let (kept, removed) = (load.ledger.kept_len(), load.ledger.removed_len());
    load.finish(&server);
    assert!(server.term().success());
    server.restart();
    verify(&server);
    eprintln!(
        "{rounds} kills and {in_recovery} in recovery, seed {seed}: {kept} messages kept, {removed} of them removed, {accounts} accounts"
    );
    folder.forget();
}

/// Every byte of the log is as it should be.
fn verify(server: &Server) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gencomm"));
    command.args(["log", "verify"]);
    command.env("GENCOMM__SERVER__DATA_DIR", server.data_dir());
    let output = command.output().expect("gencomm log verify");
    let (out, err) = (&output.stdout, &output.stderr);
    let text = String::from_utf8_lossy(out) + String::from_utf8_lossy(err);
    assert!(output.status.success(), "gencomm log verify: {text}");
}

//! `gencomm log head`, `verify --head` and `repair` around a real server: heads outlive kills, damage is told and set aside.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use super::{home, log};
use crate::support::{Server, number};

/// Says `count` messages of a size of which a journal of 1 MiB holds fewer than 150; returns their ids.
fn say_much(server: &Server, name: &str, count: usize) -> Vec<u64> {
    let mut client = server.member(name, "lobby");
    let filling = "x".repeat(7000);
    let say = |n| {
        client.say(
            "lobby",
            &format!("{name}{n}"),
            &format!("{name} {n} {filling}"),
        )
    };
    (0..count).map(say).collect()
}

#[test]
fn a_head_kept_beside_a_running_server_holds_over_kills_and_stops() {
    let mut server = Server::builder()
        .set("storage.journal_bytes", "1MiB")
        .start();
    let data = server.data_dir();
    let told = log(&data, &["head"]).failed();
    assert!(told.contains("no record in its segments yet"), "{told}");
    let mut heads = Vec::new();
    for round in 0..3 {
        say_much(&server, &format!("round{round}"), 5);
        heads.push(log(&data, &["head"]).ok());
        let line = heads.last().expect("just kept");
        assert!(
            line.starts_with("gencomm-head:1:") && line.ends_with('\n'),
            "{line}"
        );
        let told = log(&data, &["verify", "--head", line.trim()]).ok();
        assert!(
            told.contains("beside the server") && told.contains("on the chain"),
            "{told}"
        );
        server.kill9();
        let told = log(&data, &["verify", "--head", line.trim()]).ok();
        assert!(told.contains("no record up to it was altered"), "{told}");
        server.restart();
    }
    let shown = log(&data, &["head", "--json"]).ok();
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["newest_id"], 15);
    assert_eq!(shown["head"].as_str(), heads[2].strip_suffix('\n'));
    assert!(server.term().success());

    let file = server.home().join("heads");
    let text = format!(
        "# kept by cron\n\n2026-07-01T03:00 {}{}{}",
        heads[0], heads[1], heads[2]
    );
    fs::write(&file, &text).expect("the heads");
    let name = file.to_str().expect("a path in UTF-8");
    let told = log(&data, &["verify", "--heads", name]).ok();
    assert_eq!(
        told.matches("on the chain: no record up to it").count(),
        3,
        "{told}"
    );
    let mut child = Command::new(env!("CARGO_BIN_EXE_gencomm"))
        .args([
            "log",
            "--data",
            data.to_str().expect("UTF-8"),
            "verify",
            "--heads",
            "-",
        ])
        .current_dir(server.home())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("its standard input");
    stdin.write_all(text.as_bytes()).expect("the heads");
    drop(stdin);
    assert!(child.wait().expect("it ends").success());

    // The end cut off: nothing in the log itself says so.
    let older = home();
    let shorter = Server::builder().data_dir(&older.1).start();
    say_much(&shorter, "round0", 5);
    drop(shorter);
    for (head, word) in [(&heads[0], "ALTERED"), (&heads[2], "CUT OFF")] {
        let told = log(&older.1, &["verify", "--head", head.trim()]).failed();
        assert!(told.contains(word), "{told}");
    }
    for wrong in ["gencomm-head:1:5:5:abc", "gencomm-head:2:1:1:00", "", "5"] {
        let ran = log(&data, &["verify", "--head", wrong]);
        assert_eq!(ran.code, Some(2), "{wrong}: {}", ran.err);
        assert!(ran.err.contains("--head"), "{}", ran.err);
    }
    fs::write(&file, "gencomm-head:1:5\n").expect("the heads");
    let ran = log(&data, &["verify", "--heads", name]);
    assert!(
        ran.code == Some(2) && ran.err.contains("line 1"),
        "{}",
        ran.err
    );
}

#[test]
fn a_damaged_record_is_a_gap_for_readers_and_repair_sets_it_aside() {
    let mut server = Server::builder()
        .set("storage.journal_bytes", "1MiB")
        .start();
    let data = server.data_dir();
    let ids = say_much(&server, "ann", 320);
    assert!(server.term().success());
    let head = log(&data, &["head"]).ok();
    let kept = ["verify", "--head", head.trim()];
    log(&data, &kept).ok();

    // The name in the line of the twentieth message: far before what the journal holds.
    let (lost, next) = (ids[19], ids[20]);
    let segment = data.join("log/00000000000000000001.log");
    let mut text = fs::read(&segment).expect("the segment");
    let line = format!("\n{lost};");
    let at = text
        .windows(line.len())
        .position(|part| part == line.as_bytes());
    let at = at.expect("the line") + line.len();
    let name = at
        + text[at..]
            .iter()
            .position(|byte| *byte == b';')
            .expect("the name")
        + 1;
    text[name + 3] = b'\n';
    fs::write(&segment, text).expect("the segment");

    let told = log(&data, &kept).failed();
    assert!(told.contains(&format!("(record {lost})")), "{told}");
    assert!(
        told.contains("backup") && told.contains("gencomm log repair"),
        "{told}"
    );
    server.restart();
    let told = log(&data, &["repair"]).failed();
    assert!(told.contains("stop that server"), "{told}");
    let catch_up = |server: &Server| {
        let mut reader = server.guest("reader");
        reader.join("lobby", "after=0");
        for id in &ids {
            if *id == lost {
                reader.expect(&format!("GAP;lobby;{next}"));
            } else {
                reader.expect_start(&format!("MSG;lobby;{id};"));
            }
        }
        reader.check_alive();
        reader.send(&format!("HISTORY;h;lobby;after={};3", ids[17]));
        let (before, answer) = reader.until("OK;h;");
        let told: Vec<u64> = before.iter().map(|line| number(line, 3)).collect();
        assert_eq!(told, [ids[18], ids[20], ids[21]], "{answer}");
        for (tag, command) in [("g", "GET"), ("d", "DELETE")] {
            reader.send(&format!("{command};{tag};{lost}"));
            let answer = reader.expect_start(&format!("ERR;{tag};"));
            // Where the server keeps its files is nobody's business.
            assert!(!answer.contains('/'), "{answer}");
        }
    };
    catch_up(&server);
    server.wait_for_log("gencomm log verify");
    assert!(server.term().success());

    let told = log(&data, &["repair"]).ok();
    assert!(
        told.contains(&format!("marked as lost: 1 records: {lost}\n")),
        "{told}"
    );
    let note = fs::read_to_string(data.join("log/quarantine/notes")).expect("the note");
    assert!(
        note.contains(&format!("records {lost}")) && note.contains("from a backup"),
        "{note}"
    );
    let copy = note.split(':').next().expect("the name of the copy");
    let copy = fs::read(data.join("log/quarantine").join(copy)).expect("the copy");
    let begin = format!("{lost};");
    assert!(copy.starts_with(begin.as_bytes()) && copy.len() > 7000);
    // The chain is whole over it, and yet nobody pretends.
    let told = log(&data, &kept).failed();
    assert!(
        told.contains(&format!(
            "lost: 1 records, set aside by `gencomm log repair`: {lost}"
        )),
        "{told}"
    );
    assert!(
        told.contains("on the chain: no record up to it was altered"),
        "{told}"
    );
    let told = log(&data, &[&kept[..], &["--known-lost", "1"]].concat()).ok();
    assert!(told.ends_with("clean but for the lost records\n"), "{told}");
    let told = log(&data, &["repair"]).ok();
    assert!(told.starts_with("nothing to repair\n"), "{told}");
    server.restart();
    catch_up(&server);
}

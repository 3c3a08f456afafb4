//! A client that closes its sending side (`nc -N`) gets everything it asked for, however slowly it reads.

use std::io::Read;
use std::time::Duration;

use crate::support::{Gc2, Server};

/// Lines of the same length, so that a socket that is full may well be full at a line's border.
const COUNT: usize = 20_000;

#[test]
fn a_slow_one_gets_its_whole_past() {
    let server = Server::builder()
        .set("rooms.tail_bytes", "16KiB")
        .set("storage.durability", "os")
        .set("heartbeat.interval", "300ms")
        .set("heartbeat.timeout", "300ms")
        .start();
    let mut writer = server.member("ann", "den");
    let body = "x".repeat(90);
    for chunk in 0..COUNT / 500 {
        let lines: String = (0..500)
            .map(|n| format!("SEND;;den;{body}{:06}\n", chunk * 500 + n))
            .collect();
        writer.send_bytes(lines.as_bytes());
        let last = format!("{:06}", (chunk + 1) * 500 - 1);
        while !writer.line().ends_with(&last) {}
    }
    for round in 0..3 {
        let mut slow = Gc2::connect_with_buffer(server.address(), 4096);
        slow.send_bytes(b"AUTH;a;GUEST;bob\nJOIN;j;den;after=0\n");
        slow.close_sending();
        let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
        let mut stream = slow.stream();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        loop {
            match stream.read(&mut buffer).unwrap() {
                0 => break,
                read => bytes.extend_from_slice(&buffer[..read]),
            }
            if bytes.len() % 7 == round {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.ends_with('\n'), "cut within a line");
        let told = text.lines().filter(|line| line.starts_with("MSG;den;"));
        assert_eq!(told.count(), COUNT, "round {round}");
    }
}

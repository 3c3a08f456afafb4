//! The socket and its other side, within one process.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use super::ask::{AskError, ask, parse};
use super::*;

fn silent() -> Logger {
    Logger::root(slog::Discard, slog::o!())
}

/// Runs `act` on another thread beside a control socket in `folder`.
fn beside<T: Send + 'static>(folder: &Path, act: impl FnOnce() -> T + Send + 'static) -> T {
    actix_rt::System::new().block_on(async {
        let verbs = Verbs::default()
            .on("say", || async {
                Answer::ok(vec!["one\ntwo\u{1b}".into()])
            })
            .on("refuse", || async { Answer::failed(vec!["no".into()]) });
        let control = open(folder, verbs, silent()).unwrap();
        let done = tokio::task::spawn_blocking(act).await.unwrap();
        drop(control);
        done
    })
}

#[test]
fn a_verb_is_answered_by_its_handler_and_no_line_can_be_forged() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_owned();
    let answers = beside(dir.path(), move || {
        ["say", "refuse", "fly"].map(|verb| ask(&folder, verb).unwrap())
    });
    assert_eq!(answers[0], Answer::ok(vec!["one two ".to_owned()]));
    assert_eq!(answers[1], Answer::failed(vec!["no".to_owned()]));
    assert!(!answers[2].is_ok);
    assert_eq!(
        answers[2].lines,
        ["unknown request \"fly\"; known: refuse, say"]
    );
    // Closed and removed.
    assert!(matches!(ask(dir.path(), "say"), Err(AskError::Nobody)));
    assert!(!dir.path().join(NAME).exists());
}

#[test]
fn what_is_no_request_is_refused_and_harms_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_owned();
    let long = "x".repeat(REQUEST_BYTES_MAX);
    let garbage: Vec<Vec<u8>> = vec![
        b"\n".to_vec(),
        b"say it\n".to_vec(),
        b"\xff\xfe\n".to_vec(),
        b"SAY\n".to_vec(),
        b"say\0\n".to_vec(),
        long.into_bytes(),
        b"say".to_vec(),
    ];
    let said = beside(dir.path(), move || {
        let answers = garbage.into_iter().map(|bytes| {
            let mut stream = UnixStream::connect(folder.join(NAME)).unwrap();
            stream.write_all(&bytes).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text
        });
        let answers: Vec<String> = answers.collect();
        assert!(ask(&folder, "say").unwrap().is_ok);
        answers
    });
    for text in said {
        assert!(
            text.starts_with("failed\na request is one word"),
            "{text:?}"
        );
    }
}

#[test]
fn only_so_many_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_owned();
    beside(dir.path(), move || {
        let connect = || UnixStream::connect(folder.join(NAME)).unwrap();
        let silent: Vec<_> = (0..CONNECTIONS_MAX).map(|_| connect()).collect();
        let busy = ask(&folder, "say").unwrap();
        assert_eq!(busy.lines, ["too many requests at once; try again"]);
        drop(silent);
        // The places are free once the server has seen the ends.
        while !ask(&folder, "say").unwrap().is_ok {}
    });
}

#[test]
fn the_file_is_private_and_only_a_socket_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(NAME);
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "a stale one");
    let (listener, file) = path::bind(dir.path()).unwrap();
    let mode = path.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop((listener, file));
    assert!(!path.exists());
    std::fs::write(&path, "mine").unwrap();
    let error = path::bind(dir.path()).unwrap_err().to_string();
    assert!(
        error.ends_with("control.sock is there and is no socket"),
        "{error}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
}

#[test]
fn a_folder_with_a_long_path_will_do() {
    let dir = tempfile::tempdir().unwrap();
    for length in 80..120 {
        let own = dir.path().as_os_str().len();
        let folder = dir.path().join("n".repeat(length.max(own + 2) - own));
        std::fs::create_dir_all(&folder).unwrap();
        let there = folder.clone();
        assert!(beside(&folder, move || ask(&there, "say").unwrap().is_ok));
    }
    let deep = ["d".repeat(200), "e".repeat(200), "f".repeat(200)];
    let folder = dir.path().join(deep.join("/"));
    std::fs::create_dir_all(&folder).unwrap();
    let there = folder.clone();
    assert!(beside(&folder, move || ask(&there, "say").unwrap().is_ok));
    assert!(!folder.join(NAME).exists());
}

#[test]
fn answers_are_bounded_and_read_back() {
    let lines = vec!["ä".repeat(ANSWER_LINE_BYTES_MAX); ANSWER_LINES_MAX + 5];
    let read = parse(&Answer::ok(lines).to_text()).unwrap();
    assert_eq!(read.lines.len(), ANSWER_LINES_MAX + 1);
    assert_eq!(read.lines[0].len(), ANSWER_LINE_BYTES_MAX);
    assert_eq!(read.lines.last().unwrap(), "and 5 lines more");
    for text in ["", "ok", "yes\n", "failed\nhalf a li"] {
        assert_eq!(parse(text), None, "{text:?}");
    }
    assert_eq!(parse("ok\n"), Some(Answer::ok(Vec::new())));
}

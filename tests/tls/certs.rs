//! `gencomm certs`, as a person runs it, without a server and beside one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use super::{Pair, TlsClient, client_config, self_signed, versions};
use crate::support::Server;

/// Exit code, standard output, standard error.
fn certs(home: &Path, words: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gencomm"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GENCOMM__") {
            command.env_remove(name);
        }
    }
    let output = command
        .args(words)
        .arg("--config")
        .arg(home.join("config"))
        .env("GENCOMM__SERVER__DATA_DIR", home.join("data"))
        .output()
        .expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a folder");
    fs::create_dir(home.path().join("config")).expect("a folder");
    home
}

fn mode(path: &Path) -> u32 {
    path.metadata().expect("it is there").permissions().mode() & 0o777
}

#[test]
fn one_is_made_shown_and_not_overwritten() {
    let home = home();
    let folder = home.path().join("data/certs");
    let (code, _, err) = certs(home.path(), &["certs", "show"]);
    assert!(
        code == Some(1) && err.contains("gencomm certs make"),
        "{err}"
    );

    let (code, out, err) = certs(home.path(), &["certs", "make"]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    let modes = [
        &folder,
        &folder.join("server.crt"),
        &folder.join("server.key"),
    ]
    .map(|p| mode(p));
    assert_eq!(modes, [0o700, 0o644, 0o600]);
    assert_eq!(
        fs::read_dir(&folder).expect("a folder").count(),
        2,
        "nothing is left behind"
    );

    let (code, json, _) = certs(home.path(), &["certs", "show", "--json"]);
    assert_eq!(code, Some(0));
    let shown: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert!(
        out.contains(shown["sha256"].as_str().expect("text")),
        "{out}"
    );
    assert_eq!(shown["key_type"], "ECDSA P-256");
    assert_eq!(shown["days_left"], 364, "a whole year, a little of it gone");
    let names = shown["names"].to_string();
    for name in ["localhost", "127.0.0.1", "::1"] {
        assert!(names.contains(&format!("\"{name}\"")), "{names}");
    }

    let key = fs::read(folder.join("server.key")).expect("a key");
    let (code, _, err) = certs(home.path(), &["certs", "make"]);
    assert!(
        code == Some(1) && err.contains("is there already") && err.contains("--force"),
        "{err}"
    );
    assert_eq!(fs::read(folder.join("server.key")).expect("a key"), key);
    let words = [
        "certs",
        "make",
        "--force",
        "--name",
        "chat.example",
        "--name",
        "192.0.2.1",
        "--days",
        "7",
    ];
    let (code, _, err) = certs(home.path(), &words);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_ne!(fs::read(folder.join("server.key")).expect("a key"), key);
    let (_, text, _) = certs(home.path(), &["certs", "show"]);
    assert!(
        text.contains("chat.example 192.0.2.1") && text.contains("(6 days left)"),
        "{text}"
    );
    let (_, text, _) = certs(home.path(), &["doctor"]);
    assert!(text.contains("warn  certificate"), "{text}");
}

#[test]
fn a_broken_one_is_told_with_its_file() {
    let home = home();
    self_signed().place(&home.path().join("data"));
    fs::write(home.path().join("data/certs/server.key"), self_signed().key).expect("written");
    for words in [&["certs", "show"][..], &["doctor"]] {
        let (code, out, err) = certs(home.path(), words);
        assert_eq!(code, Some(1), "{words:?}");
        let said = format!("{out}{err}");
        assert!(
            said.contains("server.key: this key does not belong"),
            "{said}"
        );
    }
    // A folder that cannot be made.
    fs::remove_dir_all(home.path().join("data")).expect("removed");
    fs::write(home.path().join("data"), "a file").expect("written");
    let (code, _, err) = certs(home.path(), &["certs", "make"]);
    assert!(code == Some(1) && err.contains("server.data_dir"), "{err}");
}

#[test]
fn a_running_server_takes_up_the_first_one() {
    let server = Server::start();
    server.wait_for_log("TLS is not offered");
    let mut early = server.guest("early");
    let made = certs(server.home(), &["certs", "make"]);
    assert_eq!(made.0, Some(0), "{made:?}");
    server.wait_for_log("TLS certificate read anew");
    let certificate = fs::read_to_string(server.data_dir().join("certs/server.crt"));
    let pair = Pair {
        certificate: certificate.expect("a certificate"),
        key: String::new(),
    };
    let config = Arc::new(client_config(&pair, versions::BOTH));
    for at in 0..4 {
        let mut client = TlsClient::connect(server.address(), config.clone());
        client.login(&format!("guest{at}"));
        client.check_alive();
    }
    early.check_alive();
}

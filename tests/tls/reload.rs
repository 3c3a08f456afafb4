//! New certificates while the server runs.

use std::process::Command;
use std::sync::Arc;

use super::{TlsClient, TlsServer, client_config, self_signed, versions};
use crate::serve::reload::{change, refused};
use crate::support::Server;

fn signal(server: &Server, name: &str) {
    let pid = server.pid().to_string();
    let sent = Command::new("kill").args([name, &pid]).status();
    assert!(sent.is_ok_and(|status| status.success()));
}

fn trusts(tls: &TlsServer, pair: &super::Pair) -> bool {
    let socket = std::net::TcpStream::connect(tls.server.address()).expect("a connection");
    TlsClient::over(socket, Arc::new(client_config(pair, versions::BOTH))).is_ok()
}

#[test]
fn a_new_pair_is_noticed_and_nobody_is_dropped() {
    let tls = TlsServer::start();
    tls.server.wait_for_log("TLS is offered");
    let mut live = tls.guest("live");
    live.join("den", "");
    let second = self_signed();
    assert!(!trusts(&tls, &second));
    second.place(&tls.server.data_dir());
    tls.server.wait_for_log("TLS certificate read anew");
    // On every shard.
    for _ in 0..8 {
        assert!(trusts(&tls, &second) && !trusts(&tls, &tls.pair));
    }
    live.send("SEND;s;den;still here");
    live.until("OK;s;");

    // What is bad changes nothing.
    let certificate = tls.server.data_dir().join("certs/server.crt");
    std::fs::write(&certificate, self_signed().certificate).expect("written");
    tls.server
        .wait_for_log("does not belong to the certificate");
    tls.server.wait_for_log("new TLS certificate not used");
    std::fs::remove_dir_all(certificate.parent().expect("a folder")).expect("removed");
    tls.server.wait_for_log("the certificate's files are gone");
    assert!(trusts(&tls, &second));

    // A word is enough.
    let third = self_signed();
    third.place(&tls.server.data_dir());
    signal(&tls.server, "-HUP");
    let wanted = &third.der();
    let print: String = {
        use sha2::Digest;
        let digest = sha2::Sha256::digest(wanted);
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    tls.server.wait_for_log(&print);
    assert!(trusts(&tls, &third));
    live.check_alive();
}

#[test]
fn a_bad_pair_lets_no_server_start_and_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let pair = self_signed();
    pair.place(folder.path());
    std::fs::write(folder.path().join("certs/server.key"), self_signed().key).expect("written");
    let builder = Server::builder().data_dir(folder.path());
    let (code, out, err) = builder.run_to_end();
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(
        err.contains("server.key: this key does not belong to the certificate"),
        "{err}"
    );

    let builder = Server::builder().set("tls.certificate", "nowhere.crt");
    let (code, _, err) = builder.clone().run_to_end();
    assert!(code == Some(2) && err.contains("tls.key is not"), "{err}");
    let (code, _, err) = builder.set("tls.key", "nowhere.key").run_to_end();
    assert!(
        code == Some(1) && err.contains("nowhere.crt: there is no such file"),
        "{err}"
    );
}

/// Puts a pair into the server's own folder; what the configuration says to use it.
fn named(server: &Server, pair: &super::Pair, name: &str) -> String {
    let (certificate, key) = (format!("{name}.crt"), format!("{name}.key"));
    let [certificate, key] = [certificate, key].map(|name| server.home().join(name));
    std::fs::write(&certificate, &pair.certificate).expect("written");
    std::fs::write(&key, &pair.key).expect("written");
    format!("[tls]\ncertificate = {certificate:?}\nkey = {key:?}\n")
}

#[test]
fn other_files_are_named_at_a_reload() {
    let tls = TlsServer::start();
    let server = &tls.server;
    let mut live = tls.guest("live");
    let (second, third) = (self_signed(), self_signed());
    let said = change(server, &named(server, &second, "second"));
    assert!(said.contains("changed: tls.certificate = "), "{said}");
    for _ in 0..8 {
        assert!(trusts(&tls, &second) && !trusts(&tls, &tls.pair));
    }
    // They are watched from then on.
    let seen = server.log_text().matches("read anew, actor: tls").count();
    named(server, &third, "second");
    let end = std::time::Instant::now() + crate::support::PATIENCE;
    while server.log_text().matches("read anew, actor: tls").count() == seen {
        assert!(std::time::Instant::now() < end, "never read");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(trusts(&tls, &third));

    // What cannot be used keeps everything as it was.
    let mut bad = named(server, &second, "bad");
    named(server, &self_signed(), "other");
    bad = bad.replace("bad.key", "other.key") + "[limits]\nmessage_bytes = \"1KiB\"\n";
    let said = refused(server, &bad);
    assert!(
        said.contains("other.key: this key does not belong"),
        "{said}"
    );
    assert!(trusts(&tls, &third));
    live.join("den", "");
    live.send(&format!("SEND;s;den;{}", "x".repeat(2000)));
    live.until("OK;s;");

    // Back to the folder of the data; and when its files are only gone, TLS stays.
    change(server, "");
    assert!(trusts(&tls, &tls.pair));
    std::fs::remove_dir_all(server.data_dir().join("certs")).expect("removed");
    assert_eq!(change(server, ""), "nothing has changed\n");
    assert!(trusts(&tls, &tls.pair));
    live.check_alive();
}

#[test]
fn a_certificate_that_is_taken_out_is_offered_no_more() {
    let server = Server::start();
    let pair = self_signed();
    let said = change(&server, &named(&server, &pair, "named"));
    assert!(said.contains("tls.certificate"), "{said}");
    let offered = || {
        let socket = std::net::TcpStream::connect(server.address()).expect("a connection");
        TlsClient::over(socket, Arc::new(client_config(&pair, versions::BOTH))).is_ok()
    };
    for _ in 0..8 {
        assert!(offered());
    }
    change(&server, "");
    server.wait_for_log("TLS is not offered any more");
    for _ in 0..8 {
        assert!(!offered());
    }
    server.guest("plain").check_alive();
}

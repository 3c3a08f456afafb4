//! New certificates while the server runs.

use std::process::Command;
use std::sync::Arc;

use super::{TlsClient, TlsServer, client_config, self_signed, versions};
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

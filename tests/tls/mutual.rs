//! Certificates of clients: shown or not, good or not.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::client::trusting;
use super::{Authority, Pair, TlsClient, TlsServer, versions};

fn showing(
    tls: &TlsServer,
    pair: &Pair,
    speaks: &[&'static rustls::SupportedProtocolVersion],
) -> rustls::ClientConfig {
    let certificate = CertificateDer::from_pem_slice(pair.certificate.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).expect("a key");
    let chain = vec![certificate.expect("a certificate")];
    let config = trusting(&tls.server_pair(), speaks).with_client_auth_cert(chain, key);
    config.expect("a configuration")
}

impl TlsServer {
    fn server_pair(&self) -> Pair {
        Pair {
            certificate: self.pair.certificate.clone(),
            key: String::new(),
        }
    }
}

#[test]
fn who_shows_a_certificate_shows_a_good_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, &ours.certificate).expect("a file");
    let tls = TlsServer::with(|builder| builder.set("tls.client_ca", path.display()));
    for (speaks, name) in [(versions::ONLY_12, "bot12"), (versions::ONLY_13, "bot13")] {
        // Nobody has to.
        let mut without = tls.connect_with(super::client_config(&tls.pair, speaks));
        without.check_alive();

        let mut good = tls.connect_with(showing(&tls, &ours.sign(name), speaks));
        good.check_alive();
        tls.server.wait_for_log(&format!("certificate: {name}"));

        let bad = std::sync::Arc::new(showing(&tls, &theirs.sign("stranger"), speaks));
        let socket = std::net::TcpStream::connect(tls.server.address()).expect("a connection");
        // With 1.3 the client is done before it hears of it.
        let refused = TlsClient::over(socket, bad).and_then(|mut client| {
            use std::io::Write;
            let _ = client.tls.writer().write_all(b"PING;p;am I in\n");
            let (said, end) = client.until_end_raw();
            assert_eq!(said, "");
            end
        });
        assert!(refused.is_err(), "{speaks:?}");
    }
    assert!(!tls.server.log_text().contains("stranger"));
}

/// An account for a bot, made beside the running server.
fn add_bot(server: &crate::support::Server, name: &str) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gencomm"));
    for (key, _) in std::env::vars_os() {
        if key.to_string_lossy().starts_with("GENCOMM__") {
            command.env_remove(key);
        }
    }
    let output = command
        .args(["user", "add", name, "--role", "bot", "--config"])
        .arg(server.home().join("config"))
        .env("GENCOMM__SERVER__DATA_DIR", server.data_dir())
        .stdin(std::process::Stdio::null())
        .output()
        .expect("the program runs");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_certificate_logs_a_bot_in_and_no_proxy_in_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let ours = Authority::new("ours");
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, &ours.certificate).expect("a file");
    let proxy = crate::support::fresh_address();
    let tls = TlsServer::with(|builder| {
        let builder = builder.set("listen.proxies", proxy);
        builder.set("tls.client_ca", path.display())
    });
    for (speaks, name) in [(versions::ONLY_12, "bot12"), (versions::ONLY_13, "bot13")] {
        add_bot(&tls.server, name);
        let mut bot = tls.connect_with(showing(&tls, &ours.sign(name), speaks));
        bot.send("AUTH;a;EXTERNAL;");
        assert!(bot.until("OK;a;").starts_with(&format!("OK;a;{name};")));
        let mut stranger = tls.connect_with(showing(&tls, &ours.sign("nobody"), speaks));
        stranger.send("AUTH;a;EXTERNAL;");
        stranger.until("ERR;a;unauthenticated;");
        let mut without = tls.connect_with(super::client_config(&tls.pair, speaks));
        without.send("AUTH;a;EXTERNAL;");
        without.until("ERR;a;unsupported;");

        // A proxy that ends TLS and shows a certificate of its own speaks for somebody else.
        for (ends_tls, answer) in [(true, "ERR;a;unsupported;"), (false, "OK;a;")] {
            use std::io::Write;
            let gc2 = crate::support::Gc2::connect_from(tls.server.address(), proxy);
            let mut socket = gc2.stream().try_clone().expect("a second handle");
            let tlv: &[u8] = if ends_tls {
                &super::proxy::OVER_TLS
            } else {
                &[]
            };
            let header = super::proxy::header(7, tlv);
            socket.write_all(&header).expect("taken");
            let config = std::sync::Arc::new(showing(&tls, &ours.sign(name), speaks));
            let mut client = TlsClient::over(socket, config).expect("a handshake");
            client.send("AUTH;a;EXTERNAL;");
            client.until(answer);
        }
    }
}

#[test]
fn a_certificate_is_of_somebody_and_of_this_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let ours = Authority::new("ours");
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, &ours.certificate).expect("a file");
    let tls = TlsServer::with(|builder| builder.set("tls.client_ca", path.display()));
    let signed = |name: Option<&str>, last_year: i32| {
        let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).expect("names");
        params.distinguished_name = rcgen::DistinguishedName::new();
        if let Some(name) = name {
            let kind = rcgen::DnType::CommonName;
            params.distinguished_name.push(kind, name);
        }
        params.not_after = rcgen::date_time_ymd(last_year, 1, 1);
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &ours.issuer);
        Pair {
            certificate: certificate.expect("a certificate").pem(),
            key: key.serialize_pem(),
        }
    };
    for speaks in [versions::ONLY_12, versions::ONLY_13] {
        let mut nobody = tls.connect_with(showing(&tls, &signed(None, 4000), speaks));
        nobody.send("AUTH;a;EXTERNAL;");
        nobody.until("ERR;a;unsupported;");
        nobody.check_alive();

        // Neither a log nor an answer obeys what stands in it.
        let name = Some("bot\x1b[2J\nOK;a;root;");
        let mut hostile = tls.connect_with(showing(&tls, &signed(name, 4000), speaks));
        hostile.send("AUTH;a;EXTERNAL;");
        let answer = hostile.until("ERR;a;bad-request;");
        assert!(!answer.contains('\x1b'), "{answer:?}");
        hostile.send("PING;p;");
        hostile.expect("PONG;p;");

        let expired = std::sync::Arc::new(showing(&tls, &signed(Some("bot"), 2000), speaks));
        let socket = std::net::TcpStream::connect(tls.server.address()).expect("a connection");
        let refused = TlsClient::over(socket, expired).and_then(|mut it| it.until_end_raw().1);
        assert!(refused.is_err(), "{speaks:?}");
    }
    assert!(!tls.server.log_text().contains('\x1b'));
}

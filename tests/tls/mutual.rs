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

//! TLS on the main port, proxies before it, and `gencomm certs`, with the library's own client and with bytes by hand.

mod certs;
mod chat;
mod client;
mod handshake;
mod hostile;
mod mutual;
mod proxy;
mod reload;

use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::support::{Builder, Server};
pub use client::{TlsClient, client_config, versions};

/// A certificate and its key, in PEM.
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

/// An authority that signs certificates of clients.
pub struct Authority {
    pub certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate").pem();
        let issuer = Issuer::new(params, key);
        Self {
            certificate,
            issuer,
        }
    }

    /// A certificate for `name`.
    pub fn sign(&self, name: &str) -> Pair {
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("names");
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer);
        Pair {
            certificate: certificate.expect("a certificate").pem(),
            key: key.serialize_pem(),
        }
    }
}

/// A certificate for 127.0.0.1 that signs itself.
pub fn self_signed() -> Pair {
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("names");
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    Pair {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    }
}

impl Pair {
    /// Puts it where a server looks by itself.
    pub fn place(&self, data_dir: &Path) {
        use std::os::unix::fs::PermissionsExt;
        let folder = data_dir.join("certs");
        std::fs::create_dir_all(&folder).expect("a folder");
        let key = folder.join("server.key");
        std::fs::write(folder.join("server.crt"), &self.certificate).expect("a certificate");
        std::fs::write(&key, &self.key).expect("a key");
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(key, private).expect("a mode");
    }

    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("a certificate")
    }
}

/// A server with a certificate, and what it says to whoever asks for it.
pub struct TlsServer {
    pub server: Server,
    pub pair: Pair,
    _data: tempfile::TempDir,
}

impl TlsServer {
    pub fn start() -> Self {
        Self::with(|builder| builder)
    }

    /// With further settings.
    pub fn with(settings: impl FnOnce(Builder) -> Builder) -> Self {
        let (data, pair) = (tempfile::tempdir().expect("a folder"), self_signed());
        pair.place(data.path());
        let builder = Server::builder().data_dir(data.path());
        Self {
            server: settings(builder.set("logging.level", "debug")).start(),
            pair,
            _data: data,
        }
    }

    /// A connection that has its handshake behind it.
    pub fn connect(&self) -> TlsClient {
        self.connect_with(client_config(&self.pair, versions::BOTH))
    }

    pub fn connect_with(&self, config: rustls::ClientConfig) -> TlsClient {
        TlsClient::connect(self.server.address(), Arc::new(config))
    }

    /// Logged in as a guest.
    pub fn guest(&self, name: &str) -> TlsClient {
        let mut client = self.connect();
        client.login(name);
        client
    }
}

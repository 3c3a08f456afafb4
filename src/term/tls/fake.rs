//! Certificates and TLS servers for tests.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{ALPN, Authorities, Fingerprint, Trust};
use crate::term::fake::Peer;

/// A certificate and its key.
pub(crate) struct Identity {
    pub(crate) certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Identity {
    /// Signed by itself, for `names`, changed by `change`.
    pub(crate) fn own(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Self {
        let (mut params, key) = params(names);
        change(&mut params);
        let certificate = params.self_signed(&key).unwrap();
        Self {
            certificate: certificate.der().clone(),
            key: key.serialize_der(),
        }
    }

    /// The certificate of `other`, without its key.
    pub(crate) fn with_certificate(self, other: &Self) -> Self {
        Self {
            certificate: other.certificate.clone(),
            ..self
        }
    }

    pub(crate) fn pem(&self) -> String {
        let text = crate::edge::wire::sasl::encode(&self.certificate);
        let lines: Vec<&str> = text
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            lines.join("\n")
        )
    }

    pub(crate) fn print(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }
}

/// An authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let (mut params, key) = params(&[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// A certificate for `names`, signed by it.
    pub(crate) fn signed(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        let (mut params, key) = params(names);
        change(&mut params);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity {
            certificate: certificate.der().clone(),
            key: key.serialize_der(),
        }
    }

    /// As if the system knew it.
    pub(crate) fn trusted(&self) -> Authorities {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        Authorities {
            roots: Arc::new(roots),
            ..Authorities::none()
        }
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }
}

fn params(names: &[&str]) -> (CertificateParams, KeyPair) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(4000, 1, 1);
    (params, KeyPair::generate().unwrap())
}

/// Changes a certificate to one that ended in 2021.
pub(crate) fn expired(params: &mut CertificateParams) {
    params.not_after = date_time_ymd(2021, 1, 1);
}

/// A TLS server on a free port of loopback.
pub(crate) struct TlsServer {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl TlsServer {
    pub(crate) async fn bind(identity: &Identity) -> Self {
        Self::bind_with(identity, rustls::ALL_VERSIONS).await
    }

    pub(crate) async fn bind_with(
        identity: &Identity,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let acceptor = acceptor(identity, versions);
        Self { listener, acceptor }
    }

    /// The same where the key need not fit the certificate.
    pub(crate) async fn bind_unchecked(
        identity: &Identity,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let mut server = Self::bind_with(&Identity::own(&["x"], |_| {}), versions).await;
        let mut config = ServerConfig::clone(server.acceptor.config());
        let key = PrivateKeyDer::try_from(identity.key.clone()).unwrap();
        let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
        let certified = CertifiedKey::new(vec![identity.certificate.clone()], key);
        config.cert_resolver = Arc::new(SingleCertAndKey::from(certified));
        server.acceptor = TlsAcceptor::from(Arc::new(config));
        server
    }

    /// From now on with another certificate.
    pub(crate) fn renew(&mut self, identity: &Identity) {
        self.acceptor = acceptor(identity, rustls::ALL_VERSIONS);
    }

    pub(crate) fn server(&self) -> String {
        self.listener.local_addr().unwrap().to_string()
    }

    /// Who meets this server for the first time and believes nobody else.
    pub(crate) fn stranger(&self) -> Trust {
        Trust {
            server: self.server(),
            authorities: Authorities::none(),
            authorities_only: false,
            pin: None,
            named: None,
            pins_file: None,
        }
    }

    /// The next client, if it stays for the handshake.
    pub(crate) async fn accept(&self) -> Option<TlsStream<tokio::net::TcpStream>> {
        let (stream, _) = self.listener.accept().await.unwrap();
        self.acceptor.accept(stream).await.ok()
    }

    /// The next client that stays.
    pub(crate) async fn peer(&self) -> Peer {
        loop {
            if let Some(stream) = self.accept().await {
                return Peer::new(stream);
            }
        }
    }
}

fn acceptor(identity: &Identity, versions: &[&'static SupportedProtocolVersion]) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(identity.key.clone()).unwrap();
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.certificate.clone()], key)
        .unwrap();
    config.alpn_protocols = vec![ALPN.to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

//! TLS towards a server, and whether the one that answers is the right one.
//!
//! [`fingerprint`] names a certificate, [`trust`] decides about it (pure) and [`distrust`] says why
//! not, [`verify`] brings that decision into the
//! handshake, [`pins`] is the file of the servers that were accepted before. [`connector`] puts them together.

pub mod distrust;
pub mod fingerprint;
pub mod pins;
pub mod trust;
pub mod verify;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

pub use distrust::Distrust;
pub use fingerprint::Fingerprint;
pub use pins::Pins;
pub use trust::Trust;

/// The protocol's name in the handshake (ALPN).
pub const ALPN: &[u8] = b"gc2";
/// Longest file of certificates that is read, in bytes.
const CA_BYTES_MAX: u64 = 4 << 20;

/// Who may vouch for servers.
#[derive(Debug, Clone)]
pub struct Authorities {
    /// Whose signatures count.
    pub roots: Arc<RootCertStore>,
    /// Certificates that were named one by one: a server may show one of them itself.
    pub named: Arc<Vec<CertificateDer<'static>>>,
}

impl Authorities {
    /// Nobody.
    pub fn none() -> Self {
        Self {
            roots: Arc::new(RootCertStore::empty()),
            named: Arc::default(),
        }
    }

    /// Those of the operating system. None at all is no error: then every server is met for the first time.
    pub fn of_the_system() -> Self {
        let mut roots = RootCertStore::empty();
        // What cannot be read there is not ours to complain about.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Self {
            roots: Arc::new(roots),
            ..Self::none()
        }
    }

    /// Those in a PEM file.
    pub fn of_file(file: &Path) -> Result<Self, String> {
        let wrong = |why: String| Err(format!("{}: {why}", file.display()));
        match std::fs::metadata(file) {
            Ok(about) if about.len() > CA_BYTES_MAX => {
                return wrong(format!(
                    "longer than {CA_BYTES_MAX} bytes; that is no file of certificates"
                ));
            }
            Ok(_) => {}
            Err(error) => return wrong(error.to_string()),
        }
        let read = CertificateDer::pem_file_iter(file)
            .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>());
        let named = match read {
            Ok(named) => named,
            Err(error) => return wrong(format!("no PEM certificates: {error}")),
        };
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(named.iter().cloned());
        if added == 0 {
            return wrong("there is no certificate in it (-----BEGIN CERTIFICATE-----)".to_owned());
        }
        Ok(Self {
            roots: Arc::new(roots),
            named: Arc::new(named),
        })
    }
}

/// What makes TLS of a connection: 1.2 and 1.3, certificates judged by `trust`.
pub fn connector(trust: Trust) -> Result<TlsConnector, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let verifier = verify::Verifier::new(trust, provider.clone());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    // Channel binding in TLS 1.2 is safe only with this (RFC 9266, section 4.2).
    config.require_ems = true;
    // A resumed session would show no certificate, and connections here are long and few.
    config.resumption = Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The name that the certificate of `server` (`host:port`) has to bear.
pub fn server_name(server: &str) -> Result<ServerName<'static>, String> {
    let host = host(server);
    ServerName::try_from(host.to_owned())
        .map_err(|_| format!("\"{host}\" is no name that a certificate could bear (for TLS)"))
}

/// The host in `host:port`, without the brackets of IPv6.
pub fn host(server: &str) -> &str {
    let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

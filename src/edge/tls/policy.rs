//! What is spoken: the versions, cipher suites and groups of Mozilla's "intermediate", and who has to show a certificate.
//!
//! In: a certificate with its key, the authority of clients. Out: a configuration that every new connection shares.

use std::sync::Arc;

use rustls::crypto::ring::{self, cipher_suite, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedCipherSuite};

/// The name of the native protocol in ALPN.
pub const ALPN: &[u8] = b"gc2";
/// Browsers and probes name this; they are let in so far that they get the answer in words, instead of an alert that nobody reads.
const ALPN_HTTP: &[u8] = b"http/1.1";

/// Tickets that a client gets for coming back without a whole handshake. One: it comes back once at a time.
const TICKETS: usize = 1;

/// Mozilla, "Server Side TLS", intermediate, version 5.7, as far as elliptic curves go: finite-field Diffie-Hellman is slow and has
/// no client that could not do better.
const SUITES: [SupportedCipherSuite; 9] = [
    cipher_suite::TLS13_AES_128_GCM_SHA256,
    cipher_suite::TLS13_AES_256_GCM_SHA384,
    cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
];

/// The groups of the same table.
const GROUPS: [&dyn SupportedKxGroup; 3] =
    [kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1];

/// The algorithms, nothing beside them.
pub fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: SUITES.to_vec(),
        kx_groups: GROUPS.to_vec(),
        ..ring::default_provider()
    }
}

/// The configuration for `key`. With `client_authorities`, a client may show a certificate, and one that does has to show one of
/// theirs; without any it is not asked.
pub fn server_config(
    key: CertifiedKey,
    client_authorities: Option<RootCertStore>,
) -> Result<ServerConfig, String> {
    let provider = Arc::new(provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| error.to_string())?;
    let builder = match client_authorities {
        None => builder.with_no_client_auth(),
        Some(authorities) => {
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider)
                    .allow_unauthenticated()
                    .build()
                    .map_err(|error| error.to_string())?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    config.alpn_protocols = vec![ALPN.to_vec(), ALPN_HTTP.to_vec()];
    // Tickets carry their session themselves: nothing is kept here for somebody who may never come back.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = ring::Ticketer::new().map_err(|error| error.to_string())?;
    config.send_tls13_tickets = TICKETS;
    Ok(config)
}

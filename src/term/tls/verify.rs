//! Brings a [`Trust`] into the handshake. What the authorities say is asked of webpki; the rest is decided there.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use x509_parser::parse_x509_certificate;

use super::distrust::Distrust;
use super::fingerprint::Fingerprint;
use super::trust::{Chain, Shown, Trust};

/// Judges the certificate of one server.
#[derive(Debug)]
pub struct Verifier {
    trust: Trust,
    /// `None` if there is no authority at all.
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// Judges by `trust`.
    pub fn new(trust: Trust, provider: Arc<CryptoProvider>) -> Self {
        let roots = trust.authorities.roots.clone();
        let chain = WebPkiServerVerifier::builder_with_provider(roots, provider.clone())
            .build()
            .ok();
        Self {
            trust,
            chain,
            provider,
        }
    }

    fn shown(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Shown {
        let now_seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        // The dates are read here and not taken from webpki, which stops at the first thing that it does not like.
        let dates = parse_x509_certificate(certificate).map(|(_, certificate)| {
            let valid = certificate.validity();
            (valid.not_before.timestamp(), valid.not_after.timestamp())
        });
        let chain = match &self.chain {
            _ if dates.is_err() => Chain::Unusable,
            _ if self.trust.authorities.named.contains(certificate) => Chain::Good,
            None => Chain::Unknown,
            Some(chain) => {
                match chain.verify_server_cert(certificate, intermediates, name, &[], now) {
                    Ok(_) => Chain::Good,
                    Err(Error::InvalidCertificate(error)) => judged(&error),
                    Err(_) => Chain::Unusable,
                }
            }
        };
        Shown {
            print: Fingerprint::of(certificate),
            valid: dates.unwrap_or((i64::MIN, i64::MAX)),
            now: now_seconds,
            chain,
        }
    }
}

/// What an error of webpki means. A self-signed certificate is refused for one of several reasons, depending on which of
/// its properties is looked at first: what is not known to be worse is an unknown one.
fn judged(error: &CertificateError) -> Chain {
    match error {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Chain::OtherName
        }
        CertificateError::BadEncoding
        | CertificateError::Revoked
        | CertificateError::InvalidPurpose
        | CertificateError::InvalidPurposeContext { .. } => Chain::Unusable,
        _ => Chain::Unknown,
    }
}

/// The distrust that ended a handshake, if that was the reason.
pub fn distrust(error: &std::io::Error) -> Option<Distrust> {
    match error.get_ref()?.downcast_ref::<Error>()? {
        Error::InvalidCertificate(CertificateError::Other(OtherError(why))) => {
            why.downcast_ref::<Distrust>().cloned()
        }
        _ => None,
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = self.shown(end_entity, intermediates, server_name, now);
        match self.trust.decide(&shown) {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(why) => Err(CertificateError::Other(OtherError(Arc::new(why))).into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

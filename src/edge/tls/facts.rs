//! What stands in a certificate. In: DER. Out: [`Facts`] for people, logs and checks. Pure, except for asking the clock.

use std::net::{Ipv4Addr, Ipv6Addr};

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;
use x509_parser::public_key::PublicKey;

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;
/// Names of one certificate that are told; more are counted, not kept.
const NAMES_MAX: usize = 100;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Whose it is, as a distinguished name.
    pub subject: String,
    /// Who signed it; the subject itself if nobody else did.
    pub issuer: String,
    /// The hosts that it is good for.
    pub names: Vec<String>,
    /// Its first second, in unix time.
    pub not_before: i64,
    /// Its last second, in unix time.
    pub not_after: i64,
    /// SHA-256 of the whole certificate, in hexadecimal digits.
    pub fingerprint: String,
    /// The kind of its key, such as `ECDSA P-256`.
    pub key_type: String,
}

impl Facts {
    /// Reads a certificate; the error is half a sentence.
    pub fn of(der: &[u8]) -> Result<Self, String> {
        let (_, certificate) = parse_x509_certificate(der)
            .map_err(|error| format!("no X.509 certificate: {error}"))?;
        Ok(Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            names: host_names(&certificate),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
            fingerprint: fingerprint(der),
            key_type: key_type(&certificate),
        })
    }

    /// Whether its own key signed it, by its names.
    pub fn is_self_signed(&self) -> bool {
        self.subject == self.issuer
    }

    /// Whole days until it ends, from `now` in unix seconds; negative once it has ended.
    pub fn days_left(&self, now: i64) -> i64 {
        (self.not_after - now).div_euclid(SECONDS_PER_DAY)
    }

    /// What is wrong with its dates at `now`, if anything.
    pub fn out_of_time(&self, now: i64) -> Option<String> {
        if now > self.not_after {
            let end = date(self.not_after);
            Some(format!("it has expired on {end}; clients will refuse it"))
        } else if now < self.not_before {
            let begin = date(self.not_before);
            Some(format!(
                "it is valid only from {begin}; clients will refuse it until then (is the clock right?)"
            ))
        } else {
            None
        }
    }
}

/// Now, in unix seconds.
pub fn now() -> i64 {
    Utc::now().timestamp()
}

/// A second of unix time for people, in UTC.
pub fn date(seconds: i64) -> String {
    DateTime::from_timestamp(seconds, 0).map_or_else(
        || format!("{seconds} s since 1970"),
        |time| time.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}

/// SHA-256 of a certificate, in hexadecimal digits.
pub fn fingerprint(der: &[u8]) -> String {
    let digest = Sha256::digest(der);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Who a client certificate is for: its common name, or else its first DNS name. Only for one that has been verified.
pub fn holder(der: &[u8]) -> Option<String> {
    let (_, certificate) = parse_x509_certificate(der).ok()?;
    let mut common = certificate.subject().iter_common_name();
    let common = common.next().and_then(|name| name.as_str().ok());
    let name = match common.filter(|name| !name.is_empty()) {
        Some(name) => name.to_owned(),
        None => first_dns_name(&certificate)?,
    };
    Some(name)
}

fn first_dns_name(certificate: &X509Certificate<'_>) -> Option<String> {
    let names = certificate.subject_alternative_name().ok().flatten()?;
    names
        .value
        .general_names
        .iter()
        .find_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        })
}

fn host_names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let hosts = names.value.general_names.iter();
    let hosts = hosts.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes),
        _ => None,
    });
    hosts.take(NAMES_MAX).collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(four).to_string());
    }
    let sixteen = <[u8; 16]>::try_from(bytes).ok()?;
    Some(Ipv6Addr::from(sixteen).to_string())
}

fn key_type(certificate: &X509Certificate<'_>) -> String {
    let key = certificate.public_key();
    let oid = key.algorithm.algorithm.to_id_string();
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => format!("RSA {}", rsa.key_size()),
        Ok(PublicKey::EC(_)) => {
            let curve = key.algorithm.parameters.as_ref();
            let curve = curve.and_then(|curve| curve.as_oid().ok());
            match curve.map(|oid| oid.to_id_string()).as_deref() {
                Some("1.2.840.10045.3.1.7") => "ECDSA P-256".to_owned(),
                Some("1.3.132.0.34") => "ECDSA P-384".to_owned(),
                Some("1.3.132.0.35") => "ECDSA P-521".to_owned(),
                _ => "ECDSA on another curve".to_owned(),
            }
        }
        _ if oid == "1.3.101.112" => "Ed25519".to_owned(),
        _ => format!("unknown ({oid})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};

    fn made(key: &KeyPair, names: &[&str], common: Option<&str>) -> Vec<u8> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 1, 31);
        params.distinguished_name = rcgen::DistinguishedName::new();
        if let Some(common) = common {
            params.distinguished_name.push(DnType::CommonName, common);
        }
        params.self_signed(key).unwrap().der().to_vec()
    }

    #[test]
    fn names_dates_and_keys_are_read() {
        let key = KeyPair::generate().unwrap();
        let der = made(&key, &["chat.example", "127.0.0.1", "::1"], Some("chat"));
        let facts = Facts::of(&der).unwrap();
        assert_eq!(facts.names, ["chat.example", "127.0.0.1", "::1"]);
        assert_eq!(
            (facts.subject.as_str(), facts.key_type.as_str()),
            ("CN=chat", "ECDSA P-256")
        );
        assert!(facts.is_self_signed() && facts.fingerprint.len() == 64);
        let begin = 1_577_836_800;
        assert_eq!(facts.not_before, begin);
        assert_eq!(date(begin), "2020-01-01 00:00:00 UTC");
        assert_eq!(facts.days_left(begin), 30);
        assert_eq!(facts.days_left(facts.not_after + 1), -1);
        assert_eq!(facts.out_of_time(begin), None);
        let late = facts.out_of_time(facts.not_after + 1).unwrap();
        assert!(late.contains("expired on 2020-01-31"), "{late}");
        assert!(
            facts
                .out_of_time(begin - 1)
                .unwrap()
                .contains("valid only from")
        );

        for (algorithm, name) in [
            (&PKCS_ECDSA_P384_SHA384, "ECDSA P-384"),
            (&PKCS_ED25519, "Ed25519"),
        ] {
            let key = KeyPair::generate_for(algorithm).unwrap();
            assert_eq!(Facts::of(&made(&key, &["x"], None)).unwrap().key_type, name);
        }
        assert!(Facts::of(b"no certificate").is_err());
        assert!(Facts::of(&der[..der.len() / 2]).is_err());
    }

    #[test]
    fn the_holder_is_the_common_name_or_the_first_host() {
        let key = KeyPair::generate().unwrap();
        let holder_of = |names: &[&str], common| holder(&made(&key, names, common));
        assert_eq!(
            holder_of(&["bot.example"], Some("bot")).as_deref(),
            Some("bot")
        );
        assert_eq!(
            holder_of(&["::1", "bot.example", "x"], None).as_deref(),
            Some("bot.example")
        );
        assert_eq!(holder_of(&["::1"], None), None);
        assert_eq!(holder(b""), None);
    }
}

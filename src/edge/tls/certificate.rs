//! The certificate files. In: paths. Out: the configuration for connections, and what the certificate says, or an error that
//! tells a person which file is wrong, in what, and what to do. Owns nothing.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error as TlsError, InconsistentKeys, RootCertStore, ServerConfig};

use super::facts::{self, Facts};
use super::policy;
use crate::ops::config::Config;

/// The folder of certificates in the data folder.
pub const FOLDER: &str = "certs";
/// The certificate in it.
pub const CERTIFICATE_NAME: &str = "server.crt";
/// Its key.
pub const KEY_NAME: &str = "server.key";

/// Longest file that is read, in bytes; a chain has a few thousand.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Certificates in one file, at most.
const CERTIFICATES_MAX: usize = 1000;
/// Only its owner may read a key.
const OTHERS: u32 = 0o077;

/// Which files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The chain in PEM, the server's own certificate first.
    pub certificate: PathBuf,
    /// Its private key in PEM.
    pub key: PathBuf,
    /// The authorities of clients in PEM, if clients are asked.
    pub client_ca: Option<PathBuf>,
}

impl Files {
    /// Those that `config` names, or those of the data folder if one of them is there. `None`: TLS is off.
    pub fn of(config: &Config) -> Option<Self> {
        let tls = &config.tls;
        if let (Some(certificate), Some(key)) = (&tls.certificate, &tls.key) {
            return Some(Self {
                certificate: certificate.clone(),
                key: key.clone(),
                client_ca: tls.client_ca.clone(),
            });
        }
        let files = Self {
            client_ca: tls.client_ca.clone(),
            ..Self::made_here(&config.server.data_dir)
        };
        // Half a pair is a mistake that somebody should hear of.
        let is_there = |path: &Path| path.symlink_metadata().is_ok();
        (is_there(&files.certificate) || is_there(&files.key)).then_some(files)
    }

    /// Where `gencomm certs make` puts them.
    pub fn made_here(data_dir: &Path) -> Self {
        let folder = data_dir.join(FOLDER);
        Self {
            certificate: folder.join(CERTIFICATE_NAME),
            key: folder.join(KEY_NAME),
            client_ca: None,
        }
    }

    /// All of them.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let pair = [&self.certificate, &self.key];
        pair.into_iter()
            .chain(&self.client_ca)
            .map(PathBuf::as_path)
    }
}

/// A file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {what}", path.display())]
pub struct CertificateError {
    /// Which.
    pub path: PathBuf,
    /// What is wrong with it, and what to do.
    pub what: String,
}

/// Files that can be used.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// For new connections.
    pub config: Arc<ServerConfig>,
    /// What the server's own certificate says.
    pub facts: Facts,
    /// What somebody should look at, a sentence each; with all of it TLS works.
    pub warnings: Vec<String>,
}

/// Reads the files.
pub fn load(files: &Files) -> Result<Loaded, CertificateError> {
    let chain = read_certificates(&files.certificate)?;
    let facts = read_facts(&files.certificate, &chain)?;
    let key = read_key(&files.key)?;
    let wrong = |path: &Path, what: String| CertificateError {
        path: path.to_owned(),
        what,
    };
    let key = policy::provider().key_provider.load_private_key(key);
    let key = key.map_err(|_| {
        let what = "this kind of private key cannot be used; make an ECDSA (P-256 or P-384), Ed25519 or RSA key";
        wrong(&files.key, what.to_owned())
    })?;
    let pair = CertifiedKey::new(chain, key);
    match pair.keys_match() {
        // Some kinds of key do not tell.
        Ok(()) | Err(TlsError::InconsistentKeys(InconsistentKeys::Unknown)) => {}
        Err(TlsError::InconsistentKeys(_)) => {
            let what = format!(
                "this key does not belong to the certificate {}; take the two from the same place, the server's own \
                 certificate first in its file",
                files.certificate.display()
            );
            return Err(wrong(&files.key, what));
        }
        Err(error) => {
            let what = format!("its first certificate cannot be used: {error}");
            return Err(wrong(&files.certificate, what));
        }
    }
    let authorities = files.client_ca.as_deref().map(read_authorities);
    let config = policy::server_config(pair, authorities.transpose()?)
        .map_err(|what| wrong(&files.certificate, what))?;
    let mut warnings = Vec::new();
    if let Some(what) = facts.out_of_time(facts::now()) {
        warnings.push(format!("{}: {what}", files.certificate.display()));
    }
    warnings.extend(open_to_others(&files.key));
    Ok(Loaded {
        config: Arc::new(config),
        facts,
        warnings,
    })
}

/// What the first certificate of a file says.
pub fn read_first(path: &Path) -> Result<Facts, CertificateError> {
    read_facts(path, &read_certificates(path)?)
}

fn read_facts(path: &Path, chain: &[CertificateDer<'_>]) -> Result<Facts, CertificateError> {
    let first = chain.first().map_or(&[][..], AsRef::as_ref);
    Facts::of(first).map_err(|what| CertificateError {
        path: path.to_owned(),
        what: format!("its first certificate is {what}"),
    })
}

/// Warns of a key that more than its owner can read.
pub fn open_to_others(key: &Path) -> Option<String> {
    let mode = key.metadata().ok()?.permissions().mode() & 0o777;
    let key = key.display();
    (mode & OTHERS != 0).then(|| {
        format!("{key}: has mode {mode:04o}, so others of this machine can read the private key; chmod 600 {key}")
    })
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let text = read(path)?;
    let wrong = |what: String| CertificateError {
        path: path.to_owned(),
        what,
    };
    let sections = CertificateDer::pem_slice_iter(&text).take(CERTIFICATES_MAX + 1);
    let found: Result<Vec<_>, pem::Error> = sections.collect();
    let found = found.map_err(|_| {
        wrong("is damaged: not valid PEM; copy it again from where it was made".to_owned())
    })?;
    if found.is_empty() {
        return Err(wrong(
            "holds no certificate; it has to have one in PEM form, from -----BEGIN CERTIFICATE----- on".to_owned(),
        ));
    }
    if found.len() > CERTIFICATES_MAX {
        let what =
            format!("holds more than {CERTIFICATES_MAX} certificates; is it the right file?");
        return Err(wrong(what));
    }
    Ok(found)
}

/// What a parser says of a key's text is kept to ourselves: it may quote it.
fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let text = zeroize::Zeroizing::new(read(path)?);
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| CertificateError {
        path: path.to_owned(),
        what: match error {
            pem::Error::NoItemsFound => {
                "holds no private key that can be read; it has to have one in PEM form, without a password"
            }
            _ => "is damaged: not valid PEM; copy it again from where it was made",
        }
        .to_owned(),
    })
}

fn read_authorities(path: &Path) -> Result<RootCertStore, CertificateError> {
    let mut store = RootCertStore::empty();
    for (at, certificate) in read_certificates(path)?.into_iter().enumerate() {
        store.add(certificate).map_err(|error| CertificateError {
            path: path.to_owned(),
            what: format!("its certificate {} is of no authority: {error}", at + 1),
        })?;
    }
    Ok(store)
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let wrong = |what: String| CertificateError {
        path: path.to_owned(),
        what,
    };
    let explain = |error: std::io::Error| {
        wrong(match error.kind() {
            ErrorKind::NotFound => {
                "there is no such file; `gencomm certs make` makes a certificate and its key in the data folder, \
                 tls.certificate and tls.key name another pair"
                    .to_owned()
            }
            ErrorKind::PermissionDenied => {
                "this user may not read it; the server's user has to own it, or be in its group".to_owned()
            }
            _ => format!("cannot be read: {error}"),
        })
    };
    // Opening a pipe would wait for whoever writes to it.
    if !path.metadata().map_err(explain)?.is_file() {
        return Err(wrong("cannot be read: it is no file".to_owned()));
    }
    let file = File::open(path).map_err(explain)?;
    let mut text = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut text)
        .map_err(explain)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        let what = format!("is longer than {FILE_BYTES_MAX} bytes; that is no certificate or key");
        return Err(wrong(what));
    }
    Ok(text)
}

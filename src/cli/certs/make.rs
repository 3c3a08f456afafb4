//! `gencomm certs make`: a key and a certificate that it signs itself, for a server whose clients can ask its owner for the fingerprint.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use zeroize::Zeroizing;

use crate::cli::args::CertsMakeArgs;
use crate::cli::output::{Failure, stdout};
use crate::edge::tls::certificate::Files;
use crate::edge::tls::facts::{Facts, date};
use crate::ops::config::Config;

/// A certificate holds from a little before it was made: a client's clock may be behind.
const BACKDATED: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Everybody may read a certificate, nobody else a key.
const CERTIFICATE_MODE: u32 = 0o644;
const KEY_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;
/// Longest common name, RFC 5280 appendix A.1.
const COMMON_NAME_BYTES_MAX: usize = 64;

pub(super) fn run(config: &Config, args: &CertsMakeArgs) -> Result<(), Failure> {
    let files = Files::made_here(&config.server.data_dir);
    if !args.force {
        refuse_to_overwrite(&files)?;
    }
    let names = match args.names.is_empty() {
        false => args.names.clone(),
        true => default_names(),
    };
    let made = make(&names, args.days).map_err(Failure::Failed)?;
    write(&files, &made).map_err(|error| {
        let folder = files.certificate.parent().unwrap_or(Path::new("."));
        Failure::Failed(format!(
            "cannot write to {}: {error}; run this as the server's user, or name another data folder (server.data_dir)",
            folder.display()
        ))
    })?;
    tell(config, &files, &made.facts)
}

struct Made {
    certificate: String,
    key: Zeroizing<String>,
    facts: Facts,
}

fn make(names: &[String], days: u32) -> Result<Made, String> {
    let failed = |error: rcgen::Error| format!("cannot make a certificate: {error}");
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
    let mut params = CertificateParams::new(names).map_err(|error| {
        format!("a name cannot be used: {error}; give host names or addresses with --name")
    })?;
    let since_1970 = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_err(|_| "the clock is before 1970; set it".to_owned())?;
    let begin = rcgen::date_time_ymd(1970, 1, 1) + since_1970.saturating_sub(BACKDATED);
    params.not_before = begin;
    // The whole of it, as programs count that have an opinion on how long a certificate may live.
    params.not_after = begin + DAY * days;
    params.distinguished_name = DistinguishedName::new();
    let common = names
        .iter()
        .find(|name| name.len() <= COMMON_NAME_BYTES_MAX);
    let common = common.map_or("gencomm", String::as_str);
    params.distinguished_name.push(DnType::CommonName, common);
    // Whoever trusts this certificate trusts this server, and nobody that it could vouch for.
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.self_signed(&key).map_err(failed)?;
    Ok(Made {
        facts: Facts::of(certificate.der())?,
        certificate: certificate.pem(),
        key: Zeroizing::new(key.serialize_pem()),
    })
}

/// This machine, by all of its names that we know.
fn default_names() -> Vec<String> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    let own = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let own = own.trim();
    if !own.is_empty() && own.is_ascii() && own != "localhost" && own != "(none)" {
        names.insert(0, own.to_owned());
    }
    names
}

fn refuse_to_overwrite(files: &Files) -> Result<(), Failure> {
    for path in files.paths() {
        if path.symlink_metadata().is_ok() {
            return Err(Failure::Failed(format!(
                "{} is there already; `gencomm certs show` tells about it, --force makes a new one in its place \
                 (clients that trust the old one by its fingerprint have to be told)",
                path.display()
            )));
        }
    }
    Ok(())
}

/// The key first: a certificate without its key would be the worse half.
fn write(files: &Files, made: &Made) -> io::Result<()> {
    let folder = files.certificate.parent().unwrap_or(Path::new("."));
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(FOLDER_MODE))?;
    let key = (&*files.key, made.key.as_bytes(), KEY_MODE);
    let certificate = (
        &*files.certificate,
        made.certificate.as_bytes(),
        CERTIFICATE_MODE,
    );
    // Both on the disk before either is in its place.
    let parts = [key, certificate].map(|(path, bytes, mode)| {
        let mut part = path.as_os_str().to_owned();
        part.push(format!(".new-{}", std::process::id()));
        let part = PathBuf::from(part);
        write_part(&part, bytes, mode).map(|()| (part, path))
    });
    let placed = parts
        .iter()
        .try_for_each(|part| match part {
            Ok((part, path)) => fs::rename(part, path),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        })
        .and_then(|()| File::open(folder)?.sync_all());
    if placed.is_err() {
        for (part, _) in parts.iter().flatten() {
            let _ = fs::remove_file(part);
        }
    }
    placed
}

fn write_part(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    // A leftover of a process of the same number would keep its mode.
    let _ = fs::remove_file(path);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn tell(config: &Config, files: &Files, facts: &Facts) -> Result<(), Failure> {
    let mut out = stdout();
    writeln!(out, "certificate  {}", files.certificate.display())?;
    writeln!(out, "key          {}", files.key.display())?;
    writeln!(out, "names        {}", facts.names.join(" "))?;
    writeln!(out, "valid until  {}", date(facts.not_after))?;
    writeln!(out, "SHA-256      {}", facts.fingerprint)?;
    writeln!(out)?;
    if config.tls.certificate.is_some() {
        writeln!(
            out,
            "tls.certificate names another file, so no server uses this one until tls.certificate and tls.key are empty."
        )?;
    } else {
        writeln!(
            out,
            "A running server offers it within a few seconds, one that is started from now on at once."
        )?;
    }
    writeln!(
        out,
        "No authority vouches for it: tell people the SHA-256 over another way, so that they can compare it at their \
         first connection. `gencomm certs show` prints it again."
    )?;
    out.flush()?;
    Ok(())
}

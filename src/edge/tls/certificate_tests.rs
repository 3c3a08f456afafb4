//! Good pairs, and every way in which one can be bad.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

use super::certificate::{CertificateError, Files, load};
use crate::ops::config::Config;

struct Made {
    folder: tempfile::TempDir,
    files: Files,
}

fn params(to: i32) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["chat.example".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(to, 1, 1);
    params
}

fn write_key(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn made() -> Made {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::made_here(folder.path());
    fs::create_dir(folder.path().join("certs")).unwrap();
    let key = KeyPair::generate().unwrap();
    fs::write(
        &files.certificate,
        params(2100).self_signed(&key).unwrap().pem(),
    )
    .unwrap();
    write_key(&files.key, &key.serialize_pem());
    Made { folder, files }
}

/// The complaint about the file that ends so.
fn complaint(files: &Files, about: &str) -> String {
    let error: CertificateError = load(files).unwrap_err();
    assert!(error.path.ends_with(about), "{error}");
    assert!(error.to_string().contains(about), "{error}");
    error.what
}

#[test]
fn a_good_pair_is_taken_without_a_word() {
    let made = made();
    let loaded = load(&made.files).unwrap();
    assert_eq!(loaded.facts.names, ["chat.example"]);
    assert_eq!(loaded.warnings, [""; 0]);
    assert_eq!(loaded.config.alpn_protocols[0], b"gc2");
    assert_eq!(loaded.config.max_early_data_size, 0);
}

#[test]
fn the_pair_of_the_data_folder_counts_if_any_of_it_is_there() {
    let made = made();
    let mut config = Config::built_in();
    config.server.data_dir = made.folder.path().join("elsewhere");
    assert_eq!(Files::of(&config), None);
    config.server.data_dir = made.folder.path().to_owned();
    assert_eq!(Files::of(&config), Some(made.files.clone()));
    fs::remove_file(&made.files.key).unwrap();
    let half = Files::of(&config).unwrap();
    assert!(complaint(&half, "server.key").contains("gencomm certs make"));
    config.tls.certificate = Some("a".into());
    config.tls.key = Some("b".into());
    config.tls.client_ca = Some("c".into());
    let named = Files::of(&config).unwrap();
    assert_eq!(named.paths().count(), 3);
    assert_eq!(named.certificate, Path::new("a"));
}

#[test]
fn dates_and_modes_are_warned_of() {
    let made = made();
    let key = KeyPair::generate().unwrap();
    fs::write(
        &made.files.certificate,
        params(2021).self_signed(&key).unwrap().pem(),
    )
    .unwrap();
    fs::write(&made.files.key, key.serialize_pem()).unwrap();
    fs::set_permissions(&made.files.key, fs::Permissions::from_mode(0o644)).unwrap();
    let warnings = load(&made.files).unwrap().warnings.join("\n");
    assert!(warnings.contains("expired on 2021-01-01"), "{warnings}");
    assert!(warnings.contains("chmod 600"), "{warnings}");
}

#[test]
fn every_bad_file_is_named_with_its_remedy() {
    let Made { folder, files } = made();
    let (good_certificate, good_key) = (
        fs::read_to_string(&files.certificate).unwrap(),
        fs::read_to_string(&files.key).unwrap(),
    );
    for (text, what) in [
        ("", "holds no certificate"),
        ("hello", "holds no certificate"),
        (good_key.as_str(), "holds no certificate"),
        ("-----BEGIN CERTIFICATE-----\nQUJD\n", "is damaged"),
        (
            "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
            "is damaged",
        ),
        (
            "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n",
            "no X.509",
        ),
        (&"x".repeat((1 << 20) + 1), "is longer than"),
    ] {
        fs::write(&files.certificate, text).unwrap();
        let found = complaint(&files, "server.crt");
        assert!(found.contains(what), "{found}");
    }
    fs::write(&files.certificate, &good_certificate).unwrap();

    let other = KeyPair::generate().unwrap().serialize_pem();
    let locked =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nQUJD\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let cut = &good_key[..good_key.len() / 2];
    let strange = "-----BEGIN PRIVATE KEY-----\nQUJDREVGRw==\n-----END PRIVATE KEY-----\n";
    for (text, what) in [
        ("", "holds no private key"),
        (good_certificate.as_str(), "holds no private key"),
        (locked, "without a password"),
        (cut, "is damaged"),
        (strange, "kind of private key"),
        (&other, "does not belong to the certificate"),
    ] {
        write_key(&files.key, text);
        let found = complaint(&files, "server.key");
        assert!(found.contains(what), "{found}");
        // A key is in no message, not even a broken one.
        for line in text.lines().filter(|line| line.len() > 40) {
            assert!(!found.contains(line), "{found}");
        }
    }
    write_key(&files.key, &good_key);

    let with = |client_ca: &Path| Files {
        client_ca: Some(client_ca.to_owned()),
        ..files.clone()
    };
    let authority = folder.path().join("ca.pem");
    assert!(complaint(&with(&authority), "ca.pem").contains("no such file"));
    fs::create_dir(&authority).unwrap();
    assert!(complaint(&with(&authority), "ca.pem").contains("cannot be read"));
    fs::remove_dir(&authority).unwrap();
    let mut ca = params(2100);
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let text = ca.self_signed(&KeyPair::generate().unwrap()).unwrap().pem();
    fs::write(&authority, text).unwrap();
    assert!(load(&with(&authority)).is_ok());
}

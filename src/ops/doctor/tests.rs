//! The doctor on healthy and on sick set-ups.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::edge::wire::timestamp::Timestamp;

/// A configuration folder with these lines and a data folder beside it.
fn set_up(dir: &Path, listen: &str, more: &str) -> std::path::PathBuf {
    let config = dir.join("config");
    fs::create_dir_all(&config).unwrap();
    let data = dir.join("data");
    let text = format!("[server]\ndata_dir = {data:?}\n[listen]\nmain = \"{listen}\"\n{more}");
    fs::write(config.join("local.toml"), text).unwrap();
    config
}

fn examined(config: &Path) -> Vec<Finding> {
    examine(config, &Environment::new())
}

fn named<'a>(findings: &'a [Finding], name: &str) -> &'a Finding {
    findings
        .iter()
        .find(|finding| finding.name == name)
        .unwrap()
}

const ANY_PORTS: &str = "[legacy]\nauth_port = 0\nmessage_port = 0\n";

#[test]
fn a_healthy_set_up_has_no_fail() {
    let dir = tempfile::tempdir().unwrap();
    let config = set_up(dir.path(), "127.0.0.1:0", ANY_PORTS);
    let findings = examined(&config);
    assert!(
        findings.iter().all(|f| f.status < Status::Fail),
        "{findings:#?}"
    );
    assert!(
        findings
            .iter()
            .all(|f| (f.status == Status::Ok) == f.remedy.is_empty())
    );
    assert!(
        named(&findings, "data folder")
            .found
            .contains("first start")
    );
    assert!(
        fs::read_dir(dir.path()).unwrap().count() == 1,
        "nothing is left behind"
    );
    assert_eq!(named(&findings, "C16 self-test").status, Status::Ok);
}

#[test]
fn a_taken_port_names_its_holder_and_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let findings = examined(&set_up(dir.path(), &address, ANY_PORTS));
    let finding = named(&findings, "main port");
    assert_eq!(finding.status, Status::Fail);
    assert!(
        finding
            .found
            .contains(&format!("process {} (", std::process::id()))
    );
    assert!(finding.remedy.contains("listen.main"));
    let ours = network::ports(
        &crate::ops::config::Config::load(&dir.path().join("config")).unwrap(),
        Some(std::process::id()),
    );
    assert_eq!(ours[0].status, Status::Ok, "{ours:?}");
}

#[test]
fn mistakes_and_open_doors_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let more = format!("{ANY_PORTS}allow = [\"10.0.0.0/8\"]\n[auth]\nguests = \"always\"\n");
    let config = set_up(dir.path(), "0.0.0.0:0", &more);
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    let findings = examined(&config);
    for name in ["legacy clients", "guests", "certificate", "data folder"] {
        assert_eq!(named(&findings, name).status, Status::Warn, "{name}");
    }
    assert!(
        named(&findings, "data folder")
            .remedy
            .starts_with("chmod 700")
    );
    fs::write(config.join("local.toml"), "[server]\nnmae = \"x\"\n").unwrap();
    let findings = examined(&config);
    let finding = named(&findings, "configuration");
    assert_eq!(finding.status, Status::Fail);
    assert!(finding.found.contains("server.nmae"), "{finding:?}");
    fs::remove_dir(&data).unwrap();
    fs::write(&data, "a file").unwrap();
    assert_eq!(data::folder(&data).status, Status::Fail);
}

#[test]
fn a_certificate_is_rated_by_its_days_and_its_files() {
    use crate::edge::tls::certificate::Files;
    use crate::edge::tls::facts::Facts;
    let dir = tempfile::tempdir().unwrap();
    let config = set_up(dir.path(), "127.0.0.1:0", ANY_PORTS);
    let files = Files::made_here(&dir.path().join("data"));
    fs::create_dir_all(files.key.parent().unwrap()).unwrap();
    fs::write(&files.key, "").unwrap();
    let findings = examined(&config);
    let finding = named(&findings, "certificate");
    assert_eq!(finding.status, Status::Fail);
    assert!(finding.found.contains("server.crt: there is no such file"));

    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["x".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2100, 1, 1);
    let made = params.self_signed(&key).unwrap();
    fs::write(&files.certificate, made.pem()).unwrap();
    fs::write(&files.key, key.serialize_pem()).unwrap();
    for (mode, status) in [(0o644, Status::Warn), (0o600, Status::Ok)] {
        fs::set_permissions(&files.key, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(named(&examined(&config), "certificate").status, status);
    }
    let facts = Facts::of(made.der()).unwrap();
    let at = |days: i64| certificate::rate(&facts, facts.not_after - days * 86_400, &files).status;
    assert_eq!((at(14), at(13)), (Status::Ok, Status::Warn));
    assert_eq!((at(0), at(-1)), (Status::Warn, Status::Fail));
}

#[test]
fn figures_are_rated() {
    let space = |bytes| data::rate_space(bytes, Path::new("/")).status;
    assert_eq!(space(2 << 30), Status::Ok);
    assert_eq!(space(500 << 20), Status::Warn);
    assert_eq!(space(10 << 20), Status::Fail);
    let descriptors = |hard, connections| machine::rate_descriptors(1024, hard, connections).status;
    assert_eq!(descriptors(20_000, 0), Status::Ok);
    assert_eq!(descriptors(4096, 0), Status::Warn);
    assert_eq!(descriptors(20_000, 30_000), Status::Warn);
    let at = |seconds: u64| Timestamp::from_micros(seconds * 1_000_000);
    let clock = |now, newest| machine::rate_clock(now, newest).status;
    assert_eq!(clock(at(1_800_000_000), None), Status::Ok);
    assert_eq!(
        clock(at(1_800_000_000), Some(at(1_800_000_001))),
        Status::Ok
    );
    assert_eq!(
        clock(at(1_800_000_000), Some(at(1_800_000_100))),
        Status::Warn
    );
    assert_eq!(clock(at(0), None), Status::Fail);
}

#[test]
fn who_is_let_in_is_rated_by_who_can_reach_it() {
    let dir = tempfile::tempdir().unwrap();
    let rated = |listen: &str, more: &str, name: &str| {
        let config = set_up(dir.path(), listen, &format!("{ANY_PORTS}{more}"));
        let findings = examined(&config);
        let finding = named(&findings, name);
        (finding.status, finding.found.clone())
    };
    let (here, everywhere) = ("127.0.0.1:0", "0.0.0.0:0");
    let open = "[auth]\nregistration = \"open\"\n";
    let plain = "[auth]\nplaintext = \"always\"\n";
    let unlimited = "[limits]\nlog_ins_per_minute = 0\n[auth]\nregistration = \"open\"\n";
    let exempt = "[limits]\nexempt = [\"::/0\"]\n[auth]\nregistration = \"open\"\n";
    for (listen, more, name, status) in [
        (here, "", "proxies", Status::Ok),
        (everywhere, "", "proxies", Status::Ok),
        (here, open, "proxies", Status::Warn),
        (here, plain, "proxies", Status::Warn),
        (here, "", "plain text", Status::Ok),
        (here, plain, "plain text", Status::Ok),
        (everywhere, "", "plain text", Status::Ok),
        (everywhere, plain, "plain text", Status::Warn),
        (here, unlimited, "registration", Status::Ok),
        (everywhere, open, "registration", Status::Ok),
        (everywhere, unlimited, "registration", Status::Warn),
        (everywhere, exempt, "registration", Status::Warn),
        (here, "", "accounts", Status::Ok),
        (everywhere, "", "accounts", Status::Warn),
        (
            here,
            "[auth]\nguests = \"never\"\n",
            "accounts",
            Status::Warn,
        ),
    ] {
        let (found, text) = rated(listen, more, name);
        assert_eq!(found, status, "{listen} {more:?} {name}: {text}");
    }
    let (_, text) = rated(here, "", "proxies");
    let trusting = "auth.guests, auth.plaintext, limits.exempt, legacy.allow";
    assert!(text.contains(trusting), "{text}");
    let listed = "proxies = [\"127.0.0.1\"]\n[auth]\nregistration = \"open\"\n";
    let config = set_up(dir.path(), here, listed);
    assert_eq!(named(&examined(&config), "proxies").status, Status::Ok);
    assert!(!dir.path().join("data").exists(), "nothing was made");
}

#[test]
fn accounts_are_looked_at_and_not_touched() {
    use crate::store::accounts::embedded::{Census, EmbeddedAccounts, EmbeddedOptions};
    let dir = tempfile::tempdir().unwrap();
    let path = set_up(dir.path(), "0.0.0.0:0", ANY_PORTS);
    let config = crate::ops::config::Config::load(&path).unwrap();
    let status = |accounts, admins| {
        let census = Census { accounts, admins };
        accounts::rate(&config, Some(census)).status
    };
    assert_eq!(status(0, 0), Status::Warn);
    assert_eq!(status(7, 0), Status::Warn);
    assert_eq!(status(7, 1), Status::Ok);

    let options = EmbeddedOptions::new(dir.path().join("data"));
    let beside = EmbeddedAccounts::open(&options).unwrap();
    let finding = accounts::check(&config);
    assert!(finding.found.contains("no active admin"), "{finding:?}");
    assert!(
        finding
            .remedy
            .contains("gencomm user add NAME --role admin")
    );
    drop(beside);
    fs::set_permissions(options.file(), fs::Permissions::from_mode(0o644)).unwrap();
    let finding = accounts::check(&config);
    assert_eq!(finding.status, Status::Warn);
    assert!(finding.remedy.starts_with("chmod 600"), "{finding:?}");
    let mode = options.file().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644, "only looked at");
    fs::set_permissions(options.file(), fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(options.file(), "x".repeat(4096)).unwrap();
    assert_eq!(accounts::check(&config).status, Status::Fail);
}

//! `config/gencomm.service`: what stands there is known to systemd, and its commands are known to the program.

use std::path::Path;
use std::process::{Command, Stdio};

/// Every directive that it may hold, by section; systemd itself only warns of one that it does not know.
const KNOWN: [(&str, &str); 3] = [
    (
        "Unit",
        "Description Documentation After Wants StartLimitIntervalSec StartLimitBurst",
    ),
    (
        "Service",
        "Type NotifyAccess ExecStart ExecReload Environment Restart RestartSec WatchdogSec TimeoutStartSec TimeoutStopSec \
         LimitNOFILE DynamicUser User StateDirectory StateDirectoryMode ConfigurationDirectory UMask AmbientCapabilities \
         CapabilityBoundingSet NoNewPrivileges ProtectSystem ProtectHome PrivateTmp PrivateDevices PrivateUsers PrivateIPC \
         ProtectClock ProtectControlGroups ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables \
         ProtectProc ProcSubset RemoveIPC RestrictAddressFamilies RestrictNamespaces RestrictRealtime RestrictSUIDSGID \
         LockPersonality MemoryDenyWriteExecute SystemCallArchitectures SystemCallFilter SystemCallErrorNumber",
    ),
    ("Install", "WantedBy"),
];

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/gencomm.service")
}

/// Section, name and value of every line.
fn directives() -> Vec<(String, String, String)> {
    let text = std::fs::read_to_string(path()).expect("the unit file");
    let (mut section, mut found) = (String::new(), Vec::new());
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            section = name.to_owned();
            continue;
        }
        let (name, value) = line.split_once('=').expect("name=value");
        found.push((section.clone(), name.to_owned(), value.to_owned()));
    }
    found
}

fn value(name: &str) -> String {
    let mut all = directives().into_iter();
    let found = all.find(|(_, known, _)| known == name);
    found.unwrap_or_else(|| panic!("no {name}")).2
}

#[test]
fn every_directive_is_known_in_its_section() {
    for (section, name, _) in directives() {
        let known = KNOWN.iter().find(|(known, _)| *known == section);
        let (_, names) = known.unwrap_or_else(|| panic!("[{section}]"));
        assert!(
            names.split_whitespace().any(|known| known == name),
            "{name} in [{section}]"
        );
    }
    for (name, wanted) in [
        ("Type", "notify"),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("Restart", "on-failure"),
    ] {
        assert_eq!(value(name), wanted);
    }
}

#[test]
fn its_commands_and_keys_are_the_programs() {
    for name in ["ExecStart", "ExecReload"] {
        let line = value(name);
        let mut words = line.split(' ');
        assert_eq!(words.next(), Some("/usr/local/bin/gencomm"));
        // What it means is refused only for its folder.
        let verb = words.next().expect("a command");
        let mut command = Command::new(env!("CARGO_BIN_EXE_gencomm"));
        let output = command
            .arg(verb)
            .args(words)
            .arg("--help")
            .stdin(Stdio::null())
            .output();
        assert!(output.expect("it runs").status.success(), "{line}");
    }
    let variable = value("Environment");
    let (name, folder) = variable.split_once('=').expect("a variable");
    assert_eq!(folder, format!("/var/lib/{}", value("StateDirectory")));
    let key = name.strip_prefix("GENCOMM__").expect("ours").to_lowercase();
    let known = gencomm::ops::config::KEYS.iter();
    assert!(
        known
            .map(|key| key.name)
            .any(|known| known == key.replace("__", "."))
    );
    let seconds = |name: &str| value(name).parse::<u64>().expect("seconds");
    let config = gencomm::ops::config::Config::built_in();
    assert!(seconds("TimeoutStopSec") > config.server.shutdown_deadline.as_secs());
    assert!(seconds("WatchdogSec") > config.server.watchdog.as_secs());
}

#[test]
fn it_does_not_disturb_a_configuration_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(path(), folder.path().join("gencomm.service")).expect("copied");
    let loaded = gencomm::ops::config::Loaded::read(folder.path(), &Default::default());
    assert!(loaded.is_ok_and(|loaded| loaded.files.is_empty()));
}

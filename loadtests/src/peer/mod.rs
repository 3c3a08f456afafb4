//! Other servers, to be measured beside ours: which program, how it is configured, what to install if it is missing. One file each.
//!
//! They run on a loopback port with nothing on disk, no limits against floods, and every descriptor that this process may have. What is
//! kept in memory for slow readers is not limited either: nobody is to be dropped for reading slowly.

mod inspircd;
mod mosquitto;
mod nats;
mod ngircd;
mod redis;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

/// A server that is not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peer {
    /// Publish and subscribe in memory
    Redis,
    /// An IRC server in C
    Ngircd,
    /// An IRC server in C++
    Inspircd,
    /// NATS core, publish and subscribe
    Nats,
    /// An MQTT broker, QoS 0
    Mosquitto,
}

/// What is to be known of a peer.
pub(crate) struct Plan {
    /// Its name in the report.
    name: &'static str,
    program: &'static str,
    /// The Debian package that has it.
    package: &'static str,
    /// What it is called with to say its version.
    version: &'static str,
    /// Connections that may be under way to it at a time, if its backlog is short: what does not fit is reset.
    connecting_max: Option<usize>,
    /// Puts its configuration into a folder of its own and returns its arguments.
    configure: fn(&Place<'_>) -> std::io::Result<Vec<String>>,
}

/// Where a peer is to run.
pub(crate) struct Place<'a> {
    pub(crate) folder: &'a Path,
    /// On 127.0.0.1.
    pub(crate) port: u16,
    /// How many descriptors it may have.
    pub(crate) descriptors: u64,
}

impl Place<'_> {
    /// Writes a file into the folder; returns its path.
    fn write(&self, name: &str, text: &str) -> std::io::Result<String> {
        let path = self.folder.join(name);
        std::fs::write(&path, text)?;
        Ok(path.display().to_string())
    }
}

impl Peer {
    fn plan(self) -> Plan {
        match self {
            Self::Redis => redis::PLAN,
            Self::Ngircd => ngircd::PLAN,
            Self::Inspircd => inspircd::PLAN,
            Self::Nats => nats::PLAN,
            Self::Mosquitto => mosquitto::PLAN,
        }
    }

    /// Name and version, as `redis 7.0.15`. An error says what to install.
    pub(crate) fn find(self) -> Result<String> {
        let plan = self.plan();
        let output = Command::new(self.program()?)
            .arg(plan.version)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("{} cannot be started", plan.program))?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        let version = version(&text)
            .with_context(|| format!("{} {} tells no version", plan.program, plan.version))?;
        Ok(format!("{} {version}", plan.name))
    }

    /// See [`Plan::connecting_max`].
    pub(crate) fn connecting_max(self) -> Option<usize> {
        self.plan().connecting_max
    }

    /// The command that runs it in the foreground.
    pub(crate) fn command(self, place: &Place<'_>) -> Result<Command> {
        let configure = self.plan().configure;
        let arguments = configure(place)
            .with_context(|| format!("{} cannot be configured", self.plan().name))?;
        let mut command = Command::new(self.program()?);
        command.args(arguments);
        Ok(command)
    }

    /// Where the program lies. Servers often lie where only the administrator's path leads.
    fn program(self) -> Result<PathBuf> {
        let plan = self.plan();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let more = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
        let found = std::env::split_paths(&path)
            .chain(more)
            .map(|folder| folder.join(plan.program))
            .find(|path| path.is_file());
        match found {
            Some(path) => Ok(path),
            None => bail!(
                "{} is not installed; on Debian: apt-get install {}",
                plan.program,
                plan.package
            ),
        }
    }
}

/// The first word that looks like a version: digits with dots between, whatever stands around them.
fn version(text: &str) -> Option<&str> {
    text.split(|c: char| !(c.is_ascii_digit() || c == '.'))
        .map(|word| word.trim_matches('.'))
        .find(|word| word.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        for (text, expected) in [
            (
                "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0",
                "7.0.15",
            ),
            ("ngIRCd 26.1-IDENT+IPv6+IRCPLUS", "26.1"),
            ("InspIRCd-3.15.0-debian", "3.15.0"),
            ("nats-server: v2.9.10\n", "2.9.10"),
            (
                "mosquitto version 2.0.11\n\nmosquitto is an MQTT v5.0/v3.1.1/v3.1 broker.",
                "2.0.11",
            ),
        ] {
            assert_eq!(version(text), Some(expected));
        }
        assert_eq!(version("no. such, thing 12"), None);
    }

    #[test]
    fn every_configuration_names_its_port_and_only_loopback() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place {
            folder: folder.path(),
            port: 12_345,
            descriptors: 5_000,
        };
        for peer in Peer::value_variants() {
            let arguments = (peer.plan().configure)(&place).unwrap();
            let mut all = arguments.join(" ");
            for argument in &arguments {
                all += &std::fs::read_to_string(argument).unwrap_or_default();
            }
            assert!(all.contains("12345") && all.contains("127.0.0.1"), "{all}");
        }
    }
}

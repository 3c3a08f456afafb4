//! What would keep a server from working well here: one check a subject, each with what was found and what to do.
//!
//! In: a configuration folder. Out: [`Finding`]s, in the order in which a start would meet them. Changes nothing; a file is made
//! and deleted at once where only that shows whether a folder can be written to.

mod access;
mod accounts;
mod certificate;
mod configuration;
mod data;
mod machine;
mod network;
#[cfg(test)]
mod tests;

use std::path::Path;

use serde::Serialize;

use super::config::Environment;
use crate::store::log::inspect;

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// It works, and somebody should look at it.
    Warn,
    /// The server will not start or not work.
    Fail,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub name: &'static str,
    /// How it stands.
    pub status: Status,
    /// What was found.
    pub found: String,
    /// What to do; empty if all is well.
    #[serde(rename = "do")]
    pub remedy: String,
}

impl Finding {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self {
            name,
            status: Status::Ok,
            found: found.into(),
            remedy: String::new(),
        }
    }

    fn warn(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            status: Status::Warn,
            remedy: remedy.into(),
            ..Self::ok(name, found)
        }
    }

    fn fail(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            status: Status::Fail,
            ..Self::warn(name, found, remedy)
        }
    }
}

/// Looks at everything that the configuration in `dir`, with `environment` over it, needs.
pub fn examine(dir: &Path, environment: &Environment) -> Vec<Finding> {
    let (config, mut findings) = configuration::check(dir, environment);
    let log_folder = config.server.data_dir.join("log");
    let holder = inspect::holder(&log_folder).ok().flatten();
    findings.extend(network::ports(
        &config,
        holder.and_then(|holder| holder.pid),
    ));
    findings.extend(network::exposure(&config));
    findings.extend(access::check(&config));
    findings.push(certificate::check(&config));
    findings.push(data::folder(&config.server.data_dir));
    findings.push(accounts::check(&config));
    findings.push(data::space(&config.server.data_dir));
    findings.push(machine::descriptors(config.limits.connections));
    let (log, newest) = data::log(&config, holder);
    findings.extend(log);
    findings.push(machine::c16());
    findings.push(machine::clock(newest));
    findings
}

//! What `/proc` tells of a process and of the machine.

use std::fs::read_to_string;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// A process that is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    /// This process.
    pub(crate) fn own() -> Self {
        Self(std::process::id())
    }

    /// CPU time of all its threads that live, to the nanosecond.
    pub(crate) fn cpu(self) -> Result<Duration> {
        let mut nanos = 0;
        let folder = format!("/proc/{}/task", self.0);
        for thread in std::fs::read_dir(&folder).with_context(|| folder.clone())? {
            // A thread may end between the two.
            let Ok(text) = read_to_string(thread?.path().join("schedstat")) else {
                continue;
            };
            let first = text.split_ascii_whitespace().next().unwrap_or_default();
            nanos += first
                .parse::<u64>()
                .context("a schedstat that is no number")?;
        }
        ensure!(
            nanos > 0,
            "{folder}: the kernel keeps no schedstat (CONFIG_SCHED_INFO)"
        );
        Ok(Duration::from_nanos(nanos))
    }

    /// Resident memory in KiB.
    pub(crate) fn resident_kib(self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.0);
        let text = read_to_string(&path).with_context(|| path.clone())?;
        kib_of(&text, "VmRSS:").with_context(|| format!("{path} has no VmRSS"))
    }
}

/// Memory of all TCP sockets of this network namespace in KiB, if the kernel tells.
pub(crate) fn tcp_memory_kib() -> Option<u64> {
    let text = read_to_string("/proc/net/sockstat").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("TCP:"))?;
    let mut words = line.split_ascii_whitespace().skip_while(|&w| w != "mem");
    Some(words.nth(1)?.parse::<u64>().ok()? * 4)
}

/// Flushes that the disks of the whole machine have done, if the kernel tells.
pub(crate) fn disk_flushes() -> Option<u64> {
    let text = read_to_string("/proc/diskstats").ok()?;
    let flushes = text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let name = words.nth(2)?;
        // Partitions and mapped devices would be counted again.
        let whole = std::path::Path::new("/sys/block").join(name).exists();
        whole.then(|| words.nth(15)?.parse::<u64>().ok()).flatten()
    });
    Some(flushes.sum())
}

/// The kernel's release, for the report.
pub(crate) fn kernel() -> String {
    read_to_string("/proc/sys/kernel/osrelease").map_or_else(|_| "?".into(), |s| s.trim().into())
}

/// The processor's model, for the report.
pub(crate) fn cpu_model() -> String {
    let text = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name"));
    let model = line.and_then(|line| line.split_once(':'));
    model.map_or_else(|| "?".into(), |(_, model)| model.trim().into())
}

/// Memory of the machine in KiB, for the report; 0 if the kernel does not tell.
pub(crate) fn memory_kib() -> u64 {
    let text = read_to_string("/proc/meminfo").unwrap_or_default();
    kib_of(&text, "MemTotal:").unwrap_or(0)
}

/// The number behind `key` in lines like `MemTotal:  24684092 kB`.
fn kib_of(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

//! What `/proc` tells of a process and of the machine.

use std::fs::read_to_string;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// Bytes of a page on the machines that this runs on.
const PAGE_BYTES: u64 = 4096;

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
    Some(words.nth(1)?.parse::<u64>().ok()? * PAGE_BYTES / 1024)
}

/// Kernel objects that belong to TCP sockets, of the whole machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SocketObjects {
    /// TCP sockets, both ends of a connection on this machine counted.
    pub(crate) sockets: u64,
    pub(crate) bytes: u64,
}

/// What `/proc/slabinfo` tells of sockets; `None` for whoever may not read it (it takes root), or where caches have other names.
///
/// Counted, each object with its share of its slab: the sockets themselves (`TCP`, `TCPv6`), their inodes (`sock_inode_cache`) and the open files
/// (`filp`). For each inode there is also one directory entry (`dentry`) and, as both ends are watched by one epoll, one entry there
/// (`eventpoll_epi`); these two caches are shared with all files of the machine, so the entries are not counted but taken to be there.
/// Not counted are buffers (see [`tcp_memory_kib`]), what security modules attach, and tables of a size that connections do not change.
pub(crate) fn socket_objects() -> Option<SocketObjects> {
    socket_objects_in(&read_to_string("/proc/slabinfo").ok()?)
}

fn socket_objects_in(slabinfo: &str) -> Option<SocketObjects> {
    // Objects in use, and bytes that one takes of its slab.
    let cache = |name: &str| {
        let mut lines = slabinfo.lines().map(str::split_ascii_whitespace);
        let mut words = lines.find_map(|mut words| (words.next()? == name).then_some(words))?;
        let mut next = |skip: usize| words.nth(skip)?.parse::<u64>().ok();
        let (objects, per_slab, pages) = (next(0)?, next(2)?, next(0)?);
        let bytes = pages * PAGE_BYTES;
        Some((objects, bytes.checked_div(per_slab)?))
    };
    let (tcp, inodes, files) = (cache("TCP")?, cache("sock_inode_cache")?, cache("filp")?);
    let tcp6 = cache("TCPv6").unwrap_or((0, 0));
    let (_, entry) = cache("dentry")?;
    let (_, watch) = cache("eventpoll_epi")?;
    let all = [tcp, tcp6, inodes, files, (inodes.0, entry + watch)];
    Some(SocketObjects {
        sockets: tcp.0 + tcp6.0,
        bytes: all.iter().map(|(objects, each)| objects * each).sum(),
    })
}

/// All that the kernel has in slabs, for whatever purpose, in KiB, if it tells.
pub(crate) fn slab_kib() -> Option<u64> {
    kib_of(&read_to_string("/proc/meminfo").ok()?, "Slab:")
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

#[cfg(test)]
mod tests {
    use super::*;

    const SLABINFO: &str = "slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> <batchcount> <sharedfactor>
request_sock_TCP     132    132    320   12    1 : tunables    0    0    0 : slabdata     11     11      0
TCP                  100    156   2368   13    8 : tunables    0    0    0 : slabdata     12     12      0
eventpoll_epi        401    512    128   32    1 : tunables    0    0    0 : slabdata     16     16      0
sock_inode_cache     120    266    832   19    4 : tunables    0    0    0 : slabdata     14     14      0
filp                 546    546    192   21    1 : tunables    0    0    0 : slabdata     26     26      0
dentry            245307 274029    192   21    1 : tunables    0    0    0 : slabdata  13049  13049      0
";

    #[test]
    fn sockets_are_counted_with_their_shares_of_slabs() {
        let objects = socket_objects_in(SLABINFO).unwrap();
        let expected = 100 * 2520 + 120 * 862 + 546 * 195 + 120 * (195 + 128);
        assert_eq!(objects.sockets, 100);
        assert_eq!(objects.bytes, expected);
        assert_eq!(socket_objects_in(&SLABINFO.replace("filp", "files")), None);
    }

    #[test]
    fn numbers_are_found_behind_their_keys() {
        let text = "MemTotal:       24684092 kB\nSlab:             612 kB\n";
        assert_eq!(kib_of(text, "Slab:"), Some(612));
        assert_eq!(kib_of(text, "Slabs:"), None);
    }
}

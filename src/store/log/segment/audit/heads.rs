//! Kept heads against the chain that an audit goes through.

use hashbrown::HashMap;

use super::head::Head;

/// A group and its last record: behind it begins what is meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Since {
    /// Number of the group.
    pub(crate) group: u64,
    /// Its last record.
    pub(crate) id: u64,
}

/// What became of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It lies on the chain. Between this group and the head every link was computed again from the records' hashes.
    OnChain(Since),
    /// Another link stands where it should be.
    Differs,
    /// The link is right, but the group ends with this record: the head's own text was changed.
    OtherId(u64),
    /// The log ends here, before the head.
    CutOff(Since),
    /// The log begins behind this group, and that is behind the head.
    Expired(Since),
    /// The link of its group cannot be read.
    Unreadable,
}

/// Heads on the look-out for their groups.
#[derive(Default)]
pub(super) struct Heads {
    wanted: Vec<Head>,
    fates: Vec<Option<Fate>>,
    by_group: HashMap<u64, Vec<usize>>,
    begin: Option<Since>,
}

impl Heads {
    pub(super) fn new(wanted: &[Head]) -> Self {
        let mut heads = Self {
            wanted: wanted.to_vec(),
            fates: vec![None; wanted.len()],
            ..Self::default()
        };
        for (n, head) in wanted.iter().enumerate() {
            heads.by_group.entry(head.group).or_default().push(n);
        }
        heads
    }

    /// The log begins behind this group.
    pub(super) fn begin(&mut self, since: Since, link: &[u8; 32]) {
        self.begin.get_or_insert(since);
        // What the group's last record was, the log does not know any more.
        self.compare(since.group, None, link, since);
    }

    /// A group of the chain; `proven` tells how far back the links were computed without a break.
    pub(super) fn group(&mut self, group: u64, last_id: u64, link: &[u8; 32], proven: Since) {
        self.compare(group, Some(last_id), link, proven);
    }

    fn compare(&mut self, group: u64, last_id: Option<u64>, link: &[u8; 32], proven: Since) {
        for n in self.by_group.get(&group).into_iter().flatten() {
            let head = &self.wanted[*n];
            let fate = match last_id {
                _ if head.link != *link => Fate::Differs,
                Some(id) if id != head.newest_id => Fate::OtherId(id),
                _ => Fate::OnChain(proven),
            };
            self.fates[*n].get_or_insert(fate);
        }
    }

    /// All of them, now that the chain has ended at `newest`.
    pub(super) fn fates(self, newest: Since) -> Vec<(Head, Fate)> {
        let begin = self.begin.unwrap_or_default();
        let all = self.wanted.into_iter().zip(self.fates);
        all.map(|(head, fate)| {
            let fate = fate.unwrap_or(match head.group {
                group if group > newest.group => Fate::CutOff(newest),
                group if group < begin.group => Fate::Expired(begin),
                _ => Fate::Unreadable,
            });
            (head, fate)
        })
        .collect()
    }
}

//! Send-once tags of the last ten to fifteen minutes. In: marks of what was stored. Out: whether a mark is known.
//!
//! Generations of five minutes, each a map in memory and a file `tags/{n}.tags`; one is forgotten, whole, when its newest
//! entry is ten minutes old. Ages go by a clock that nobody sets; the wall clock counts only over a restart. Files are appended to after a commit without a sync: until they are synced the journal has the tags.

mod file;
mod mark;

use std::collections::VecDeque;
use std::path::PathBuf;

use hashbrown::HashMap;
use slog::{info, warn};

use super::super::LogError;
use super::super::clock::Clock;
use super::super::disk::{File, Folder};
use super::files::{make_folder, refused};
use super::quarantine::Quarantine;
use crate::edge::wire::timestamp::Timestamp;
pub(super) use file::{FORGOTTEN_DIGEST, Tagged, copy_file, damaged_at as file_damaged_at};
use file::{Found, TagFile};
pub(super) use mark::Marker;

/// A new generation is begun after this.
const TURN_MICROS: i64 = 5 * 60 * 1_000_000;
/// A generation is forgotten this long after it was begun.
const FORGET_MICROS: i64 = 15 * 60 * 1_000_000;
/// A tag is remembered at least this long.
const WINDOW_MICROS: u64 = (FORGET_MICROS - TURN_MICROS) as u64;

struct Generation {
    /// When its file was made by the wall clock, in microseconds.
    created: u64,
    /// The time of its newest entry, in microseconds; that of its file if it has none.
    newest: u64,
    /// The same by [`Tags::uptime`]; `None` as long as nobody has told the time since it was read from its file.
    begun: Option<i64>,
    file: TagFile,
    dirty: bool,
    entries: HashMap<u64, Tagged>,
    /// Id, key and number in the file, ids rising: finds the tag of a record that is removed.
    by_id: Vec<(u64, u64, u32)>,
}

impl Generation {
    /// In microseconds.
    fn age(&self, uptime: i64) -> i64 {
        self.begun.map_or(0, |begun| uptime.saturating_sub(begun))
    }

    fn redact(&mut self, ids: &[u64]) -> Result<(), LogError> {
        let mut replaced = false;
        for id in ids {
            let Ok(at) = self.by_id.binary_search_by_key(id, |(id, ..)| *id) else {
                continue;
            };
            let (_, key, number) = self.by_id[at];
            // Though it may be forgotten already: after a failed sync that says nothing of the disk.
            let known = self.entries.get_mut(&key);
            if let Some(tag) = known.filter(|tag| tag.id == *id) {
                let mut forgotten = *tag;
                forgotten.mark.digest = FORGOTTEN_DIGEST;
                self.file.replace(number, &forgotten)?;
                *tag = forgotten;
                replaced = true;
            }
        }
        if replaced {
            self.file.sync()?;
        }
        Ok(())
    }
}

/// See the module.
pub(super) struct Tags {
    folder: Folder,
    /// Oldest first.
    generations: VecDeque<Generation>,
    /// Stored, but not in a file yet because that failed. No larger than one group: no further commit is taken meanwhile.
    unwritten: Vec<Tagged>,
    next_number: u64,
    names_dirty: bool,
    clock: Clock,
    /// What tests add to the time gone by, in microseconds.
    #[cfg(test)]
    pub(super) later: i64,
    log: slog::Logger,
}

impl Tags {
    /// Reads the files. An unreadable one goes to quarantine; its tags may be in the journal.
    pub(super) fn open(
        log_folder: &Folder,
        clock: &Clock,
        quarantine: &Quarantine,
        log: &slog::Logger,
    ) -> Result<Self, LogError> {
        let folder = log_folder.inner("tags");
        make_folder(&folder)?;
        let mut tags = Self {
            generations: VecDeque::new(),
            unwritten: Vec::new(),
            next_number: 1,
            // A process that was killed may have made files and not synced their names.
            names_dirty: true,
            clock: clock.clone(),
            #[cfg(test)]
            later: 0,
            log: log.clone(),
            folder,
        };
        for (number, path) in tags.numbered()? {
            tags.next_number = number + 1;
            match TagFile::read(&tags.folder, &path)? {
                Found::Whole {
                    file,
                    created,
                    entries,
                    cut,
                } => {
                    if cut > 0 {
                        info!(log, "cut the torn end of a tag file, the journal has it";
                            "file" => %path.display(), "bytes" => cut);
                    }
                    let created = created.as_micros();
                    let newest = entries.last();
                    let newest = newest.map_or(created, |(_, tag)| tag.time.as_micros());
                    tags.generations.push_back(Generation {
                        created,
                        newest,
                        begun: None,
                        file,
                        dirty: true,
                        entries: entries.iter().map(|(_, t)| (t.mark.key, *t)).collect(),
                        by_id: entries
                            .iter()
                            .map(|(n, t)| (t.id, t.mark.key, *n))
                            .collect(),
                    });
                }
                Found::Unreadable(bytes) => {
                    let name = format!("tags-{number}");
                    quarantine.keep(&name, 0, "no header of a tag file", &bytes)?;
                    warn!(log, "a tag file has no header and is not used; repeated sends of that time may be stored twice";
                        "file" => %path.display(), "bytes" => bytes.len());
                    let removed = tags.folder.disk().remove(&path);
                    removed.map_err(refused("removing", &path))?;
                }
            }
        }
        Ok(tags)
    }

    /// Takes what the journal has (rising ids) and the files lack, as far as it is within the window before the newest.
    /// Returns how many.
    pub(super) fn complete(&mut self, journal: &[Tagged]) -> Result<usize, LogError> {
        // By the newest record, not the latest time: what stands there from before the clock was set back is not newer.
        let newest = journal.iter().max_by_key(|tag| tag.id);
        let newest = newest.map_or(0, |tag| tag.time.as_micros());
        let mut missing: HashMap<u64, Tagged> = HashMap::new();
        for tag in journal {
            let fresh = tag.time.as_micros() + WINDOW_MICROS >= newest;
            if fresh && self.known(tag.mark.key).is_none_or(|old| old.id < tag.id) {
                missing.insert(tag.mark.key, *tag);
            }
        }
        if !missing.is_empty() {
            let created = Timestamp::from_micros(newest.saturating_sub(TURN_MICROS as u64));
            let mut missing: Vec<Tagged> = missing.values().copied().collect();
            missing.sort_unstable_by_key(|tag| tag.id);
            // How old that is, the first time that is told will say.
            self.begin(created, None)?;
            self.unwritten.extend_from_slice(&missing);
            self.write()?;
        }
        Ok(missing.len())
    }

    /// Forgets the tags of records from id `first` on that are not in the log: a power cut took a message that was not synced and left
    /// its tag. Whoever sends it again must not be told that it is there. Returns how many.
    pub(super) fn forget_lost(
        &mut self,
        first: u64,
        mut is_there: impl FnMut(u64) -> Result<bool, LogError>,
    ) -> Result<usize, LogError> {
        let mut lost = 0;
        for generation in &mut self.generations {
            for (id, key, number) in generation.by_id.iter().filter(|(id, ..)| *id >= first) {
                if is_there(*id)? {
                    continue;
                }
                generation.file.erase(*number)?;
                generation.dirty = true;
                if generation.entries.get(key).is_some_and(|tag| tag.id == *id) {
                    generation.entries.remove(key);
                }
                lost += 1;
            }
        }
        Ok(lost)
    }

    /// Tags remembered.
    pub(super) fn len(&self) -> usize {
        let sizes = self.generations.iter().map(|g| g.entries.len());
        sizes.sum()
    }

    /// The record stored under this key.
    pub(super) fn known(&self, key: u64) -> Option<Tagged> {
        let newest_first = self.generations.iter().rev();
        newest_first
            .filter_map(|generation| generation.entries.get(&key))
            .next()
            .copied()
    }

    /// Forgets what is too old.
    pub(super) fn forget(&mut self, now: Timestamp) {
        self.tell_time(now);
        let uptime = self.uptime();
        let old = |g: &Generation| g.age(uptime) >= FORGET_MICROS;
        while self.generations.front().is_some_and(old) {
            let Some(gone) = self.generations.pop_front() else {
                return;
            };
            if let Err(error) = self.folder.disk().remove(&gone.file.path) {
                // Read again at the next start and forgotten then.
                warn!(self.log, "a tag file could not be deleted";
                    "file" => %gone.file.path.display(), "reason" => %error);
            }
        }
    }

    /// Forgets what was said in these records, durably, but not that it was said: sent again, they are answered as before.
    pub(super) fn redact_all(&mut self, ids: &[u64]) -> Result<(), LogError> {
        for generation in &mut self.generations {
            generation.redact(ids)?;
        }
        Ok(())
    }

    /// Remembers what was stored. After an error it is remembered all the same, and written at the next [`Tags::catch_up`].
    pub(super) fn insert(&mut self, stored: &[Tagged], now: Timestamp) -> Result<(), LogError> {
        if stored.is_empty() {
            return Ok(());
        }
        self.unwritten.extend_from_slice(stored);
        self.catch_up(now)
    }

    /// Writes what could not be written.
    pub(super) fn catch_up(&mut self, now: Timestamp) -> Result<(), LogError> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        self.tell_time(now);
        let uptime = self.uptime();
        let current = self.generations.back();
        if current.is_none_or(|generation| generation.age(uptime) >= TURN_MICROS) {
            self.begin(now, Some(uptime))?;
        }
        self.write()
    }

    /// Time gone by, in microseconds.
    fn uptime(&self) -> i64 {
        let uptime = i64::try_from(self.clock.uptime().as_micros()).unwrap_or(i64::MAX);
        #[cfg(test)]
        let uptime = uptime + self.later;
        uptime
    }

    /// How old what was read from files is, the wall clock says. One that was ahead says nothing; and if it was set forwards while a later
    /// generation was written to, the time between the two is what it said when that one was made.
    fn tell_time(&mut self, now: Timestamp) {
        let uptime = self.uptime();
        let micros =
            |from: u64, to: u64| i64::try_from(to.saturating_sub(from)).unwrap_or(i64::MAX);
        // When the later one was made, and the age of its newest entry.
        let mut later: Option<(u64, i64)> = None;
        for generation in self.generations.iter_mut().rev() {
            let (created, newest) = (generation.created, generation.newest);
            if generation.begun.is_some() {
                continue;
            }
            let by_now = micros(newest, now.as_micros());
            let by_later = later.map(|(made, age)| age.saturating_add(micros(newest, made)));
            let age = by_later.map_or(by_now, |by_later| by_later.min(by_now));
            // It was written to for a turn at most, whatever the clock was set to meanwhile.
            let turn = micros(created, newest).min(TURN_MICROS);
            generation.begun = Some(uptime.saturating_sub(age).saturating_sub(turn));
            later = Some((created, age));
        }
    }

    /// Appends what is not in a file yet to the newest one.
    fn write(&mut self) -> Result<(), LogError> {
        if let Some(current) = self.generations.back_mut() {
            let keyed = self.unwritten.iter().map(|tag| (tag.mark.key, *tag));
            current.entries.extend(keyed);
            let first = current.file.append(&self.unwritten)?;
            let numbered = (first..).zip(&self.unwritten);
            current
                .by_id
                .extend(numbered.map(|(number, tag)| (tag.id, tag.mark.key, number)));
            current.dirty = true;
            if let Some(tag) = self.unwritten.last() {
                current.newest = tag.time.as_micros();
            }
            self.unwritten.clear();
        }
        Ok(())
    }

    /// Files with entries that were not synced, and the folder if names in it are new; they count as synced from here on.
    pub(super) fn unsynced(&mut self) -> Result<Vec<(File, PathBuf)>, LogError> {
        let mut files = Vec::new();
        if self.names_dirty {
            let folder = self.folder.disk().open_folder(&self.folder);
            let folder = folder.map_err(refused("opening", &self.folder))?;
            files.push((folder, self.folder.to_path_buf()));
        }
        for generation in self.generations.iter().filter(|g| g.dirty) {
            let file = &generation.file;
            let handle = file
                .file
                .try_clone()
                .map_err(refused("opening", &file.path))?;
            files.push((handle, file.path.clone()));
        }
        self.names_dirty = false;
        self.generations.iter_mut().for_each(|g| g.dirty = false);
        Ok(files)
    }

    /// Whether every entry is synced or handed out by [`Tags::unsynced`].
    pub(super) fn is_clean(&self) -> bool {
        !self.names_dirty && self.generations.iter().all(|g| !g.dirty)
    }

    /// Whether every entry is in a file.
    pub(super) fn is_written(&self) -> bool {
        self.unwritten.is_empty()
    }

    fn begin(&mut self, created: Timestamp, begun: Option<i64>) -> Result<(), LogError> {
        let number = self.next_number;
        let path = self.folder.join(format!("{number}.tags"));
        self.generations.push_back(Generation {
            created: created.as_micros(),
            newest: created.as_micros(),
            begun,
            file: TagFile::create(&self.folder, path, created)?,
            dirty: true,
            entries: HashMap::new(),
            by_id: Vec::new(),
        });
        self.next_number += 1;
        self.names_dirty = true;
        Ok(())
    }

    fn numbered(&self) -> Result<Vec<(u64, PathBuf)>, LogError> {
        let mut files = Vec::new();
        let names = self.folder.disk().names(&self.folder);
        for name in names.map_err(refused("reading", &self.folder))? {
            let number = name
                .strip_suffix(".tags")
                .and_then(|number| number.parse().ok());
            files.extend(number.map(|number: u64| (number, self.folder.join(&name))));
        }
        files.sort_unstable();
        Ok(files)
    }
}

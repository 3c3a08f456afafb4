//! The two marks of a tagged message, keyed by `tags/key` so that nobody outside can aim at a collision.

use std::hash::Hasher;

use rand::TryRngCore;
use rand::rngs::OsRng;
use siphasher::sip::SipHasher24;
use slog::warn;

use super::super::super::disk::Folder;
use super::super::super::{LogError, TagMark};
use super::super::files::{make_folder, open_file, refused, sync_failed, sync_folder};
use super::super::quarantine::Quarantine;

const KEY_BYTES: usize = 16;

/// Computes marks.
pub(in super::super) struct Marker {
    key: [u8; KEY_BYTES],
}

impl Marker {
    /// Reads the key; makes it the first time.
    pub(in super::super) fn open(
        log_folder: &Folder,
        quarantine: &Quarantine,
        log: &slog::Logger,
    ) -> Result<Self, LogError> {
        let folder = log_folder.inner("tags");
        make_folder(&folder)?;
        let path = folder.join("key");
        if folder.disk().exists(&path) {
            let bytes = folder.read(&path).map_err(refused("reading", &path))?;
            if let Ok(key) = bytes.as_slice().try_into() {
                return Ok(Self { key });
            }
            quarantine.keep("tags-key", 0, "not 16 bytes", &bytes)?;
            warn!(log, "the key of the tags is damaged and made anew; sends repeated over this start may be stored twice";
                "file" => %path.display());
        }
        let mut key = [0; KEY_BYTES];
        OsRng
            .try_fill_bytes(&mut key)
            .map_err(|error| refused("making a key for", &path)(std::io::Error::other(error)))?;
        let new = folder.join("key.new");
        let file = open_file(&folder, &new)?;
        file.set_len(0)
            .and_then(|()| file.write_all_at(&key, 0))
            .map_err(refused("writing", &new))?;
        file.sync_all().map_err(sync_failed(&new))?;
        folder
            .disk()
            .rename(&new, &path)
            .map_err(refused("renaming", &new))?;
        sync_folder(&folder)?;
        Ok(Self { key })
    }

    /// See `LogStore::tag_mark`.
    pub(in super::super) fn mark(
        &self,
        account: &str,
        tag: &str,
        room: &str,
        body: &[u8],
    ) -> TagMark {
        let account = account.bytes().map(|byte| byte.to_ascii_lowercase());
        let mut key = SipHasher24::new_with_key(&self.key);
        key.write(b"k");
        account.for_each(|byte| key.write(&[byte]));
        // No name holds a zero byte, so the parts cannot run into each other.
        key.write(&[0]);
        key.write(tag.as_bytes());
        let mut digest = SipHasher24::new_with_key(&self.key);
        digest.write(b"d");
        digest.write(room.as_bytes());
        digest.write(&[0]);
        digest.write(body);
        TagMark {
            key: key.finish(),
            digest: digest.finish(),
        }
    }
}

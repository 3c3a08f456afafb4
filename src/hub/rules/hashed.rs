//! Tables that everybody who is here stands in. Their keys are keyed hashes already: to hash them again would only cost time.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher};

/// Takes a 64-bit key as it is. Only for keys that come of a keyed hash: others could be chosen to collide.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hashed;

/// See [`Hashed`].
#[derive(Debug, Clone, Copy, Default)]
pub struct AsItIs(u64);

impl BuildHasher for Hashed {
    type Hasher = AsItIs;

    fn build_hasher(&self) -> AsItIs {
        AsItIs(0)
    }
}

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Not on the way of a 64-bit key, but right for any.
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 = self.0.rotate_left(5) ^ u64::from_le_bytes(word);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// After something was removed: gives back the room of a table that holds far less than it did. Storms let a table hold twice as many for a
/// moment, those who leave and those who are back.
pub fn tidy<K: Eq + Hash, V, S: BuildHasher>(table: &mut HashMap<K, V, S>) {
    const KEPT_MIN: usize = 1024;
    if table.capacity() > KEPT_MIN && table.capacity() > 3 * table.len() {
        // A quarter to spare, so that the next to come does not have it grow again.
        table.shrink_to(table.len() + table.len() / 4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::RandomState;

    #[test]
    fn a_key_is_its_own_hash() {
        assert_eq!(Hashed.hash_one(17_u64), 17);
        assert_ne!(Hashed.hash_one("a"), Hashed.hash_one("b"));
    }

    #[test]
    fn a_table_that_was_twice_as_full_is_tidied() {
        let keys = RandomState::new();
        let keys: Vec<u64> = (0..30_000).map(|number| keys.hash_one(number)).collect();
        let mut table: HashMap<u64, u32, Hashed> = keys.iter().map(|key| (*key, 0)).collect();
        let full = table.capacity();
        for key in &keys[..15_000] {
            table.remove(key);
            tidy(&mut table);
        }
        assert!(table.capacity() <= full.div_ceil(2) && table.len() == 15_000);
        for key in &keys[15_000..] {
            table.remove(key);
            tidy(&mut table);
        }
        assert!(table.is_empty() && table.capacity() < 4096);
    }
}

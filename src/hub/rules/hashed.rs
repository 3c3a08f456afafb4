//! Tables whose keys are keyed hashes already: to hash them again would only cost time.

use std::hash::{BuildHasher, Hasher};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_own_hash() {
        assert_eq!(Hashed.hash_one(17_u64), 17);
        assert_ne!(Hashed.hash_one("a"), Hashed.hash_one("b"));
    }
}

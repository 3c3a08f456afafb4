//! Pure codecs: bytes to values and back. No I/O, no actors.

pub mod c16;

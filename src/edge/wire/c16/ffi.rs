//! The border to the C library in `c16/`. In: slices; out: filled slices or where the text is
//! wrong. Owns nothing. The externs must be declared in this crate, or the linker drops the
//! library; all `unsafe` of the codec is here.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int};

use super::DecodeError;

/// `struct c16_impl`: only ever seen through a pointer.
#[repr(C)]
pub(super) struct Opaque {
    _private: [u8; 0],
}

const STATUS_OK: c_int = 0;
const STATUS_ODD_LENGTH: c_int = 1;

unsafe extern "C" {
    fn c16_encode(src: *const u8, n: usize, dst: *mut u8) -> usize;
    fn c16_decode(src: *const u8, n: usize, dst: *mut u8, bad_at: *mut usize) -> c_int;

    fn c16_impl_at(level: usize) -> *const Opaque;
    fn c16_impl_in_use() -> *const Opaque;
    fn c16_impl_name(implementation: *const Opaque) -> *const c_char;
    fn c16_encode_with(
        implementation: *const Opaque,
        src: *const u8,
        n: usize,
        dst: *mut u8,
    ) -> usize;
    fn c16_decode_with(
        implementation: *const Opaque,
        src: *const u8,
        n: usize,
        dst: *mut u8,
        bad_at: *mut usize,
    ) -> c_int;
}

/// Appends the text of `raw` to `out`, without zeroing the room first.
pub(super) fn append_encoded(raw: &[u8], out: &mut Vec<u8>) {
    // A slice has at most `isize::MAX` bytes, so twice that does not overflow.
    out.reserve(2 * raw.len());
    // SAFETY: `reserve` left at least `2 * raw.len()` bytes behind the vector's end, and the
    // library writes exactly so many there. `raw` is borrowed, `out` borrowed exclusively: they
    // do not overlap. The new length covers only bytes that were in the vector or just written.
    unsafe {
        let written = c16_encode(
            raw.as_ptr(),
            raw.len(),
            out.spare_capacity_mut().as_mut_ptr().cast(),
        );
        out.set_len(out.len() + written);
    }
}

/// Appends the bytes of `text` to `out`; on an error `out` keeps its length and contents.
pub(super) fn append_decoded(text: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let raw_len = text.len() / 2;
    out.reserve(raw_len);
    let mut bad_at = 0;
    // SAFETY: `reserve` left at least `text.len() / 2` bytes behind the vector's end, and the
    // library writes no more than that, whatever the text holds. The buffers do not overlap, as
    // above, and `bad_at` is a live local.
    let status = unsafe {
        let room = out.spare_capacity_mut().as_mut_ptr().cast();
        c16_decode(text.as_ptr(), text.len(), room, &raw mut bad_at)
    };
    check(status, text, bad_at)?;
    // SAFETY: the status is "all valid", so all `raw_len` bytes behind the end were written.
    unsafe { out.set_len(out.len() + raw_len) };
    Ok(())
}

fn check(status: c_int, text: &[u8], bad_at: usize) -> Result<(), DecodeError> {
    match status {
        STATUS_OK => Ok(()),
        STATUS_ODD_LENGTH => Err(DecodeError::OddLength {
            length_bytes: text.len(),
        }),
        _ => Err(DecodeError::BadCharacter {
            offset_bytes: bad_at,
            byte: text[bad_at],
        }),
    }
}

/// One of the library's ways to do the work, present on this processor.
#[derive(Clone, Copy)]
pub(super) struct Implementation(*const Opaque);

impl Implementation {
    /// All that this processor has, the plain one first.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..)
            // SAFETY: any level may be asked for; one that is not there gives a null pointer.
            .map(|level| unsafe { c16_impl_at(level) })
            .take_while(|found| !found.is_null())
            .map(Self)
    }

    /// The one behind [`append_encoded`] and [`append_decoded`].
    pub(super) fn in_use() -> Self {
        // SAFETY: no arguments, and never null.
        Self(unsafe { c16_impl_in_use() })
    }

    pub(super) fn name(self) -> &'static str {
        // SAFETY: `self.0` came from the library and points to a constant of it, as the name does,
        // which is a NUL-terminated literal.
        let name = unsafe { CStr::from_ptr(c16_impl_name(self.0)) };
        name.to_str().unwrap_or("unnamed")
    }

    /// Fills `text` with the text of `raw`.
    ///
    /// # Panics
    /// When `text` is not exactly twice as long as `raw`.
    pub(super) fn encode(self, raw: &[u8], text: &mut [u8]) {
        assert_eq!(
            text.len(),
            2 * raw.len(),
            "the text of n bytes is 2n characters"
        );
        // SAFETY: `self.0` came from the library; the destination has just the room that is
        // written, and an exclusive borrow overlaps nothing.
        unsafe { c16_encode_with(self.0, raw.as_ptr(), raw.len(), text.as_mut_ptr()) };
    }

    /// Fills `raw` with what `text` stands for; after an error its contents mean nothing.
    ///
    /// # Panics
    /// When `raw` is not exactly half as long as `text`, rounded down.
    pub(super) fn decode(self, text: &[u8], raw: &mut [u8]) -> Result<(), DecodeError> {
        assert_eq!(raw.len(), text.len() / 2, "2n characters stand for n bytes");
        let mut bad_at = 0;
        // SAFETY: as in `encode`; at most `text.len() / 2` bytes are written, and `bad_at` is a
        // live local.
        let status = unsafe {
            let room = raw.as_mut_ptr();
            c16_decode_with(self.0, text.as_ptr(), text.len(), room, &raw mut bad_at)
        };
        check(status, text, bad_at)
    }
}

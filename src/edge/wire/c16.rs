//! C16 (placeholder filled by the wrapper).

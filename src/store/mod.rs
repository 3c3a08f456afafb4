//! 3. What remains.

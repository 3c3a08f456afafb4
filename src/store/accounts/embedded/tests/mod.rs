//! The file as tests see it.

//! Logging with slog.

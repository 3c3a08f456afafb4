//! GC/2 as docs/protocol.md promises it, byte by byte.

mod c16;
mod join;
mod lines;
mod log_in;
mod past;
mod presence;
mod removal;
mod resume;
mod send;
mod send_once;
mod slow_reader;

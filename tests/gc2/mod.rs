//! GC/2 as docs/protocol.md promises it, byte by byte.

mod c16;
mod half_closed;
mod join;
mod lines;
mod log_in;
mod past;
mod presence;
mod removal;
mod removal_under_load;
mod resume;
mod send;
mod send_once;
mod slow_reader;

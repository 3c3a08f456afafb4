//! The segments against a plain model, and against what crashes, damage and removals do to their files.

mod basic;
mod beside;
mod damage;
mod heads;
mod model;
mod removal;
mod rooms;
mod support;
mod torn;

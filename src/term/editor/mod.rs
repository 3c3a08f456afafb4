//! The lines at the bottom of the terminal that a person types into, with messages scrolling by above them.
//!
//! In: key events of crossterm. Out: [`Action`]s. [`buffer`] is the text, [`keys`] what a key does to it, [`layout`] where
//! it stands on the screen (all pure), [`screen`] draws.

pub mod buffer;
pub mod keys;
pub mod layout;
pub mod screen;

pub use keys::{Action, Editor};
pub use screen::Screen;

//! Places in the way of a group, in the log and in the fan-outs, where a test may make the actor panic. An armed place is its
//! thread's: the actor that is told to arm it is the one that panics.

#[cfg(feature = "fault-injection")]
mod armed {
    use std::cell::Cell;

    thread_local! {
        static PLACE: Cell<&'static str> = const { Cell::new("") };
    }

    /// The next pass of `place` panics.
    pub(in crate::hub) fn set(place: &'static str) {
        PLACE.set(place);
    }

    /// Does not come back: this thread hangs.
    pub(in crate::hub) fn hang() -> ! {
        loop {
            std::thread::sleep(std::time::Duration::from_secs(60));
        }
    }

    /// Panics if this place is armed.
    pub(in crate::hub) fn point(place: &'static str) {
        if PLACE.get() == place {
            PLACE.set("");
            panic!("provoked {place}");
        }
    }
}
#[cfg(feature = "fault-injection")]
pub(super) use armed::{hang, point, set};

/// Nothing, in a release.
#[cfg(not(feature = "fault-injection"))]
pub(super) fn point(_: &'static str) {}

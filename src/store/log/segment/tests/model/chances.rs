//! What happens and what is asked, by chance.

use proptest::prelude::*;

pub(super) const ROOMS: [&str; 3] = ["lobby", "dev", "quiet"];

#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Events of one group: room, body length, time step (the clock may step back), ids left out before it.
    Append(Vec<(usize, usize, i64, u64)>),
    /// Remove the message at this place in the list.
    Remove(prop::sample::Index),
    Sync,
    Retain,
    /// Give a room a retention: messages, age in milliseconds; or none.
    Limit(usize, u64, u64),
    /// Overwrite a batch of what has expired in rooms.
    Overwrite,
    /// Reopen, after a clean stop or not, with nothing known to be synced or everything.
    Reopen(bool, bool),
}

#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) room: Option<usize>,
    pub(super) after: prop::sample::Index,
    pub(super) before: Option<prop::sample::Index>,
    pub(super) since: Option<prop::sample::Index>,
    pub(super) newest_first: bool,
    pub(super) with_removals: bool,
    pub(super) events_max: usize,
    pub(super) bytes_max: usize,
    pub(super) last: u64,
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let room = prop_oneof![6 => Just(0usize), 3 => Just(1), 1 => Just(2)];
    let gap = prop_oneof![9 => Just(0u64), 1 => 1u64..70_000];
    let event = (room, 1usize..60, -3000i64..5000, gap);
    let step = prop_oneof![
        12 => prop::collection::vec(event, 1..6).prop_map(Step::Append),
        3 => any::<prop::sample::Index>().prop_map(Step::Remove),
        2 => Just(Step::Sync),
        3 => Just(Step::Retain),
        2 => (0usize..3, limit(12), limit(60_000)).prop_map(|(r, n, age)| Step::Limit(r, n, age)),
        1 => Just(Step::Overwrite),
        1 => any::<(bool, bool)>().prop_map(|(clean, synced)| Step::Reopen(clean, synced)),
    ];
    prop::collection::vec(step, 1..60)
}

fn limit(max: u64) -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 1..max]
}

pub(super) fn asks() -> impl Strategy<Value = Vec<Ask>> {
    let ask = (
        prop::option::of(0usize..3),
        any::<prop::sample::Index>(),
        prop::option::of(any::<prop::sample::Index>()),
        prop::option::of(any::<prop::sample::Index>()),
        any::<(bool, bool)>(),
        prop_oneof![1usize..8, Just(100_000)],
        prop_oneof![0usize..200, Just(usize::MAX)],
        0u64..12,
    );
    let ask = ask.prop_map(
        |(
            room,
            after,
            before,
            since,
            (newest_first, with_removals),
            events_max,
            bytes_max,
            last,
        )| Ask {
            room,
            after,
            before,
            since,
            newest_first,
            with_removals,
            events_max,
            bytes_max,
            last,
        },
    );
    prop::collection::vec(ask, 12)
}

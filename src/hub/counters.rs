//! How often each limit was met, over the life of the process. Whoever shows figures reads them here.
//!
//! Only what is refused is counted, so nothing on the way of a message touches them.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// See the module. The names are those to show, in the form that Prometheus wants them.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: Counter,)*
        }

        impl Counters {
            /// Every counter with its name, in a fixed order.
            pub fn all(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.get())),*]
            }
        }
    };
}

counters! {
    /// Connections refused because of `limits.connections`.
    connections_refused_total,
    /// Connections refused because of `limits.connections_per_address`.
    connections_per_address_refused_total,
    /// Commands refused because of `limits.commands_per_second`.
    commands_refused_total,
    /// Pauses because of `limits.bytes_per_second`.
    byte_pauses_total,
    /// JOINs refused because of `limits.joins_per_minute`.
    joins_refused_total,
    /// Messages refused because of `limits.room_messages_per_second`.
    room_messages_refused_total,
    /// Clients disconnected because they went on too fast for `limits.patience`.
    floods_disconnected_total,
    /// Messages refused for their size, `limits.message_bytes` or `limits.line_bytes`.
    too_large_total,
    /// Log-ins and registrations refused because of their rate, or while waiting after wrong passwords.
    log_ins_slowed_total,
    /// Log-ins refused because the hashing queue was full.
    log_ins_queue_full_total,
    /// Wrong passwords, tokens and proofs.
    log_ins_wrong_total,
    /// Connections turned away because too many came from their address in a flood and did not log in.
    strangers_turned_away_total,
    /// Connections closed for saying nothing, or too much, before their log-in.
    strangers_closed_total,
    /// Rooms not begun because of `limits.new_rooms_per_minute`, `limits.rooms_per_account` or `limits.rooms`.
    rooms_refused_total,
}

/// A number that only rises.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Once more.
    pub fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How often so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_has_a_name() {
        let counters = Counters::default();
        counters.joins_refused_total.count();
        let all = counters.all();
        assert!(all.contains(&("joins_refused_total", 1)));
        assert!(all.iter().all(|(name, _)| name.ends_with("_total")));
    }
}

//! Configuration.
//!
//! In: the embedded text of `config/default.toml`, the two files of a configuration folder, the environment. Out: one
//! [`Config`] with every key checked, or a [`ConfigError`] that lists every mistake at once. Owns nothing after that:
//! the rest of the program takes `Arc<Config>` and nobody reads a setting from anywhere else.

mod change;
mod check;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod keys;
mod layer;
mod load;
mod sections;
mod settings;
mod units;
mod values;

#[cfg(test)]
mod tests;

use serde::Deserialize;

pub use change::{Change, Changes, changes};
pub use error::{ConfigError, Problem};
pub use keys::{KEYS, Key, Takes};
pub use load::{Environment, Loaded, data_dir_hint, process_environment};
pub use sections::{
    Auth, Backend, Durability, Guests, Heartbeat, Legacy, Level, Limits, Listen, LogFormat,
    Logging, Plaintext, Registration, Rooms, Server, Storage, Tls,
};
pub use settings::Setting;
pub use units::{ByteSize, lists, parse_duration, parse_size};

/// The text of `config/default.toml`: every key with its unit, its default and the reason for it.
pub const DEFAULT_TEXT: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/config/default.toml"));

macro_rules! sections {
    ($($(#[$what:meta])* $name:ident: $section:ty),* $(,)?) => {
        /// Everything that can be set, one field a section.
        ///
        /// A new section is a struct in `sections.rs`, a field here and its keys in `config/default.toml`.
        #[derive(Clone, Debug, Deserialize, PartialEq)]
        #[serde(deny_unknown_fields)]
        pub struct Config {
            $($(#[$what])* pub $name: $section),*
        }

        impl Config {
            /// Whether the section of this name can be made from `table`, which holds all of its keys.
            fn try_section(name: &str, table: toml::Table) -> Result<(), toml::de::Error> {
                let value = toml::Value::Table(table);
                match name {
                    $(stringify!($name) => <$section>::deserialize(value).map(drop),)*
                    // Nobody can set anything in it: it is no key of the defaults.
                    _ => Ok(()),
                }
            }
        }
    };
}

sections! {
    /// The process as a whole.
    server: Server,
    /// The native port.
    listen: Listen,
    /// Its certificate.
    tls: Tls,
    /// Clients of the original system.
    legacy: Legacy,
    /// When silence means death.
    heartbeat: Heartbeat,
    /// The message log.
    storage: Storage,
    /// What rooms keep in memory.
    rooms: Rooms,
    /// What clients may ask for.
    limits: Limits,
    /// Logging in.
    auth: Auth,
    /// The program's own log lines.
    logging: Logging,
}

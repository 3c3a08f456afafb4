//! Redis, for its publish and subscribe.

use super::{Place, Plan};

/// What redis itself needs of the descriptors, and a few more.
const DESCRIPTORS_RESERVED: u64 = 64;

pub(super) const PLAN: Plan = Plan {
    name: "redis",
    program: "redis-server",
    package: "redis-server",
    version: "--version",
    connecting_max: None,
    configure,
};

fn configure(place: &Place<'_>) -> std::io::Result<Vec<String>> {
    let clients = place.descriptors.saturating_sub(DESCRIPTORS_RESERVED);
    let text = format!(
        "bind 127.0.0.1\nport {}\ndir {}\nsave \"\"\nappendonly no\ndaemonize no\nprotected-mode no\n\
         maxclients {clients}\nclient-output-buffer-limit pubsub 0 0 0\ntimeout 0\n",
        place.port,
        place.folder.display()
    );
    Ok(vec![place.write("redis.conf", &text)?])
}

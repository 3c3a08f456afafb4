//! NATS, without its streams: nothing is stored.

use super::{Place, Plan};

pub(super) const PLAN: Plan = Plan {
    name: "nats",
    program: "nats-server",
    package: "nats-server",
    version: "--version",
    connecting_max: None,
    configure,
};

fn configure(place: &Place<'_>) -> std::io::Result<Vec<String>> {
    let text = format!(
        "listen: \"127.0.0.1:{}\"\nmax_connections: {}\nmax_pending: 4000000000\nwrite_deadline: \"600s\"\n\
         ping_interval: \"3600s\"\n",
        place.port, place.descriptors
    );
    let path = place.write("nats.conf", &text)?;
    Ok(vec!["--config".to_owned(), path])
}

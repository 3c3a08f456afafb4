//! Mosquitto, without persistence.

use super::{Place, Plan};

pub(super) const PLAN: Plan = Plan {
    name: "mosquitto",
    program: "mosquitto",
    package: "mosquitto",
    version: "-h",
    connecting_max: None,
    configure,
};

fn configure(place: &Place<'_>) -> std::io::Result<Vec<String>> {
    let text = format!(
        "listener {} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_connections -1\nmax_queued_messages 0\n\
         max_queued_bytes 0\nset_tcp_nodelay true\nlog_dest stderr\nlog_type error\nlog_type warning\nconnection_messages false\n",
        place.port
    );
    let path = place.write("mosquitto.conf", &text)?;
    Ok(vec!["-c".to_owned(), path])
}

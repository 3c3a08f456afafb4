//! ngIRCd. What it holds for a slow reader is limited in its code (32 KiB beside the socket's buffer).

use super::{Place, Plan};

pub(super) const PLAN: Plan = Plan {
    name: "ngircd",
    program: "ngircd",
    package: "ngircd",
    version: "--version",
    // Its backlog is 10.
    connecting_max: Some(8),
    configure,
};

fn configure(place: &Place<'_>) -> std::io::Result<Vec<String>> {
    let text = format!(
        "[Global]\nName = irc.loadtests.test\nInfo = loadtests\nListen = 127.0.0.1\nPorts = {}\nMotdPhrase = loadtests\n\
         AdminInfo1 = loadtests\nAdminInfo2 = loadtests\nAdminEMail = admin@irc.loadtests.test\n\
         [Limits]\nMaxConnections = 0\nMaxConnectionsIP = 0\nMaxJoins = 0\nMaxNickLength = 30\nMaxPenaltyTime = 0\n\
         PingTimeout = 3600\nPongTimeout = 3600\n\
         [Options]\nDNS = no\nIdent = no\nPAM = no\nIncludeDir =\n",
        place.port
    );
    let path = place.write("ngircd.conf", &text)?;
    Ok(vec!["--nodaemon".to_owned(), "--config".to_owned(), path])
}

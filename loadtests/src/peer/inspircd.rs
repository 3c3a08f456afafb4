//! InspIRCd 3.

use super::{Place, Plan};

pub(super) const PLAN: Plan = Plan {
    name: "inspircd",
    program: "inspircd",
    package: "inspircd",
    version: "--version",
    connecting_max: None,
    configure,
};

fn configure(place: &Place<'_>) -> std::io::Result<Vec<String>> {
    let Place {
        port, descriptors, ..
    } = place;
    let text = format!(
        "<server name=\"irc.loadtests.test\" description=\"loadtests\" network=\"loadtests\">\n\
         <admin name=\"loadtests\" nick=\"loadtests\" email=\"admin@irc.loadtests.test\">\n\
         <bind address=\"127.0.0.1\" port=\"{port}\" type=\"clients\">\n\
         <connect allow=\"*\" timeout=\"120\" pingfreq=\"3600\" hardsendq=\"2000000000\" softsendq=\"2000000000\" \
         recvq=\"100000000\" threshold=\"2000000000\" commandrate=\"2000000000\" fakelag=\"no\" \
         localmax=\"1000000\" globalmax=\"1000000\" limit=\"1000000\" maxchans=\"100\" resolvehostnames=\"no\" maxconnwarn=\"no\">\n\
         <performance somaxconn=\"4096\" softlimit=\"{descriptors}\" clonesonconnect=\"no\" quietbursts=\"yes\">\n\
         <options defaultmodes=\"nt\">\n<limits maxnick=\"30\">\n"
    );
    let path = place.write("inspircd.conf", &text)?;
    let flags = ["--nofork", "--nopid", "--nolog", "--runasroot"].map(str::to_owned);
    let mut arguments = vec!["--config".to_owned(), path];
    arguments.extend(flags);
    Ok(arguments)
}

//! `gencomm serve` as its caller sees it: READY, exit codes, messages about what is wrong.

use crate::support::Server;

#[test]
fn ready_line_names_the_address_and_only_that() {
    let mut server = Server::start();
    let port = server.address().port();
    assert_ne!(port, 0);
    assert_eq!(server.ready_line(), format!("READY main=127.0.0.1:{port}"));
    server.guest("ann").check_alive();
    assert_eq!(server.term().code(), Some(0));
}

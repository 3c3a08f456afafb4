//! What stands before the first line of some connections: a proxy's header, a TLS handshake. And what is known of a client by these.

use slog::{debug, info};

use crate::edge::tls::exporter::BINDING_BYTES;
use crate::edge::tls::session::TlsSession;
use crate::edge::wire::proxy;
use crate::hub::session::{Ending, TOO_MANY_FROM_ADDRESS};

use super::{Client, Phase};

impl Client {
    /// Whether nobody between the client and the server, or a proxy that is believed, can read along.
    pub fn is_secure(&self) -> bool {
        self.came_over_tls || self.tls().is_some()
    }

    /// What binds a log-in to this connection, `tls-exporter` of RFC 9266; with TLS 1.3 up to this server only.
    pub fn channel_binding(&self) -> Option<[u8; BINDING_BYTES]> {
        self.tls()?.channel_binding()
    }

    /// Who its certificate is for, if it has shown one of `tls.client_ca`.
    pub fn client_certificate_name(&self) -> Option<String> {
        self.tls()?.client_certificate_name()
    }

    /// Its own TLS, once the handshake is done. Behind a proxy that ends the client's, the other end is that proxy, with its
    /// certificate if any: that says nothing of the client.
    fn tls(&self) -> Option<&TlsSession> {
        let is_its_own = !self.came_over_tls;
        let tls = self.stream.tls().filter(|_| is_its_own);
        tls.filter(|tls| !tls.is_handshaking())
    }

    /// The first byte of its first lines was that of a handshake.
    pub(super) fn start_tls(&mut self, first: &[u8]) {
        let peer = self.seat.peer();
        if self.stream.tls().is_some() {
            return self.close(Ending::Refused("TLS within TLS"));
        }
        let Some(config) = self.shard.tls() else {
            info!(self.shard.log, "TLS connection refused: there is no certificate; `gencomm certs make` makes one";
                "peer" => %peer);
            return self.close(Ending::Refused("TLS is not offered"));
        };
        match self.stream.start_tls(config, first) {
            // What is said within it is looked at as if it were the first.
            Ok(()) => self.phase = Phase::First,
            Err(error) => self.fail_tls(&error),
        }
    }

    /// The other end does not do TLS as it should, or not as we do; it is told so and let go.
    pub(super) fn fail_tls(&mut self, error: &rustls::Error) {
        debug!(self.shard.log, "TLS failed"; "peer" => %self.seat.peer(), "why" => %error);
        self.close(Ending::Left);
    }

    pub(super) fn note_tls(&self) {
        if let Some(tls) = self.tls() {
            debug!(self.shard.log, "client speaks TLS"; "peer" => %self.seat.peer(),
                "with" => tls.describe(), "certificate" => tls.client_certificate_name());
        }
    }

    /// What a proxy sends first: for whom it speaks.
    pub(super) fn take_proxy_header(&mut self, bytes: Vec<u8>) {
        let proxy = self.seat.peer();
        let header = match proxy::parse(&bytes) {
            Ok(Some(header)) => header,
            Ok(None) => {
                self.keep_first(bytes);
                return;
            }
            Err(fault) => {
                info!(self.shard.log, "connection from a proxy refused (listen.proxies)";
                    "proxy" => %proxy, "why" => %fault);
                return self.close(Ending::Refused("no good PROXY header"));
            }
        };
        // Another machine's loopback is not ours, and ours has rights.
        let is_loopback = |peer: std::net::SocketAddr| peer.ip().to_canonical().is_loopback();
        let is_ours = |source: &_| !is_loopback(*source) || is_loopback(proxy);
        if let Some(source) = header.source.filter(is_ours) {
            self.seat.set_peer(source);
        }
        let address = self.seat.peer().ip();
        match self.shard.count_address(address) {
            Some(true) => self.seat.set_counted(),
            Some(false) => {}
            None => {
                self.reply(|out| out.extend_from_slice(TOO_MANY_FROM_ADDRESS));
                return self.close(Ending::Refused("too many connections from its address"));
            }
        }
        self.came_over_tls = header.is_tls;
        debug!(self.shard.log, "client behind a proxy"; "proxy" => %proxy, "peer" => %self.seat.peer(),
            "tls" => header.is_tls);
        self.phase = Phase::First;
        if let Some(first @ [_, ..]) = bytes.get(header.bytes..) {
            self.meet(first.to_vec());
        }
    }
}

//! A GC/2 client over TLS that knows nothing but lines.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::Pair;
use crate::support::{PATIENCE, Stop};

/// Which versions a client speaks.
pub mod versions {
    use rustls::SupportedProtocolVersion;
    use rustls::version::{TLS12, TLS13};

    pub const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
    pub const ONLY_12: &[&SupportedProtocolVersion] = &[&TLS12];
    pub const ONLY_13: &[&SupportedProtocolVersion] = &[&TLS13];
}

/// Trusts the server's certificate, and shows none.
pub fn client_config(
    server: &Pair,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> ClientConfig {
    trusting(server, versions).with_no_client_auth()
}

/// The same, before it is decided what it shows.
pub fn trusting(
    server: &Pair,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    let mut roots = RootCertStore::empty();
    roots.add(server.der()).expect("a certificate");
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .expect("versions")
        .with_root_certificates(roots)
}

/// A session that has said nothing yet.
pub fn session(config: Arc<ClientConfig>) -> ClientConnection {
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    ClientConnection::new(config, name).expect("a session")
}

/// See the module.
pub struct TlsClient {
    pub tls: ClientConnection,
    pub socket: TcpStream,
    input: Vec<u8>,
    at: usize,
}

impl TlsClient {
    /// Connects and ends the handshake.
    #[track_caller]
    pub fn connect(server: SocketAddr, config: Arc<ClientConfig>) -> Self {
        let socket = TcpStream::connect(server).expect("a connection");
        Self::over(socket, config).expect("a handshake")
    }

    /// The same over a connection that is there.
    pub fn over(mut socket: TcpStream, config: Arc<ClientConfig>) -> std::io::Result<Self> {
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        socket.set_nodelay(true)?;
        let mut tls = session(config);
        while tls.is_handshaking() {
            tls.complete_io(&mut socket)?;
        }
        Ok(Self {
            tls,
            socket,
            input: Vec::new(),
            at: 0,
        })
    }

    pub fn send(&mut self, line: &str) {
        self.send_bytes(format!("{line}\n").as_bytes());
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        let mut stream = rustls::Stream::new(&mut self.tls, &mut self.socket);
        stream.write_all(bytes).expect("the server takes it");
        stream.flush().expect("the server takes it");
    }

    /// The next line, or why there is none. [`Stop::Closed`] is an end in order; one without a goodbye is
    /// [`ErrorKind::UnexpectedEof`].
    pub fn try_line(&mut self) -> Result<String, Stop> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            if let Some(found) = memchr::memchr(b'\n', &self.input[self.at..]) {
                let line = self.input[self.at..self.at + found].to_vec();
                self.at += found + 1;
                return Ok(String::from_utf8(line).expect("UTF-8"));
            }
            self.input.drain(..self.at);
            self.at = 0;
            let mut stream = rustls::Stream::new(&mut self.tls, &mut self.socket);
            match stream.read(&mut buffer) {
                Ok(0) => return Err(Stop::Closed),
                Ok(read) => self.input.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(Stop::TimedOut),
                Err(error) => return Err(Stop::Broken(error.kind())),
            }
        }
    }

    #[track_caller]
    pub fn line(&mut self) -> String {
        loop {
            let line = self.try_line();
            let line = line.unwrap_or_else(|why| panic!("no line: {why:?}"));
            match line.strip_prefix("PING;") {
                Some(rest) => self.send(&format!("PONG;{rest}")),
                None => return line,
            }
        }
    }

    #[track_caller]
    pub fn expect(&mut self, line: &str) {
        assert_eq!(self.line(), line);
    }

    #[track_caller]
    pub fn until(&mut self, start: &str) -> String {
        loop {
            let line = self.line();
            if line.starts_with(start) {
                return line;
            }
        }
    }

    #[track_caller]
    pub fn ask(&mut self, line: &str, answer: &str) {
        self.send(line);
        assert_eq!(self.line(), answer, "to {line:?}");
    }

    #[track_caller]
    pub fn login(&mut self, name: &str) {
        self.ask(
            &format!("AUTH;login;GUEST;{name}"),
            &format!("OK;login;{name};"),
        );
    }

    #[track_caller]
    pub fn join(&mut self, room: &str, from: &str) {
        self.send(&format!("JOIN;join;{room};{from}"));
        self.until("OK;join;");
    }

    #[track_caller]
    pub fn check_alive(&mut self) {
        let tag = crate::support::fresh_tag();
        self.send(&format!("PING;{tag};are you there"));
        self.until(&format!("PONG;{tag};"));
    }

    /// Nothing that was to be sent is still here.
    #[track_caller]
    pub fn check_records_are_out(&self) {
        assert!(!self.tls.wants_write());
    }

    /// Everything up to the end, and how it ends.
    pub fn until_end(&mut self) -> (String, Result<(), ErrorKind>) {
        let (text, end) = self.until_end_raw();
        (text, end.map_err(|error| error.kind()))
    }

    /// The same with the whole error.
    pub fn until_end_raw(&mut self) -> (String, std::io::Result<()>) {
        let mut bytes = self.input.split_off(self.at);
        let mut stream = rustls::Stream::new(&mut self.tls, &mut self.socket);
        let end = stream.read_to_end(&mut bytes);
        let text = String::from_utf8(bytes).expect("UTF-8");
        (text, end.map(|_| ()))
    }
}

//! A session against the library's own client, over a real socket.

use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};

use crate::edge::poller::{Poller, PollerEntry};
use crate::edge::socket::Socket;

use super::policy;
use super::session::{Input, PLAINTEXT_BYTES_MIN, TlsSession};

/// Both ends' configurations.
fn configs(
    version: &'static rustls::SupportedProtocolVersion,
) -> (Arc<ServerConfig>, ClientConfig) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let provider = policy::provider();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let key = provider.key_provider.load_private_key(key).unwrap();
    let pair = CertifiedKey::new(vec![made.cert.der().clone()], key);
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(policy::server_config(pair, None).unwrap()), client)
}

struct Server {
    session: TlsSession,
    socket: Socket,
    poller: Poller,
    _entry: PollerEntry,
}

impl Server {
    /// Waits until the kernel has news of the socket.
    async fn wait(&mut self) {
        let (poller, socket) = (&mut self.poller, &mut self.socket);
        poll_fn(|cx| poller.poll(cx, |_, readiness| socket.note(readiness)))
            .await
            .unwrap();
    }

    /// Turns until there is something to look at.
    async fn read(&mut self, out: &mut [u8]) -> std::io::Result<Input> {
        loop {
            while self.session.has_unsent() {
                match self.session.flush(&mut self.socket) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => self.wait().await,
                    other => other?,
                }
            }
            match self.session.read(&mut self.socket, out, usize::MAX)? {
                None => self.wait().await,
                Some(Input::Nothing) => {}
                Some(found) => return Ok(found),
            }
        }
    }
}

type Client = rustls::StreamOwned<ClientConnection, TcpStream>;

/// Runs `client` on a thread of its own against a server that `serve` drives.
fn with_server<T: Send + 'static>(
    version: &'static rustls::SupportedProtocolVersion,
    client: impl FnOnce(Client) -> T + Send + 'static,
    serve: impl AsyncFnOnce(Server),
) -> T {
    let (server, config) = configs(version);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async move {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let thread = std::thread::spawn(move || {
            let name = ServerName::try_from("localhost").unwrap();
            let session = ClientConnection::new(Arc::new(config), name).unwrap();
            let socket = TcpStream::connect(address).unwrap();
            client(Client::new(session, socket))
        });
        let (socket, _) = listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        let (poller, entry) = Poller::new().unwrap();
        entry.enter(socket.as_raw_fd(), 0).unwrap();
        let server = Server {
            session: TlsSession::accept(server, b"").unwrap(),
            socket: Socket::new(socket),
            poller,
            _entry: entry,
        };
        serve(server).await;
        thread.join().unwrap()
    })
}

#[test]
fn both_ends_have_the_same_binding_with_1_3_and_none_before() {
    for (version, is_bound) in [(&TLS13, true), (&TLS12, false)] {
        let (sender, receiver) = std::sync::mpsc::channel();
        let theirs = with_server(
            version,
            |mut client| {
                client.write_all(b"hello").unwrap();
                let label = b"EXPORTER-Channel-Binding";
                let binding = client
                    .conn
                    .export_keying_material([0; 32], label, Some(&[]));
                let _ = client.read(&mut [0]);
                binding.unwrap()
            },
            async move |mut server| {
                assert_eq!(server.session.channel_binding(), None);
                let mut out = vec![0; PLAINTEXT_BYTES_MIN];
                let input = server.read(&mut out).await.unwrap();
                assert!(matches!(input, Input::Bytes(5)) && &out[..5] == b"hello");
                assert!(!server.session.is_handshaking());
                assert_eq!(server.session.client_certificate_name(), None);
                sender.send(server.session.channel_binding()).unwrap();
            },
        );
        let ours = receiver.recv().unwrap();
        assert_eq!(ours, is_bound.then_some(theirs));
        assert_ne!(theirs, [0; 32]);
    }
}

#[test]
fn what_is_held_for_a_reader_that_takes_nothing_is_bounded() {
    let (go, wait) = std::sync::mpsc::channel::<usize>();
    let read = with_server(
        &TLS13,
        move |mut client| {
            client.write_all(b"x").unwrap();
            let total = wait.recv().unwrap();
            let mut all = vec![0; total];
            client.read_exact(&mut all).unwrap();
            client.write_all(b"y").unwrap();
            all
        },
        async move |mut server| {
            let mut out = vec![0; PLAINTEXT_BYTES_MIN];
            server.read(&mut out).await.unwrap();
            let piece = vec![7; 1 << 20];
            let (mut taken, mut pieces) = (0, 0);
            loop {
                match server
                    .session
                    .send(&mut server.socket, &[IoSlice::new(&piece)])
                {
                    Ok(bytes) => {
                        assert!(bytes <= 64 * 1024, "{bytes}");
                        (taken, pieces) = (taken + bytes, pieces + 1);
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        if server.session.has_unsent() {
                            break;
                        }
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            go.send(taken).unwrap();
            // All that counted as written arrives.
            let input = server.read(&mut out).await.unwrap();
            assert!(matches!(input, Input::Bytes(1)));
        },
    );
    assert!(!read.is_empty() && read.iter().all(|byte| *byte == 7));
}

#[test]
fn an_end_is_told_from_a_cut() {
    for says_goodbye in [true, false] {
        with_server(
            &TLS13,
            move |mut client| {
                client.write_all(b"last words").unwrap();
                if says_goodbye {
                    client.conn.send_close_notify();
                }
                client.flush().unwrap();
                // What is unread at a close would make it a reset.
                client.sock.shutdown(Shutdown::Write).unwrap();
                let _ = client.sock.read_to_end(&mut Vec::new());
            },
            async move |mut server| {
                let mut out = vec![0; PLAINTEXT_BYTES_MIN];
                let input = server.read(&mut out).await.unwrap();
                assert!(matches!(input, Input::Bytes(10)), "{input:?}");
                match server.read(&mut out).await {
                    Ok(Input::End) => assert!(says_goodbye),
                    Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                        assert!(!says_goodbye);
                    }
                    other => panic!("{other:?}"),
                }
                assert!(server.session.say_goodbye() && !server.session.say_goodbye());
            },
        );
    }
}

#[test]
fn what_is_no_handshake_fails_and_the_other_end_is_told() {
    let (server, _) = configs(&TLS13);
    let session = TlsSession::accept(server, b"\x16\x03\x01\x00\x04\x01\x00\x00\x00").unwrap();
    assert!(session.has_failed() && session.has_unsent());
}

//! Channel binding: a value that both ends of one TLS connection know and nobody between two connections can have.

use rustls::{ProtocolVersion, ServerConnection};

/// Bytes of a binding, RFC 9266 section 2.
pub const BINDING_BYTES: usize = 32;

/// The label of RFC 9266 section 2; the context is there and empty.
const LABEL: &[u8] = b"EXPORTER-Channel-Binding";

/// `tls-exporter` of a connection whose handshake is done. TLS 1.3 only: before it the value is unique only together with
/// extensions that both ends may leave out.
pub fn channel_binding(session: &ServerConnection) -> Option<[u8; BINDING_BYTES]> {
    if session.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
        return None;
    }
    session
        .export_keying_material([0; BINDING_BYTES], LABEL, Some(&[]))
        .ok()
}

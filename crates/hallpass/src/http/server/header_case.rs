//! The name of the header in which a WebSocket handshake states its subprotocol.
//!
//! Names of headers have no case (RFC 9110 section 5.1), and hyper sends them in lower case. Python's gql overlooks this one
//! then, and speaks a legacy protocol.

/// As in RFC 6455.
const NAME: &[u8] = b"Sec-WebSocket-Protocol";
const SWITCHING: &[u8] = b"HTTP/1.1 101 ";

/// The head of the response to a handshake, with the name in the case of the standard. None if `bytes` are no such head.
pub(super) fn in_standard_case(bytes: &[u8]) -> Option<Vec<u8>> {
    if !bytes.starts_with(SWITCHING) {
        return None;
    }
    let at = bytes.windows(NAME.len()).position(|name| name.eq_ignore_ascii_case(NAME))?;
    let mut head = bytes.to_vec();
    head[at..at + NAME.len()].copy_from_slice(NAME);
    Some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_heads_of_handshakes_are_changed() {
        let head = "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-protocol: graphql-transport-ws\r\n\r\n";
        let spelled = String::from_utf8(in_standard_case(head.as_bytes()).unwrap()).unwrap();
        assert_eq!(spelled, head.replace("sec-websocket-protocol", "Sec-WebSocket-Protocol"));
        let others = ["", "HTTP/1.1 101 Switching Protocols\r\n\r\n", &head.replace("101", "200")];
        for other in others {
            assert_eq!(in_standard_case(other.as_bytes()), None, "{other}");
        }
    }
}

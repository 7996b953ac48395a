//! Whose request it is, by address: the peer's, unless the peer is a proxy that is believed.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

use crate::identity::network;

/// The peer of a connection, put into each of its requests by the accept loop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerAddr(pub(crate) SocketAddr);

/// What limits count clients by: an IPv4 address, or the first 64 bits of an IPv6 address, of which one
/// client has as many as it likes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClientNetwork(IpAddr);

impl ClientNetwork {
    /// The network of a client at `address`.
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(network(address))
    }
}

/// Whether `address` is that of a believed proxy.
pub(crate) fn is_trusted(address: IpAddr, proxies: &[IpNet]) -> bool {
    let address = address.to_canonical();
    proxies.iter().any(|network| network.contains(&address))
}

/// The end user's address. `X-Forwarded-For` is read from the right: each believed proxy vouches for
/// the one before it, and what a client wrote is not trusted. An entry that is not an address ends it.
pub(crate) fn client_ip(peer: PeerAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let mut address = peer.0.ip().to_canonical();
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    let hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    // Empty elements of a list do not count (RFC 9110 section 5.6.1).
    for hop in hops.map(<[u8]>::trim_ascii).filter(|hop| !hop.is_empty()) {
        if !is_trusted(address, proxies) {
            break;
        }
        match hop_address(hop) {
            Some(before) => address = before.to_canonical(),
            None => break,
        }
    }
    address
}

/// An address, with the port that some proxies add: `203.0.113.7:5123`, `[2001:db8::1]:443`.
fn hop_address(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?;
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = hop.parse().or_else(|_| hop.parse().map(|with_port: SocketAddr| with_port.ip()));
    address.ok().or_else(|| bare?.parse().map(IpAddr::V6).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(lines: &[&[u8]]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            let line = axum::http::HeaderValue::from_bytes(line).unwrap();
            headers.append("x-forwarded-for", line);
        }
        let peer = PeerAddr("10.0.0.1:1".parse().unwrap());
        client_ip(peer, &headers, &["10.0.0.0/8".parse().unwrap()]).to_string()
    }

    #[test]
    fn forwarded_address_is_read_from_the_right() {
        for (lines, expected) in [
            (&[][..], "10.0.0.1"),
            (&[b"203.0.113.7".as_slice()], "203.0.113.7"),
            (&[b"203.0.113.7:5123"], "203.0.113.7"),
            (&[b"[2001:db8::1]:443"], "2001:db8::1"),
            (&[b"[2001:db8::1]"], "2001:db8::1"),
            (&[b"2001:db8::1"], "2001:db8::1"),
            (&[b"::ffff:203.0.113.7"], "203.0.113.7"),
            (&[b"6.6.6.6, 203.0.113.7"], "203.0.113.7"),
            (&[b"6.6.6.6", b"203.0.113.7"], "203.0.113.7"),
            (&[b"6.6.6.6, 203.0.113.7:1 ,10.0.0.2:2"], "203.0.113.7"),
            (&[b"6.6.6.6", b"203.0.113.7, 10.0.0.2"], "203.0.113.7"),
            (&[b"203.0.113.7, , 10.0.0.2,"], "203.0.113.7"),
            (&[b"6.6.6.6, unknown"], "10.0.0.1"),
            (&[b"6.6.6.6, unknown, 10.0.0.2"], "10.0.0.2"),
            (&[b"6.6.6.6", b"\xff"], "10.0.0.1"),
            (&[b"6.6.6.6", b"\xff, 203.0.113.7"], "203.0.113.7"),
            (&[b"203.0.113.7:notaport"], "10.0.0.1"),
        ] {
            assert_eq!(seen(lines), expected, "{lines:?}");
        }
    }
}

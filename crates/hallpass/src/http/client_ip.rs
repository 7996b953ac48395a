//! Client IP address: the peer's address, or that in `X-Forwarded-For` behind trusted proxies. The peer of a Unix socket is
//! a trusted proxy.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

use hallpass_identity::network;

/// The peer of a connection. The accept loop adds it to each request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PeerAddr {
    /// The address of a TCP connection.
    Tcp(IpAddr),
    /// A process of this machine, by a Unix socket, which its permissions admit.
    Unix,
}

/// Key of per-address limits: an IPv4 address, or the /64 network of an IPv6 address, since one client can use
/// any address of its /64.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClientNetwork(IpAddr);

impl ClientNetwork {
    /// The network of a client at `address`.
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(network(address))
    }
}

impl fmt::Display for ClientNetwork {
    /// Its first address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether `address` is that of a trusted proxy.
pub(crate) fn is_trusted(address: IpAddr, proxies: &[IpNet]) -> bool {
    let address = address.to_canonical();
    proxies.iter().any(|network| network.contains(&address))
}

/// The end user's address. `X-Forwarded-For` is read from the right, as far as the hops are trusted proxies, so
/// entries that a client wrote itself are ignored. Reading stops at an entry that is not an address.
pub(crate) fn client_ip(peer: PeerAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let (mut address, mut is_proxy) = match peer {
        PeerAddr::Tcp(address) => (address.to_canonical(), is_trusted(address, proxies)),
        PeerAddr::Unix => (IpAddr::V4(Ipv4Addr::LOCALHOST), true),
    };
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    let hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    // Empty list elements are ignored (RFC 9110 section 5.6.1).
    for hop in hops.map(<[u8]>::trim_ascii).filter(|hop| !hop.is_empty()) {
        if !is_proxy {
            break;
        }
        match hop_address(hop) {
            Some(before) => address = before.to_canonical(),
            None => break,
        }
        is_proxy = is_trusted(address, proxies);
    }
    address
}

/// Parses an address, with the port that some proxies add: `203.0.113.7:5123`, `[2001:db8::1]:443`.
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
        seen_from(PeerAddr::Tcp("10.0.0.1".parse().unwrap()), lines)
    }

    fn seen_from(peer: PeerAddr, lines: &[&[u8]]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            let line = axum::http::HeaderValue::from_bytes(line).unwrap();
            headers.append("x-forwarded-for", line);
        }
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

    #[test]
    fn peer_of_a_unix_socket_is_a_trusted_proxy() {
        for (lines, expected) in [
            (&[][..], "127.0.0.1"),
            (&[b"203.0.113.7".as_slice()], "203.0.113.7"),
            (&[b"6.6.6.6, 203.0.113.7"], "203.0.113.7"),
            (&[b"203.0.113.7, 10.0.0.2"], "203.0.113.7"),
            (&[b"6.6.6.6, 127.0.0.1"], "127.0.0.1"),
            (&[b"unknown"], "127.0.0.1"),
        ] {
            assert_eq!(seen_from(PeerAddr::Unix, lines), expected, "{lines:?}");
        }
        let untrusted = PeerAddr::Tcp("127.0.0.1".parse().unwrap());
        assert_eq!(seen_from(untrusted, &[b"203.0.113.7"]), "127.0.0.1");
    }
}

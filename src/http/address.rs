//! Whose request it is, by address: the peer's, unless the peer is a proxy that is believed.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

/// The peer of a connection, put into each of its requests by the accept loop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

/// The end user's address. `X-Forwarded-For` is read from the right: each believed proxy vouches for
/// the one before it, and nobody vouches for what a client wrote.
pub(super) fn end_user(peer: Peer, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let believed = |address: &IpAddr| proxies.iter().any(|network| network.contains(address));
    let mut address = peer.0.ip().to_canonical();
    let forwarded = headers.get_all("x-forwarded-for").iter().rev();
    for hop in forwarded.filter_map(|value| value.to_str().ok()).flat_map(|value| value.rsplit(','))
    {
        if !believed(&address) {
            break;
        }
        match hop.trim().parse::<IpAddr>() {
            Ok(before) => address = before.to_canonical(),
            Err(_) => break,
        }
    }
    address
}

/// The network that counts as one client: an IPv6 user has a /64 of addresses (RFC 6177).
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

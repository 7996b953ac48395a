//! The address that probes and inspections state as the end user's.

use std::net::{IpAddr, Ipv4Addr};

/// Documentation addresses (RFC 5737): no user's rate limit is used up. Single requests use this one …
pub const PROBE_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 3));

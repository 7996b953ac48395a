//! Types of settings: each parses its own text, and its error states how to write it.

use std::net::{IpAddr, SocketAddr};
use std::num::IntErrorKind;
use std::time::Duration;

use axum::http::HeaderName;
use bytesize::ByteSize;
use ipnet::{IpNet, Ipv4Net};
use reqwest::Url;

/// A port.
pub(super) fn port(text: &str) -> Result<u16, &'static str> {
    text.trim().parse().map_err(|_| "write a port, a number from 0 to 65535, such as 8000")
}

/// A whole number. The error message is completed with the default of the setting.
pub(super) fn number<T: TryFrom<u64>>(text: &str) -> Result<T, &'static str> {
    const TOO_LARGE: &str = "it is too large: write a smaller number";
    match text.trim().parse::<u64>() {
        Ok(number) => T::try_from(number).map_err(|_| TOO_LARGE),
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => Err(TOO_LARGE),
        Err(_) => Err("write a whole number in digits"),
    }
}

/// A number of bytes, with a unit or without.
pub(super) fn size(text: &str) -> Result<ByteSize, &'static str> {
    text.trim()
        .parse()
        .map_err(|_| "write a number of bytes, or a size with its unit, such as 256KiB")
}

/// Permissions of a file, in octal.
pub(super) fn mode(text: &str) -> Result<u32, &'static str> {
    let mode = u32::from_str_radix(text.trim(), 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or("write permissions in octal, such as 0660")
}

/// An address to listen on.
pub(super) fn host(text: &str) -> Result<IpAddr, &'static str> {
    text.trim().parse().map_err(|_| "write an IP address, such as 127.0.0.1")
}

/// An address and a port to listen on.
pub(super) fn host_and_port(text: &str) -> Result<SocketAddr, &'static str> {
    text.trim().parse().map_err(|_| "write an IP address and a port, such as 127.0.0.1:9464")
}

/// The URL of an OpenTelemetry collector. `localhost:4318` is a URL too: of the scheme `localhost`.
pub(super) fn collector(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text.trim()).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or("write a URL with http:// or https://, such as http://localhost:4318")
}

/// The name of a request header.
#[derive(Clone, Debug)]
pub struct RequestHeader(pub HeaderName);

impl std::str::FromStr for RequestHeader {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.trim().parse().map(Self);
        name.map_err(|_| "write names of headers, such as content-type,x-request-id")
    }
}

/// The network of a proxy: in CIDR notation, or one address.
#[derive(Clone, Copy, Debug)]
pub struct ProxyNetwork(pub IpNet);

impl std::str::FromStr for ProxyNetwork {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        match network {
            // Peers are compared in IPv4 form.
            Ok(IpNet::V6(network)) if network.prefix_len() >= MAPPED => {
                let mapped = network.addr().to_ipv4_mapped();
                let mapped =
                    mapped.and_then(|it| Ipv4Net::new(it, network.prefix_len() - MAPPED).ok());
                Ok(Self(mapped.map_or(IpNet::V6(network), IpNet::V4)))
            }
            Ok(network) => Ok(Self(network)),
            Err(_) => Err("write addresses or networks, such as 10.0.0.1 or 10.0.0.0/8"),
        }
    }
}

/// The prefix of IPv4 addresses in IPv6 form.
const MAPPED: u8 = 96;

/// Retention: a duration, or `off` for forever.
#[derive(Clone, Copy, Debug)]
pub struct Retention(pub Option<Duration>);

impl std::str::FromStr for Retention {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Self(None));
        }
        match humantime::parse_duration(text) {
            Ok(span) if !span.is_zero() => Ok(Self(Some(span))),
            _ => Err("write a duration above 0, such as 90d, or `off` to keep everything"),
        }
    }
}

/// A quota: a number, or `off` for none.
#[derive(Clone, Copy, Debug)]
pub struct AtMost(pub Option<u64>);

impl std::str::FromStr for AtMost {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            _ if text == "off" => Ok(Self(None)),
            Ok(most) if most > 0 => Ok(Self(Some(most))),
            _ => Err("write a number above 0, such as 100000, or `off`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collector_is_an_http_url() {
        for text in ["http://localhost:4318", "https://otel.example.com/base", " http://[::1]:1 "] {
            assert!(collector(text).is_ok(), "{text}");
        }
        for text in ["localhost:4318", "grpc://localhost:4317", "//localhost", "http://", ""] {
            assert!(collector(text).unwrap_err().contains("http://localhost:4318"), "{text}");
        }
    }

    #[test]
    fn proxy_is_a_network_or_one_address() {
        for (text, network) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            (" 10.0.0.1 ", "10.0.0.1/32"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("::ffff:10.0.0.1", "10.0.0.1/32"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::/0", "::/0"),
        ] {
            let read = text.parse::<ProxyNetwork>().unwrap();
            assert_eq!(read.0.to_string(), network, "{text}");
        }
        for text in ["", "10.0.0.0/33", "proxy.example.com", "10.0.0.1:80"] {
            assert!(text.parse::<ProxyNetwork>().is_err(), "{text}");
        }
    }
}

//! `hallpass health`: asks a running server whether it is ready. For health checks of containers, which have no `curl`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::output::print_line;
use super::{CliError, block_on};
use crate::config::ServingSettings;

/// Limit of the whole request. A health check that takes longer is a failure.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Size limit of a response, in bytes: those of the server are a few lines.
const MAX_RESPONSE_BYTES: u64 = 16 * 1024;

pub(super) fn run(settings: &ServingSettings, live: bool) -> Result<(), CliError> {
    let path = if live { "/health" } else { "/ready" };
    let failed = |why: String| CliError::Check(format!("GET {path}: {why}"));
    let port = settings.port().map_err(|error| failed(error.to_string()))?;
    let address = SocketAddr::new(reachable(settings.api_host), port);
    let url = match &settings.api_socket {
        Some(socket) => format!("http+unix://{}{path}", socket.display()),
        None => format!("http://{address}{path}"),
    };
    let failed = |why: &str| CliError::Check(format!("{url}: {why}"));
    let response = block_on(async {
        let asked = async {
            match &settings.api_socket {
                Some(socket) => get(UnixStream::connect(socket).await?, "localhost", path).await,
                None => get(TcpStream::connect(address).await?, &address.to_string(), path).await,
            }
        };
        match timeout(TIMEOUT, asked).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(failed(&error.to_string())),
            Err(_) => Err(failed(&format!("no answer within {} s", TIMEOUT.as_secs()))),
        }
    })?;
    match parse(&response) {
        Some((200, answer)) => print_line(format_args!("{url}: {answer}")),
        Some((status, answer)) => Err(failed(&format!("{status}, {answer}"))),
        None => Err(failed("the answer is not HTTP")),
    }
}

/// The address at which a server that listens on `host` answers on this machine.
fn reachable(host: IpAddr) -> IpAddr {
    match host {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        other => other,
    }
}

async fn get(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    host: &str,
    path: &str,
) -> std::io::Result<String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut response = Vec::new();
    stream.take(MAX_RESPONSE_BYTES).read_to_end(&mut response).await?;
    Ok(String::from_utf8_lossy(&response).into_owned())
}

/// Status and first line of the body.
fn parse(response: &str) -> Option<(u16, &str)> {
    let (head, body) = response.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some((status, body.lines().next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unspecified_address_is_asked_on_loopback() {
        for (host, asked) in [
            ("0.0.0.0", "127.0.0.1"),
            ("::", "::1"),
            ("127.0.0.1", "127.0.0.1"),
            ("192.0.2.7", "192.0.2.7"),
            ("2001:db8::7", "2001:db8::7"),
        ] {
            let (host, asked): (IpAddr, IpAddr) = (host.parse().unwrap(), asked.parse().unwrap());
            assert_eq!(reachable(host), asked);
        }
    }

    #[test]
    fn response_without_http_is_rejected() {
        assert_eq!(parse("HTTP/1.1 200 OK\r\na: b\r\n\r\nready\nmore\n"), Some((200, "ready")));
        assert_eq!(parse("HTTP/1.1 503 X\r\n\r\n"), Some((503, "")));
        for response in ["", "HTTP/1.1 200 OK\r\n", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 2\r\n\r\n"] {
            assert_eq!(parse(response), None, "{response}");
        }
    }
}

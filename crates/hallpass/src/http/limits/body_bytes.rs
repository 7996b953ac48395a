//! Bounds the memory of request bodies that are being read, in total, per address, and for anonymous callers. Bytes
//! count as they arrive: a client that sends slowly, or stops, holds what it has sent.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

use crate::code;
use crate::http::client_ip::ClientNetwork;
use crate::http::graphql::rejection::Rejection;

/// Of all clients together …
const MAX_BYTES: usize = 256 * 1024 * 1024;
/// … of them, of anonymous callers: the rest remains for those who are signed in.
const MAX_ANONYMOUS_BYTES: usize = 128 * 1024 * 1024;
/// Of one address (IPv6: /64 network).
const MAX_BYTES_PER_CLIENT: usize = 64 * 1024 * 1024;
/// Of signed messages, which are small, and which bodies of other paths do not keep out.
const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;
const MAX_MESSAGE_BYTES_PER_CLIENT: usize = 4 * 1024 * 1024;

/// Limits, in bytes.
#[derive(Clone, Copy)]
struct Limits {
    all: usize,
    anonymous: usize,
    per_client: usize,
}

/// Counts the bytes of the bodies that are being read.
#[derive(Clone)]
pub(crate) struct BodyLimiter {
    limits: Limits,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Default)]
struct Counts {
    all: usize,
    anonymous: usize,
    by_client: HashMap<ClientNetwork, usize>,
}

/// A limit that is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Full {
    #[error("too many bytes of bodies are being read")]
    Server,
    #[error("too many bytes of bodies of this client are being read")]
    Client,
}

/// The bytes of one body, counted until dropped.
pub(crate) struct HeldBytes(Arc<Held>);

struct Held {
    limiter: BodyLimiter,
    client: ClientNetwork,
    is_anonymous: bool,
    bytes: Mutex<usize>,
    full: OnceLock<Full>,
}

/// A body whose bytes count. It fails at a limit.
pub(crate) struct CountedBody {
    body: Body,
    held: Arc<Held>,
}

impl BodyLimiter {
    /// For the requests of callers.
    pub(crate) fn of_requests() -> Self {
        Self::new(Limits {
            all: MAX_BYTES,
            anonymous: MAX_ANONYMOUS_BYTES,
            per_client: MAX_BYTES_PER_CLIENT,
        })
    }

    /// For signed messages.
    pub(crate) fn of_messages() -> Self {
        Self::new(Limits {
            all: MAX_MESSAGE_BYTES,
            anonymous: MAX_MESSAGE_BYTES,
            per_client: MAX_MESSAGE_BYTES_PER_CLIENT,
        })
    }

    fn new(limits: Limits) -> Self {
        Self { limits, counts: Arc::default() }
    }

    /// Counts the bytes of the `body` that a client at `address` sends, until the result is dropped.
    pub(crate) fn count(
        &self,
        body: Body,
        address: IpAddr,
        is_anonymous: bool,
    ) -> (CountedBody, HeldBytes) {
        let held = Arc::new(Held {
            limiter: self.clone(),
            client: ClientNetwork::of(address),
            is_anonymous,
            bytes: Mutex::default(),
            full: OnceLock::new(),
        });
        (CountedBody { body, held: Arc::clone(&held) }, HeldBytes(held))
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn add(&mut self, held: &Held, bytes: usize) -> Result<(), Full> {
        let limits = held.limiter.limits;
        let of_client = self.by_client.get(&held.client).copied().unwrap_or_default();
        if of_client + bytes > limits.per_client {
            return Err(Full::Client);
        }
        let is_full = held.is_anonymous && self.anonymous + bytes > limits.anonymous;
        if is_full || self.all + bytes > limits.all {
            return Err(Full::Server);
        }
        self.by_client.insert(held.client.clone(), of_client + bytes);
        self.all += bytes;
        if held.is_anonymous {
            self.anonymous += bytes;
        }
        Ok(())
    }

    fn remove(&mut self, held: &Held, bytes: usize) {
        self.all -= bytes;
        if held.is_anonymous {
            self.anonymous -= bytes;
        }
        if let Some(of_client) = self.by_client.get_mut(&held.client) {
            *of_client -= bytes;
            if *of_client == 0 {
                self.by_client.remove(&held.client);
            }
        }
    }
}

impl Held {
    fn add(&self, bytes: usize) -> Result<(), Full> {
        self.limiter.counts().add(self, bytes).inspect_err(|full| {
            // The body has ended with it: there is no second one.
            self.full.get_or_init(|| *full);
        })?;
        *self.bytes() += bytes;
        Ok(())
    }

    fn bytes(&self) -> MutexGuard<'_, usize> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let bytes = *self.bytes();
        if bytes > 0 {
            self.limiter.counts().remove(self, bytes);
        }
    }
}

impl HeldBytes {
    /// The rejection of a request whose body reached a limit.
    pub(crate) fn rejection(&self) -> Option<Rejection> {
        Some(match self.0.full.get()? {
            Full::Client => {
                let message = "Too many requests of your address are being sent: try again soon.";
                Rejection::too_many(message)
            }
            Full::Server => {
                let message = "The server is busy: try again soon.";
                Rejection::unavailable(code::UNAVAILABLE, message, Duration::from_secs(1))
            }
        })
    }
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let Some(frame) = frame.transpose()? else { return Poll::Ready(None) };
        if let Some(data) = frame.data_ref() {
            self.held.add(data.len())?;
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    const LIMITS: Limits = Limits { all: 100, anonymous: 60, per_client: 40 };

    /// A body of `bytes` that the client at `address` has sent, and the status of its rejection.
    async fn read(
        limiter: &BodyLimiter,
        address: &str,
        bytes: usize,
        is_anonymous: bool,
    ) -> (HeldBytes, Option<u16>) {
        let body = Body::from("x".repeat(bytes));
        let (body, held) = limiter.count(body, address.parse().unwrap(), is_anonymous);
        let is_read = body.collect().await.is_ok();
        let status = held.rejection().map(|rejection| rejection.status().as_u16());
        assert_eq!(is_read, status.is_none());
        (held, status)
    }

    #[tokio::test]
    async fn bytes_of_one_address_are_limited() {
        let limiter = BodyLimiter::new(LIMITS);
        let first = read(&limiter, "2001:db8::1", 40, false).await;
        assert_eq!(first.1, None);
        assert_eq!(read(&limiter, "2001:db8::2", 1, false).await.1, Some(429), "of its /64");
        assert_eq!(read(&limiter, "2001:db8:0:1::1", 1, false).await.1, None);
        drop(first);
        assert_eq!(read(&limiter, "2001:db8::2", 40, false).await.1, None);
        assert!(limiter.counts().by_client.is_empty());
    }

    #[tokio::test]
    async fn anonymous_bodies_leave_bytes_to_users() {
        let limiter = BodyLimiter::new(LIMITS);
        let anonymous = [
            read(&limiter, "192.0.2.1", 30, true).await,
            read(&limiter, "192.0.2.2", 30, true).await,
        ];
        assert_eq!(read(&limiter, "192.0.2.3", 1, true).await.1, Some(503));
        let user = read(&limiter, "192.0.2.3", 40, false).await;
        assert_eq!(user.1, None);
        assert_eq!(read(&limiter, "192.0.2.4", 1, false).await.1, Some(503), "100 in all");
        drop((anonymous, user));
        let counts = limiter.counts();
        assert_eq!((counts.all, counts.anonymous), (0, 0));
    }
}

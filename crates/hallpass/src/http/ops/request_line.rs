//! The line of a request in the log.

use tracing::Level;

/// The name of the events of requests that were refused: for their number, or for their credential. One client can cause
/// any number of them, so that the log limits them.
pub(crate) const REFUSED: &str = "refused request";

/// The fields of a line.
#[derive(Default)]
pub(super) struct Line<'a> {
    pub(super) message: &'static str,
    pub(super) request_id: &'a str,
    pub(super) trace_id: Option<&'a str>,
    pub(super) method: Option<&'a str>,
    pub(super) path: Option<&'a str>,
    pub(super) status: Option<u16>,
    /// The close code of a WebSocket.
    pub(super) code: Option<u16>,
    pub(super) operation: Option<&'a str>,
    pub(super) document: Option<String>,
    pub(super) caller_kind: Option<&'static str>,
    pub(super) caller: Option<String>,
    pub(super) client: Option<String>,
    pub(super) credential: Option<&'static str>,
    pub(super) check: Option<String>,
    pub(super) codes: Option<String>,
    /// WebSockets and event streams that the caller, or else the client, holds.
    pub(super) streams: Option<u64>,
    pub(super) cost: Option<u64>,
    pub(super) bytes: Option<u64>,
    pub(super) ms: Option<f64>,
    pub(super) identity_ms: Option<f64>,
    pub(super) database_ms: Option<f64>,
}

/// How a line is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of a client's request.
    Ordinary,
    /// Of one that was refused.
    Refused,
    /// Of a health check, metrics or an asset.
    Detail,
}

impl Kind {
    /// Whether its lines are logged.
    pub(super) fn is_enabled(self) -> bool {
        match self {
            Self::Ordinary | Self::Refused => {
                tracing::enabled!(target: "hallpass::request", Level::INFO)
            }
            Self::Detail => tracing::enabled!(target: "hallpass::request", Level::DEBUG),
        }
    }
}

impl Line<'_> {
    /// Writes the line.
    pub(super) fn write(&self, kind: Kind) {
        let Self { message, request_id, trace_id, method, path, status, code, .. } = *self;
        let Self { operation, caller_kind, credential, cost, bytes, ms, .. } = *self;
        let Self { streams, identity_ms, database_ms, .. } = *self;
        let Self { document, caller, client, check, codes, .. } = self;
        macro_rules! write {
            ($name:expr, $level:ident) => {
                tracing::event!(
                    name: $name, target: "hallpass::request", Level::$level,
                    request_id, trace_id, method, path, status, code, operation, document,
                    caller_kind, caller, client, credential, check, codes, streams, cost, bytes,
                    ms, identity_ms, database_ms,
                    "{message}"
                )
            };
        }
        match kind {
            Kind::Ordinary => write!("request", INFO),
            Kind::Refused => write!(REFUSED, INFO),
            Kind::Detail => write!("request", DEBUG),
        }
    }
}

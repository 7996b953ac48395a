//! How long a caller lasts, for what goes on after the request was let in: a subscription, a socket.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, Method};

use super::{Authenticator, Caller, Check, Decision, Refusal};

/// However short a session is believed, it is not asked about more often by one connection.
const LEAST_PAUSE: Duration = Duration::from_secs(1);

impl Authenticator {
    /// Waits until the credential that made `caller` does not count any more, and says why: it expired,
    /// was taken back, or is refused now. It is looked at again as often as a session has to be, so
    /// what ends a session elsewhere ends it here within the same bound; and as with any request,
    /// an auth server that cannot tell by then is an outage.
    ///
    /// The other arguments are those of [`decide`](Self::decide). The answer is a caller only where the
    /// credential goes on, and they may do other things than before: their role changed, say.
    pub(super) async fn outlast(
        &self,
        mut caller: Arc<Caller>,
        method: &Method,
        headers: &HeaderMap,
        address: IpAddr,
    ) -> Decision {
        loop {
            let pause = self.session_ttl.max(LEAST_PAUSE).min(caller.remaining());
            let is_taken_back = tokio::select! {
                () = self.revocations.taken_back(&caller) => true,
                () = tokio::time::sleep(pause) => false,
            };
            if caller.remaining().is_zero() {
                return ended(Check::Times, "it has expired");
            }
            match self.decide(method, headers, address).await {
                Decision::Caller(again) if again.id() == caller.id() => {
                    if is_taken_back || !again.has_the_rights_of(&caller) {
                        return Decision::Caller(again);
                    }
                    caller = again;
                }
                Decision::Caller(_) => return ended(Check::Subject, "it is somebody else's now"),
                decision @ (Decision::Anonymous
                | Decision::Refused(_)
                | Decision::CrossSite(_)
                | Decision::Unavailable(_)) => return decision,
            }
        }
    }
}

fn ended(check: Check, reason: &'static str) -> Decision {
    Decision::Refused(Refusal { check, reason })
}

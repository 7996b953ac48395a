//! The auth server's rate limit: whether each user has one of their own, or all share one.
//!
//! Better Auth counts by the address in `X-Forwarded-For`, and where it does not believe that header,
//! all who ask share one count: after a hundred questions, every user of this server is refused.

use std::net::IpAddr;

use axum::http::StatusCode;
use futures_util::future::join_all;

use super::{Doctor, Finding, Observations};
use crate::identity::{AuthServerProbe, ProbeResult, TWO_PROBE_ADDRESSES};

const RATE_LIMIT: &str = "rate limit";

/// One more than Better Auth allows in ten seconds.
const PROBE_REQUESTS: usize = 101;
/// So many at once, so that it does not take long, and the auth server has time for others.
const AT_ONCE: usize = 8;

pub(super) async fn check(doctor: &Doctor, observed: &Observations, findings: &mut Vec<Finding>) {
    if !observed.auth_server_answers {
        return;
    }
    let finding = match limit_reached_after(&doctor.probe, TWO_PROBE_ADDRESSES[0]).await {
        Err(reason) => Finding::warning(
            RATE_LIMIT,
            format!("get-session did not answer {PROBE_REQUESTS} times: {reason}"),
            "see whether the auth server can take the load, and what AUTH_TIMEOUT is",
        ),
        Ok(None) => Finding::good(
            RATE_LIMIT,
            format!("get-session may be asked {PROBE_REQUESTS} times at once for one address"),
        ),
        Ok(Some(count)) => limited(&doctor.probe, count).await,
    };
    findings.push(finding);
}

/// After how many questions of one address the answer was 429, if it was.
async fn limit_reached_after(
    probe: &AuthServerProbe,
    address: IpAddr,
) -> Result<Option<usize>, &'static str> {
    let mut asked = 0;
    while asked < PROBE_REQUESTS {
        let round = AT_ONCE.min(PROBE_REQUESTS - asked);
        for answer in join_all((0..round).map(|_| probe.probe_anonymous_session(address))).await {
            if answer?.status == StatusCode::TOO_MANY_REQUESTS {
                return Ok(Some(asked));
            }
            asked += 1;
        }
    }
    Ok(None)
}

async fn limited(probe: &AuthServerProbe, count: usize) -> Finding {
    let other: ProbeResult = probe.probe_anonymous_session(TWO_PROBE_ADDRESSES[1]).await;
    if other.is_ok_and(|reply| reply.status != StatusCode::TOO_MANY_REQUESTS) {
        return Finding::good(
            RATE_LIMIT,
            "get-session limits each address by itself (X-Forwarded-For is believed)",
        );
    }
    Finding::warning(
        RATE_LIMIT,
        format!(
            "get-session refused after {count} questions, and for another address too: the auth \
             server does not believe X-Forwarded-For, and all users share one limit"
        ),
        "at the auth server set rateLimit.customRules {\"/get-session\": false}, or \
         advanced.ipAddress (ipAddressHeaders, trustedProxies) so that X-Forwarded-For counts",
    )
}

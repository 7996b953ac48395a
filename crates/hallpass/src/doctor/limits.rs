//! Check of the auth server's rate limit: whether it counts per user, or all users share one limit.
//!
//! Better Auth counts requests by the address in `X-Forwarded-For`. If it does not trust that header, all users of
//! this server share one limit, and are rejected together after a hundred requests.

use std::net::IpAddr;

use axum::http::StatusCode;
use futures_util::future::join_all;

use super::{Doctor, Finding, Observations};
use hallpass_identity::{AuthServerProbe, ProbeResult, TWO_PROBE_ADDRESSES};

const RATE_LIMIT: &str = "rate limit";

/// One more than Better Auth's default limit per ten seconds.
const PROBE_REQUESTS: usize = 101;
/// Concurrent requests: fast, without overloading the auth server.
const CONCURRENCY: usize = 8;

pub(super) async fn check(doctor: &Doctor, observed: &Observations, findings: &mut Vec<Finding>) {
    if !observed.auth_server_answers {
        return;
    }
    let finding = match limit_reached_after(&doctor.probe, TWO_PROBE_ADDRESSES[0]).await {
        Err(reason) => Finding::warning(
            RATE_LIMIT,
            format!("get-session failed within {PROBE_REQUESTS} requests: {reason}"),
            "check the capacity of the auth server, and AUTH_TIMEOUT",
        ),
        Ok(None) => Finding::good(
            RATE_LIMIT,
            format!("get-session accepts {PROBE_REQUESTS} requests for one address"),
        ),
        Ok(Some(count)) => limited(&doctor.probe, count).await,
    };
    findings.push(finding);
}

/// The number of requests for one address before the first 429, if any.
async fn limit_reached_after(
    probe: &AuthServerProbe,
    address: IpAddr,
) -> Result<Option<usize>, &'static str> {
    let mut sent = 0;
    while sent < PROBE_REQUESTS {
        let batch = CONCURRENCY.min(PROBE_REQUESTS - sent);
        for answer in join_all((0..batch).map(|_| probe.probe_anonymous_session(address))).await {
            if answer?.status == StatusCode::TOO_MANY_REQUESTS {
                return Ok(Some(sent));
            }
            sent += 1;
        }
    }
    Ok(None)
}

async fn limited(probe: &AuthServerProbe, count: usize) -> Finding {
    let other: ProbeResult = probe.probe_anonymous_session(TWO_PROBE_ADDRESSES[1]).await;
    if other.is_ok_and(|reply| reply.status != StatusCode::TOO_MANY_REQUESTS) {
        return Finding::good(
            RATE_LIMIT,
            "get-session is limited per address (X-Forwarded-For is trusted)",
        );
    }
    Finding::warning(
        RATE_LIMIT,
        format!(
            "get-session is limited after {count} requests, for another address too: the auth server \
             does not trust X-Forwarded-For, so all users share one limit"
        ),
        "at the auth server set rateLimit.customRules {\"/get-session\": false}, or \
         advanced.ipAddress (ipAddressHeaders, trustedProxies) so that X-Forwarded-For is trusted",
    )
}

//! Advice on token times: expired tokens, tokens from the future, and clock skew.

use chrono::{DateTime, TimeDelta};
use hallpass_data::{Timestamp, now};
use serde_json::Value;

use super::{Advice, Case};
use crate::doctor::render::span;
use hallpass_identity::CredentialShape;

/// Larger timestamps are in milliseconds.
pub(crate) const MILLISECONDS: f64 = 1e11;
/// Maximum of JWT_LEEWAY.
const MAX_LEEWAY: TimeDelta = TimeDelta::seconds(300);

pub(crate) fn advise(case: &Case<'_>, reason: &str) -> Advice {
    if !case.inspection.shape.is_jwt() {
        return Advice::new(reason, "sign in again: it has expired at the auth server");
    }
    for name in ["exp", "iat", "nbf"] {
        match case.claim(name) {
            Some(Value::Number(number)) if number.as_f64().is_some_and(|it| it > MILLISECONDS) => {
                return Advice::new(
                    format!("its `{name}` is in milliseconds, but JWTs use seconds"),
                    format!("let the signer write Math.floor(Date.now() / 1000) as `{name}`"),
                );
            }
            None if name == "exp" => {
                return Advice::new(
                    "it has no `exp`, so it would never expire",
                    format!(
                        "let the signer write `exp`, or take the JWT of {}",
                        case.token_endpoint()
                    ),
                );
            }
            Some(Value::Number(_)) | None => {}
            Some(_) => {
                return Advice::new(
                    format!("its `{name}` is not a number"),
                    format!("let the signer write `{name}` as a number of seconds"),
                );
            }
        }
    }
    let current_time = now();
    if let Some(expired) = timestamp(case, "exp").filter(|end| *end <= current_time) {
        return expired_token(case, current_time - expired);
    }
    let starts = ["iat", "nbf"].into_iter().filter_map(|name| timestamp(case, name));
    match starts.max().filter(|start| *start > current_time) {
        Some(start) => future_token(start - current_time),
        None => Advice::new(reason, "let the signer write `iat`, as Better Auth does"),
    }
}

fn timestamp(case: &Case<'_>, name: &str) -> Option<Timestamp> {
    let seconds = case.claim(name)?.as_f64()?;
    #[expect(clippy::cast_possible_truncation, reason = "a fraction of a second is left out")]
    DateTime::from_timestamp(seconds as i64, 0)
}

fn expired_token(case: &Case<'_>, ago: TimeDelta) -> Advice {
    let reason = format!("it expired {} ago", span(ago));
    // If this machine's clock is ahead, a new token appears expired.
    let skew = case.observed.clock.map_or(TimeDelta::zero(), |clock| -clock);
    if skew > TimeDelta::zero() && skew * 2 >= ago {
        return Advice::new(
            format!(
                "{reason}, and this machine's clock is {} ahead of the auth server's",
                span(skew)
            ),
            "synchronize both clocks with NTP; until then, JWT_LEEWAY tolerates up to 5m",
        );
    }
    let lifetime = if case.inspection.shape == CredentialShape::Jwt {
        "Better Auth's JWTs last 15 minutes"
    } else {
        "its signer sets its lifetime"
    };
    let clocks = match ago <= MAX_LEEWAY {
        true => "; if it is new, the clocks differ: synchronize them with NTP, or raise JWT_LEEWAY",
        false => "",
    };
    let endpoint = case.token_endpoint();
    Advice::new(
        reason,
        format!("take a new one from {endpoint}, as a front end does on 401: {lifetime}{clocks}"),
    )
}

fn future_token(ahead: TimeDelta) -> Advice {
    let reason = format!(
        "it is from the future: its signer's clock is {} ahead of this machine's",
        span(ahead)
    );
    if ahead > MAX_LEEWAY {
        return Advice::new(
            reason,
            "synchronize both clocks with NTP: JWT_LEEWAY tolerates at most 5m",
        );
    }
    let seconds = ahead.num_seconds() + 1;
    Advice::new(
        reason,
        format!("synchronize both clocks with NTP; until then, set JWT_LEEWAY={seconds}s"),
    )
}

//! Times that are over, or not yet come: a token that is old, or clocks that differ.

use chrono::{DateTime, TimeDelta};
use hallpass_entity::{Timestamp, now};
use serde_json::Value;

use super::{Advice, Case};
use crate::doctor::render::span;
use crate::identity::CredentialShape;

/// A number of seconds above this is one of milliseconds.
pub(crate) const MILLISECONDS: f64 = 1e11;
/// The longest JWT_LEEWAY.
const LONGEST_LEEWAY: TimeDelta = TimeDelta::seconds(300);

pub(crate) fn advise(case: &Case<'_>, reason: &str) -> Advice {
    if !case.inspection.looks.is_jwt() {
        return Advice::new(reason, "sign in again: at the auth server it is over");
    }
    for name in ["exp", "iat", "nbf"] {
        match case.claim(name) {
            Some(Value::Number(number)) if number.as_f64().is_some_and(|it| it > MILLISECONDS) => {
                return Advice::new(
                    format!("its `{name}` is in milliseconds, and a JWT counts seconds"),
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
    let present = now();
    if let Some(expired) = moment(case, "exp").filter(|end| *end <= present) {
        return old(case, present - expired);
    }
    let starts = ["iat", "nbf"].into_iter().filter_map(|name| moment(case, name));
    match starts.max().filter(|start| *start > present) {
        Some(start) => young(start - present),
        None => Advice::new(reason, "let the signer write `iat`, as Better Auth does"),
    }
}

fn moment(case: &Case<'_>, name: &str) -> Option<Timestamp> {
    let seconds = case.claim(name)?.as_f64()?;
    #[expect(clippy::cast_possible_truncation, reason = "a fraction of a second is left out")]
    DateTime::from_timestamp(seconds as i64, 0)
}

fn old(case: &Case<'_>, ago: TimeDelta) -> Advice {
    let reason = format!("it expired {} ago", span(ago));
    // Our clock ahead of theirs makes a fresh token look old.
    let skew = case.observed.clock.map_or(TimeDelta::zero(), |clock| -clock);
    if skew > TimeDelta::zero() && skew * 2 >= ago {
        return Advice::new(
            format!(
                "{reason}, and this machine's clock is {} ahead of the auth server's",
                span(skew)
            ),
            "set both clocks by NTP; until then, JWT_LEEWAY forgives up to 5m",
        );
    }
    let life = if case.inspection.looks == CredentialShape::Jwt {
        "Better Auth's JWTs last 15 minutes"
    } else {
        "it lasts as long as its signer said"
    };
    let clocks = match ago <= LONGEST_LEEWAY {
        true => "; if it is fresh, the clocks differ: set them by NTP, or raise JWT_LEEWAY",
        false => "",
    };
    let endpoint = case.token_endpoint();
    Advice::new(
        reason,
        format!("take a new one from {endpoint}, as a front end does on 401: {life}{clocks}"),
    )
}

fn young(ahead: TimeDelta) -> Advice {
    let reason =
        format!("it is from the future: its signer's clock is {} ahead of this one's", span(ahead));
    if ahead > LONGEST_LEEWAY {
        return Advice::new(reason, "set both clocks by NTP: JWT_LEEWAY forgives no more than 5m");
    }
    let seconds = ahead.num_seconds() + 1;
    Advice::new(reason, format!("set both clocks by NTP; until then, set JWT_LEEWAY={seconds}s"))
}

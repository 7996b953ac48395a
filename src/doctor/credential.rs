//! One credential, explained: what it says, which checks it passed, which one failed, what to change.

use serde::Serialize;
use serde_json::{Map, Value};

use super::advice::{self, Advice, Case, SessionAnswers};
use super::render::{list, printable, span};
use super::{Doctor, Finding, Observations};
use crate::identity::{
    AuthMethod, Authentication, CHECKS, Caller, CallerKind, Check, CredentialLocation,
    CredentialShape, Inspection,
};

/// What was found out about a credential.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// What it looks like.
    pub kind: &'static str,
    /// What a JWT's header says; nothing of that is believed.
    pub header: Option<Map<String, Value>>,
    /// What a JWT says.
    pub claims: Option<Map<String, Value>>,
    /// Every check, in order.
    pub checks: Vec<Step>,
    /// What came of it.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// What to change.
    pub fix: Option<String>,
}

/// One check, and what came of it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Step {
    /// Its name.
    pub check: &'static str,
    /// What held, or did not.
    #[serde(skip)]
    pub about: &'static str,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It held.
    Held,
    /// It failed, as the first one.
    Failed,
    /// One before it failed.
    Unreached,
    /// Credentials of this kind have nothing that could be checked so.
    Inapplicable,
}

/// What came of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It shows a caller.
    Accepted,
    /// It is not good: a request with it ends with 401.
    Refused,
    /// There is none: a request with this is anonymous.
    Absent,
    /// It cannot be told now: a request with it ends with 503.
    Unknown,
}

/// The checks of what only the auth server can judge, in the order in which they are made then.
const SESSION_CHECKS: [Check; 10] = [
    Check::Form,
    Check::Kind,
    Check::Signature,
    Check::Known,
    Check::Times,
    Check::Issuer,
    Check::Audience,
    Check::Subject,
    Check::Ban,
    Check::Revocation,
];

pub(super) async fn explain(
    doctor: &Doctor,
    observed: &Observations,
    setup: &[Finding],
    place: CredentialLocation,
    pasted: &str,
) -> Explanation {
    let inspection = doctor.authenticator.inspect(place, pasted);
    let decision = doctor.authenticator.authenticate_inspected(&inspection).await;
    let answers = match &decision {
        Authentication::Refused(refusal) if may_be_a_session(&inspection, refusal.check) => {
            Some(SessionAnswers::of(doctor, &inspection).await)
        }
        _ => None,
    };
    let cache_flaw = match inspection.place {
        CredentialLocation::Cookie => doctor.authenticator.cache_flaw(&inspection).await,
        CredentialLocation::Authorization | CredentialLocation::ApiKey => None,
    };
    let issued = match &decision {
        Authentication::Caller(caller) if is_session(caller) => {
            doctor.probe.jwt_of_session(&inspection).await
        }
        _ => None,
    };
    let inspection = &inspection;
    let case = Case { doctor, observed, setup, inspection, answers, cache_flaw, issued };
    let (verdict, failed, advice) = match decision {
        Authentication::Caller(caller) => (Verdict::Accepted, None, accepted(&caller, &case)),
        Authentication::Refused(refusal) => {
            let advice = advice::refused(&case, refusal);
            (Verdict::Refused, Some(refusal.check), advice)
        }
        Authentication::Anonymous => (Verdict::Absent, Some(Check::Form), advice::absent(&case)),
        Authentication::CrossSite(why) => (Verdict::Refused, None, Advice::only(why)),
        Authentication::Unavailable(outage) => {
            (Verdict::Unknown, None, advice::unavailable(&case, outage))
        }
    };
    let checks = match verdict {
        Verdict::Unknown => steps(&case, Some(first_unavailable(inspection)), Outcome::Unreached),
        Verdict::Accepted | Verdict::Refused | Verdict::Absent => {
            steps(&case, failed, Outcome::Failed)
        }
    };
    let Advice { reason, fix } = advice;
    let Inspection { looks, header, claims, .. } = inspection;
    let (header, claims) = (header.clone(), claims.clone());
    Explanation { kind: looks.name(), header, claims, checks, verdict, reason, fix }
}

/// Whether it was refused for what `get-session` answers about it.
fn may_be_a_session(inspection: &Inspection, check: Check) -> bool {
    let is_asked_about =
        inspection.place != CredentialLocation::ApiKey && !inspection.looks.is_jwt();
    is_asked_about && matches!(check, Check::Known | Check::Times | Check::Subject)
}

fn is_session(caller: &Caller) -> bool {
    matches!(
        caller.via(),
        AuthMethod::SessionCookie | AuthMethod::SessionToken | AuthMethod::CookieCache
    )
}

/// The checks, with `outcome` for the first that did not hold.
fn steps(case: &Case<'_>, stopped_at: Option<Check>, outcome: Outcome) -> Vec<Step> {
    let order = order(case);
    let rank = |check: Check| order.iter().position(|other| *other == check);
    // What was refused before anyone could tell what it is was refused for its form.
    let stop = stopped_at.map(|check| rank(check).unwrap_or(0));
    let step = |check: Check| {
        let outcome = match (rank(check), stop) {
            _ if stopped_at == Some(check) => outcome,
            (None, _) => Outcome::Inapplicable,
            (Some(rank), Some(stop)) if rank >= stop => Outcome::Unreached,
            (Some(_), _) => Outcome::Held,
        };
        Step { check: check.name(), about: check.about(), outcome }
    };
    CHECKS.into_iter().map(step).collect()
}

/// The checks that are made of such a credential, in their order.
fn order(case: &Case<'_>) -> Vec<Check> {
    let identity = &case.doctor.config.identity;
    let looks = case.inspection.looks;
    let is_signed =
        matches!(looks, CredentialShape::SessionCookie | CredentialShape::SignedSessionToken);
    let applies = |check: &Check| match check {
        Check::Known => !looks.is_jwt(),
        Check::Algorithm | Check::Key => {
            !matches!(looks, CredentialShape::SharedSecret | CredentialShape::MailLink)
        }
        Check::Signature => looks.is_jwt() || (is_signed && !identity.auth_secrets.is_empty()),
        Check::Issuer | Check::Audience => {
            looks.is_jwt()
                || (looks == CredentialShape::OpaqueToken && identity.opaque_tokens.is_some())
        }
        Check::Form
        | Check::Header
        | Check::Kind
        | Check::Times
        | Check::Subject
        | Check::Ban
        | Check::Revocation => true,
    };
    let all = if looks.is_jwt() { CHECKS.as_slice() } else { SESSION_CHECKS.as_slice() };
    all.iter().copied().filter(applies).collect()
}

/// The check for which the auth server has to be asked.
fn first_unavailable(inspection: &Inspection) -> Check {
    if inspection.looks.is_jwt() { Check::Key } else { Check::Known }
}

/// Whom it shows, and what is not known of them.
fn accepted(caller: &Caller, case: &Case<'_>) -> Advice {
    let mut said = vec![match caller.kind() {
        CallerKind::User => format!("it shows the user {}", printable(caller.id().as_str())),
        CallerKind::Service => format!("it shows the service {}", printable(caller.id().as_str())),
    }];
    said.extend(caller.email().map(printable));
    let roles: Vec<_> = caller.roles().iter().map(|role| printable(role)).collect();
    if !roles.is_empty() {
        said.push(format!("roles {}", list(&roles)));
    }
    said.push(format!("tier {}", printable(caller.tier())));
    let profile = [
        ("softwareBackground", caller.software_background()),
        ("hardwareBackground", caller.hardware_background()),
        ("interestArea", caller.interest_area()),
    ];
    said.extend(
        profile.iter().filter_map(|(name, it)| Some(format!("{name} {}", printable((*it)?)))),
    );
    let left = caller.expires_at() - hallpass_entity::now();
    said.push(format!("for another {}", span(left)));
    let mut missing: Vec<_> =
        profile.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| *name).collect();
    missing.extend(claims_that_never_came(caller, case));
    if let Some(advice) = advice::several_cookies(case) {
        return Advice { reason: format!("{}; {}", list(&said), advice.reason), fix: advice.fix };
    }
    let doubts = [
        unused_cookie_cache(caller, case),
        advice::changed_subject(caller, case),
        advice::key_of_no_user(caller),
        advice::useless_scopes(caller),
        advice::endless(case),
    ];
    let mut fixes: Vec<_> = doubts.into_iter().flatten().collect();
    if caller.kind() == CallerKind::User && !missing.is_empty() {
        fixes.push(format!(
            "nothing is said of {}: declare such fields under user.additionalFields at the auth server, \
             pass them at sign-up, keep them in definePayload; a JWT says what held when it was signed",
            list(&missing)
        ));
    }
    let fix = (!fixes.is_empty()).then(|| fixes.join("; "));
    Advice { reason: list(&said), fix }
}

/// Why COOKIE_CACHE=trust had no effect on a session cookie.
fn unused_cookie_cache(caller: &Caller, case: &Case<'_>) -> Option<String> {
    let flaw = case.cache_flaw.as_ref().filter(|_| caller.via() == AuthMethod::SessionCookie)?;
    let Advice { reason, fix } = advice::unused_cache(case, flaw);
    let fix = fix.map_or_else(String::new, |fix| format!(": {fix}"));
    Some(format!("COOKIE_CACHE=trust has no effect, because {reason}{fix}"))
}

/// The settings of claims that are not in a JWT, or, of another credential, that gave nothing.
fn claims_that_never_came(caller: &Caller, case: &Case<'_>) -> Vec<&'static str> {
    let names = &case.doctor.authenticator.rules().claims;
    let settings = [
        ("ROLE_CLAIM", &names.role, !caller.roles().is_empty()),
        ("TIER_CLAIM", &names.tier, caller.has_tier_claim()),
        ("PERMISSIONS_CLAIM", &names.permissions, !caller.permissions().is_empty()),
        ("ORGANIZATION_CLAIM", &names.organization, caller.organization_id().is_some()),
    ];
    // Without one of their own, permissions and organizations are rare: only a name that was set is missed.
    let usual = |names: &[String]| names == ["permissions"] || names == ["organization_id"];
    let came = |names: &[String], is_said: bool| match case.inspection.claims {
        Some(_) => case.inspection.has_claim(names),
        None => is_said,
    };
    let missing =
        settings.into_iter().filter(|(_, names, said)| !usual(names) && !came(names, *said));
    missing.map(|(setting, ..)| setting).collect()
}

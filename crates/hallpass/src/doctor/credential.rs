//! Explanation of a credential: its content, the result of each check, and the setting to change.

use serde::Serialize;
use serde_json::{Map, Value};
use strum::IntoStaticStr;

use super::advice::{self, Advice, Case, SessionAnswers};
use super::render::{list, printable, span};
use super::{Doctor, Finding, Observations, Severity};
use hallpass_identity::{
    AuthMethod, Authentication, CHECKS, Caller, CallerKind, Check, CredentialLocation,
    CredentialShape, Inspection,
};

/// The explanation of a credential.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// The kind of credential.
    pub kind: &'static str,
    /// The header of a JWT, unverified.
    pub header: Option<Map<String, Value>>,
    /// The claims of a JWT, unverified.
    pub claims: Option<Map<String, Value>>,
    /// Every check, in order.
    pub checks: Vec<Step>,
    /// The verdict.
    pub verdict: Verdict,
    /// The reason.
    pub reason: String,
    /// What to change.
    pub fix: Option<String>,
}

/// One check and its outcome.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Step {
    /// Its name.
    pub check: &'static str,
    /// What is checked.
    #[serde(skip)]
    pub about: &'static str,
    /// The outcome.
    pub outcome: Outcome,
}

/// The outcome of a check. The string form is shown in reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It passed.
    #[serde(rename = "held")]
    #[strum(serialize = "passed")]
    Passed,
    /// It is the first that failed.
    #[strum(serialize = "FAILED")]
    Failed,
    /// An earlier check failed.
    #[strum(serialize = "not reached")]
    Unreached,
    /// The check does not apply to credentials of this kind.
    #[strum(serialize = "-")]
    Inapplicable,
}

impl Outcome {
    pub(crate) fn severity(self) -> Option<Severity> {
        match self {
            Self::Passed => Some(Severity::Good),
            Self::Failed => Some(Severity::Wrong),
            Self::Unreached | Self::Inapplicable => None,
        }
    }
}

/// The verdict on a credential. The string form is shown in reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It authenticates a caller.
    #[strum(serialize = "accepted")]
    Accepted,
    /// It is not valid: a request with it fails with 401.
    #[strum(serialize = "rejected")]
    Rejected,
    /// There is no credential: the request is anonymous.
    #[strum(serialize = "no credential")]
    Absent,
    /// It cannot be validated now: a request with it fails with 503.
    #[strum(serialize = "unavailable")]
    Unknown,
}

impl Verdict {
    pub(crate) fn severity(self) -> Severity {
        match self {
            Self::Accepted => Severity::Good,
            Self::Rejected | Self::Absent => Severity::Wrong,
            Self::Unknown => Severity::Warning,
        }
    }
}

/// The checks of credentials that the auth server validates, in order.
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
    location: CredentialLocation,
    pasted: &str,
) -> Explanation {
    let inspection = doctor.authenticator.inspect(location, pasted);
    let decision = doctor.authenticator.authenticate_inspected(&inspection).await;
    let answers = match &decision {
        Authentication::Rejected(rejection) if may_be_a_session(&inspection, rejection.check) => {
            Some(SessionAnswers::of(doctor, &inspection).await)
        }
        _ => None,
    };
    let cache_flaw = match inspection.location {
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
        Authentication::Rejected(rejection) => {
            let advice = advice::rejected(&case, rejection);
            (Verdict::Rejected, Some(rejection.check), advice)
        }
        Authentication::Anonymous => (Verdict::Absent, Some(Check::Form), advice::absent(&case)),
        Authentication::CrossSite(why) => (Verdict::Rejected, None, Advice::only(why)),
        Authentication::Unavailable(failure) => {
            (Verdict::Unknown, None, advice::unavailable(&case, failure))
        }
    };
    let checks = match verdict {
        Verdict::Unknown => steps(&case, Some(first_unavailable(inspection)), Outcome::Unreached),
        Verdict::Accepted | Verdict::Rejected | Verdict::Absent => {
            steps(&case, failed, Outcome::Failed)
        }
    };
    let Advice { reason, fix } = advice;
    let Inspection { shape, header, claims, .. } = inspection;
    let (header, claims) = (header.clone(), claims.clone());
    Explanation { kind: shape.name(), header, claims, checks, verdict, reason, fix }
}

/// Whether the rejection depends on the response of `get-session`.
fn may_be_a_session(inspection: &Inspection, check: Check) -> bool {
    let is_validated_remotely =
        inspection.location != CredentialLocation::ApiKey && !inspection.shape.is_jwt();
    is_validated_remotely && matches!(check, Check::Known | Check::Times | Check::Subject)
}

fn is_session(caller: &Caller) -> bool {
    matches!(
        caller.via(),
        AuthMethod::SessionCookie | AuthMethod::SessionToken | AuthMethod::CookieCache
    )
}

/// The checks, with `outcome` for the first that did not pass.
fn steps(case: &Case<'_>, stopped_at: Option<Check>, outcome: Outcome) -> Vec<Step> {
    let order = order(case);
    let rank = |check: Check| order.iter().position(|other| *other == check);
    // A check that is not in the order failed before the kind was known: it counts as the first.
    let stop = stopped_at.map(|check| rank(check).unwrap_or(0));
    let step = |check: Check| {
        let outcome = match (rank(check), stop) {
            _ if stopped_at == Some(check) => outcome,
            (None, _) => Outcome::Inapplicable,
            (Some(rank), Some(stop)) if rank >= stop => Outcome::Unreached,
            (Some(_), _) => Outcome::Passed,
        };
        Step { check: check.name(), about: check.about(), outcome }
    };
    CHECKS.iter().copied().map(step).collect()
}

/// The checks of such a credential, in order.
fn order(case: &Case<'_>) -> Vec<Check> {
    let identity = &case.doctor.config.identity;
    let shape = case.inspection.shape;
    let is_signed =
        matches!(shape, CredentialShape::SessionCookie | CredentialShape::SignedSessionToken);
    let applies = |check: &Check| match check {
        Check::Known => !shape.is_jwt(),
        Check::Algorithm | Check::Key => {
            !matches!(shape, CredentialShape::SharedSecret | CredentialShape::MailLink)
        }
        Check::Signature => shape.is_jwt() || (is_signed && !identity.auth_secrets.is_empty()),
        Check::Issuer | Check::Audience => {
            shape.is_jwt()
                || (shape == CredentialShape::OpaqueToken && identity.opaque_tokens.is_some())
        }
        Check::Form
        | Check::Header
        | Check::Kind
        | Check::Times
        | Check::Subject
        | Check::Ban
        | Check::Revocation => true,
    };
    let all = if shape.is_jwt() { CHECKS } else { SESSION_CHECKS.as_slice() };
    all.iter().copied().filter(applies).collect()
}

/// The first check that requires the auth server.
fn first_unavailable(inspection: &Inspection) -> Check {
    if inspection.shape.is_jwt() { Check::Key } else { Check::Known }
}

/// Describes the authenticated caller, and missing claims.
fn accepted(caller: &Caller, case: &Case<'_>) -> Advice {
    let mut parts = vec![match caller.kind() {
        CallerKind::User => format!("authenticates the user {}", printable(caller.id().as_str())),
        CallerKind::Service => {
            format!("authenticates the service {}", printable(caller.id().as_str()))
        }
    }];
    parts.extend(caller.email().map(printable));
    let roles: Vec<_> = caller.roles().iter().map(|role| printable(role)).collect();
    if !roles.is_empty() {
        parts.push(format!("roles {}", list(&roles)));
    }
    parts.push(format!("tier {}", printable(caller.tier())));
    let user_fields = case.doctor.config.identity.user_fields.iter().map(|field| field.name());
    let user_fields: Vec<_> = user_fields.map(|name| (name, caller.claim(name))).collect();
    parts.extend(
        user_fields.iter().filter_map(|(name, it)| Some(format!("{name} {}", printable((*it)?)))),
    );
    let left = caller.expires_at() - hallpass_data::now();
    parts.push(format!("expires in {}", span(left)));
    let mut missing: Vec<_> =
        user_fields.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| *name).collect();
    missing.extend(missing_claims(caller, case));
    if let Some(advice) = advice::several_cookies(case) {
        return Advice { reason: format!("{}; {}", list(&parts), advice.reason), fix: advice.fix };
    }
    let notes = [
        unused_cookie_cache(caller, case),
        advice::changed_subject(caller, case),
        advice::key_of_no_user(caller),
        advice::useless_scopes(caller),
        advice::milliseconds_expiry(case),
    ];
    let mut fixes: Vec<_> = notes.into_iter().flatten().collect();
    if caller.kind() == CallerKind::User && !missing.is_empty() {
        fixes.push(format!(
            "no value for {}: declare these fields in user.additionalFields at the auth server, set them at \
             sign-up, and include them in definePayload; a JWT has the values of when it was signed",
            list(&missing)
        ));
    }
    let fix = (!fixes.is_empty()).then(|| fixes.join("; "));
    Advice { reason: list(&parts), fix }
}

/// Why COOKIE_CACHE=trust had no effect on a session cookie.
fn unused_cookie_cache(caller: &Caller, case: &Case<'_>) -> Option<String> {
    let flaw = case.cache_flaw.as_ref().filter(|_| caller.via() == AuthMethod::SessionCookie)?;
    let Advice { reason, fix } = advice::unused_cache(case, flaw);
    let fix = fix.map_or_else(String::new, |fix| format!(": {fix}"));
    Some(format!("COOKIE_CACHE=trust has no effect, because {reason}{fix}"))
}

/// The settings of claims that a JWT does not have, or that are empty for another credential.
fn missing_claims(caller: &Caller, case: &Case<'_>) -> Vec<&'static str> {
    let names = &case.doctor.authenticator.rules().claims;
    let tenant: Vec<_> = names.tenant.iter().cloned().collect();
    let settings = [
        ("ROLE_CLAIM", &names.role, !caller.roles().is_empty()),
        ("TIER_CLAIM", &names.tier, caller.has_tier_claim()),
        ("PERMISSIONS_CLAIM", &names.permissions, !caller.permissions().is_empty()),
        ("TENANT_CLAIM", &tenant, caller.tenant().is_some()),
        ("ORGANIZATION_CLAIM", &names.organization, caller.organization_id().is_some()),
    ];
    // Permissions and organizations are rare: reported only if their claim name is configured.
    let is_default = |names: &[String]| {
        names == ["permissions"] || names == ["organization_id"] || names.is_empty()
    };
    let is_present = |names: &[String], has_value: bool| match case.inspection.claims {
        Some(_) => case.inspection.has_claim(names),
        None => has_value,
    };
    let missing = settings
        .into_iter()
        .filter(|(_, names, has_value)| !is_default(names) && !is_present(names, *has_value));
    missing.map(|(setting, ..)| setting).collect()
}

//! Callers that are described instead of authenticated: for reports of what such a caller is allowed.

use hallpass_types::trusted::VerifiedSubject as _;
use std::fmt;
use std::time::Duration;

use chrono::TimeDelta;
use clap::ValueEnum as _;
use hallpass_types::{Timestamp, UserId, now};
use serde_json::json;

use super::{AuthMethod, Caller, CallerKind, CredentialProof};
use crate::config::{HumanDuration, Tiers};
use crate::schemes::oauth_client::OAuthClient;

/// The kinds of caller that a description distinguishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ProfileKind {
    /// Without a credential
    Anonymous,
    /// A user with an account
    User,
    /// A user without an account, of Better Auth's anonymous plugin
    GuestUser,
    /// A service
    Service,
}

/// What a caller is and holds: the options of `hallpass explain` that describe one.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
#[group(id = "described", multiple = true)]
pub struct CallerProfile {
    /// Evaluate as a caller of this kind; `user` if only other options describe the caller
    #[arg(long = "caller", value_name = "KIND")]
    pub kind: Option<ProfileKind>,
    /// Evaluate as a caller with this role; can be repeated
    #[arg(long = "role", value_name = "ROLE")]
    pub roles: Vec<String>,
    /// Evaluate as a caller with this permission; can be repeated
    #[arg(long = "permission", value_name = "PERMISSION")]
    pub permissions: Vec<String>,
    /// Evaluate as a caller with this tier
    #[arg(long, value_name = "TIER")]
    pub tier: Option<String>,
    /// The auth server confirmed the caller this long ago; the default is longer ago than any rule accepts
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub confirmed_ago: Option<Duration>,
    /// An administrator impersonates the caller
    #[arg(long)]
    pub impersonated: bool,
    /// The caller uses an access token of this OAuth client
    #[arg(long, value_name = "ID")]
    pub client: Option<String>,
    /// The access token has this scope; can be repeated
    #[arg(long = "scope", value_name = "SCOPE", requires = "client")]
    pub scopes: Vec<String>,
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    text.parse::<HumanDuration>().map(|span| span.0)
}

/// A caller as a profile describes it; none if anonymous. Nothing authenticated it: reports evaluate rules for
/// it, and no request runs as one.
pub struct HypotheticalCaller(Option<Caller>);

impl HypotheticalCaller {
    /// The caller, as rules see it.
    #[must_use]
    pub fn as_caller(&self) -> Option<&Caller> {
        self.0.as_ref()
    }
}

impl CallerProfile {
    /// The kind of caller.
    #[must_use]
    pub fn kind(&self) -> ProfileKind {
        self.kind.unwrap_or(ProfileKind::User)
    }

    /// Whether the schemes of authentication can produce such a caller.
    ///
    /// # Errors
    /// Why they cannot.
    pub fn check(&self) -> Result<(), &'static str> {
        let is_as_user = !self.roles.is_empty() || self.tier.is_some() || self.impersonated;
        let has_permissions = !self.permissions.is_empty();
        let has_credential = self.client.is_some() || self.confirmed_ago.is_some();
        match self.kind() {
            ProfileKind::Anonymous if is_as_user || has_permissions || has_credential => {
                Err("an anonymous caller has no role, permission, tier, confirmation or client")
            }
            ProfileKind::Service if is_as_user => {
                Err("a service has no role and no tier, and is not impersonated")
            }
            ProfileKind::Service if self.client.is_some() && has_permissions => {
                Err("a service has the permissions of its API key or the scopes of its client")
            }
            ProfileKind::Anonymous
            | ProfileKind::User
            | ProfileKind::GuestUser
            | ProfileKind::Service => Ok(()),
        }
    }

    /// How much the profile states: of two callers, the one with the smaller weight is the simpler example.
    #[must_use]
    pub fn weight(&self) -> usize {
        let kind = match self.kind() {
            ProfileKind::Anonymous => 0,
            ProfileKind::User => 1,
            ProfileKind::GuestUser | ProfileKind::Service => 2,
        };
        let lists = [&self.roles, &self.permissions, &self.scopes];
        let options = [self.tier.is_some(), self.confirmed_ago.is_some(), self.impersonated];
        kind + lists.map(Vec::len).iter().sum::<usize>()
            + options.into_iter().filter(|is_set| *is_set).count()
            + usize::from(self.client.is_some())
    }

    /// The caller, with tiers as in `tiers`, where `full_clients` are the OAuth clients that need no scopes.
    #[must_use]
    pub fn caller(&self, tiers: &Tiers, full_clients: &[String]) -> HypotheticalCaller {
        HypotheticalCaller(match self.kind() {
            ProfileKind::Anonymous => None,
            kind => Some(self.signed_in(kind, tiers, full_clients)),
        })
    }

    fn signed_in(&self, kind: ProfileKind, tiers: &Tiers, full_clients: &[String]) -> Caller {
        let is_service = kind == ProfileKind::Service;
        #[expect(clippy::disallowed_methods, reason = "a report needs an id, and reads no rows")]
        let id = UserId::from_verified_subject("described-caller".to_owned());
        let caller = Caller {
            id,
            kind: if is_service { CallerKind::Service } else { CallerKind::User },
            proof: self.proof(is_service),
            is_anonymous: kind == ProfileKind::GuestUser,
            email: None,
            email_verified: false,
            name: None,
            roles: self.roles.iter().cloned().collect(),
            tier: self.tier.as_deref().unwrap_or(tiers.lowest()).to_owned(),
            has_tier_claim: self.tier.is_some(),
            permissions: self.permissions.iter().cloned().collect(),
            organization_id: None,
            tenant: None,
            user_fields: Vec::new(),
            session_id: None,
            impersonated_by: self.impersonated.then(|| "administrator".to_owned()),
            client: None,
        };
        let Some(client) = &self.client else { return caller };
        let token = json!({"client_id": client, "scope": self.scopes.join(" ")});
        let token = token.as_object().cloned().unwrap_or_default();
        caller.by_client(OAuthClient::named_by(&token, full_clients))
    }

    /// The credential by which such callers come.
    fn proof(&self, is_service: bool) -> CredentialProof {
        let via = match (&self.client, is_service) {
            (Some(_), _) => AuthMethod::AccessToken,
            (None, true) => AuthMethod::ApiKey,
            (None, false) => AuthMethod::Jwt,
        };
        let ago = self.confirmed_ago.and_then(|ago| TimeDelta::from_std(ago).ok());
        let confirmed_at = ago.and_then(|ago| now().checked_sub_signed(ago));
        CredentialProof {
            via,
            confirmed_at: confirmed_at.unwrap_or(Timestamp::MIN_UTC),
            was_validated: false,
            starts_at: Timestamp::MIN_UTC,
            expires_at: Timestamp::MAX_UTC,
        }
    }
}

/// The profile, as options of `hallpass explain`.
impl fmt::Display for CallerProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        let is_implied =
            !self.roles.is_empty() || !self.permissions.is_empty() || self.tier.is_some();
        if self.kind() != ProfileKind::User || !is_implied {
            let kind = self.kind().to_possible_value();
            words.extend(kind.map(|kind| format!("--caller {}", kind.get_name())));
        }
        words.extend(self.roles.iter().map(|role| option("role", role)));
        words.extend(self.permissions.iter().map(|it| option("permission", it)));
        words.extend(self.tier.iter().map(|tier| option("tier", tier)));
        words.extend(self.confirmed_ago.map(|ago| match ago.subsec_millis() {
            0 => format!("--confirmed-ago {}s", ago.as_secs()),
            _ => format!("--confirmed-ago {}ms", ago.as_millis()),
        }));
        words.extend(self.impersonated.then(|| "--impersonated".to_owned()));
        words.extend(self.client.iter().map(|client| option("client", client)));
        words.extend(self.scopes.iter().map(|scope| option("scope", scope)));
        f.write_str(&words.join(" "))
    }
}

/// An option and its value, quoted for a shell if it has to be.
fn option(name: &str, value: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || ":_./-".contains(it);
    if !value.is_empty() && !value.starts_with('-') && value.chars().all(is_plain) {
        return format!("--{name} {value}");
    }
    format!("--{name}='{}'", value.replace('\'', r"'\''"))
}

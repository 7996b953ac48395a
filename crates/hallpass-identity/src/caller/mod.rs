//! The authenticated caller: what a verified credential states about a user or service.
//!
//! The fields are private and only the schemes of this crate call the constructors: holding a
//! [`Caller`] is the proof that a credential was accepted. A [`CallerProfile`] describes one for
//! reports.

mod profile;

use std::collections::BTreeSet;
use std::time::Duration;

use hallpass_types::trusted::VerifiedTenant as _;
use hallpass_types::{TenantId, Timestamp, UserId, now};
use serde_json::Value;
use strum::IntoStaticStr;

use super::claims::{
    Claims, UserField, as_text, email_address, first_of, impersonator, is_anonymous, reject_banned,
    string_claim, string_list_claim,
};
use super::error::AuthError;
use super::schemes::oauth_client::OAuthClient;
use crate::config::{ClaimNames, Tiers};

pub use profile::{CallerProfile, HypotheticalCaller, ProfileKind};

/// A person or a machine. As a string, in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum CallerKind {
    /// A person.
    User,
    /// A machine, which owns nothing.
    Service,
}

/// The kind of credential that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum AuthMethod {
    /// A session cookie, validated at the auth server.
    SessionCookie,
    /// A bearer session token, validated at the auth server.
    SessionToken,
    /// The session in Better Auth's cookie cache, not validated at the auth server.
    CookieCache,
    /// A first-party JWT, signed with a key of the key set.
    Jwt,
    /// A JWT signed with the shared secret.
    SharedSecret,
    /// An OAuth access token: a JWT (RFC 9068), or an opaque one that the auth server validated.
    AccessToken,
    /// An OpenID Connect id token.
    IdToken,
    /// An API key.
    ApiKey,
}

impl AuthMethod {
    /// The name, as in the schema's `AuthMethod`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The accepted credential: when it was confirmed, and when it is valid.
#[derive(Clone, Copy, Debug)]
pub(super) struct CredentialProof {
    /// The kind of credential.
    pub(super) via: AuthMethod,
    /// When the auth server last confirmed it: when it signed it, or when it validated it.
    pub(super) confirmed_at: Timestamp,
    /// Whether it was validated at the auth server, so that the time is by this server's clock.
    pub(super) was_validated: bool,
    /// When the credential becomes valid, if it states that.
    pub(super) starts_at: Timestamp,
    /// When the credential ends.
    pub(super) expires_at: Timestamp,
}

impl CredentialProof {
    /// A credential that was validated at the auth server at `validated_at` and ends at `expires_at`.
    pub(super) fn validated(
        via: AuthMethod,
        validated_at: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        let (confirmed_at, starts_at) = (validated_at, Timestamp::MIN_UTC);
        Self { via, confirmed_at, was_validated: true, starts_at, expires_at }
    }
}

/// The authenticated user or service that sent a request.
#[derive(Clone)]
pub struct Caller {
    id: UserId,
    kind: CallerKind,
    proof: CredentialProof,
    is_anonymous: bool,
    email: Option<String>,
    email_verified: bool,
    name: Option<String>,
    roles: BTreeSet<String>,
    tier: String,
    has_tier_claim: bool,
    permissions: BTreeSet<String>,
    organization_id: Option<String>,
    tenant: Option<TenantId>,
    /// The value of each declared field, in the order of the declaration; empty for a service.
    user_fields: Vec<(&'static str, Option<String>)>,
    session_id: Option<String>,
    impersonated_by: Option<String>,
    client: Option<OAuthClient>,
}

/// Shows the kind of caller and nothing that identifies them: callers end up in logs.
impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller")
            .field("kind", &self.kind)
            .field("via", &self.proof.via)
            .finish_non_exhaustive()
    }
}

/// Which claim holds which property of a caller.
pub(super) struct ClaimMapping<'a> {
    pub(super) names: &'a ClaimNames,
    pub(super) tiers: &'a Tiers,
    pub(super) user_fields: &'a [UserField],
}

impl Caller {
    /// The caller that verified `claims` describe.
    pub(super) fn from_claims(
        id: UserId,
        proof: CredentialProof,
        claims: &Claims,
        mapping: &ClaimMapping<'_>,
    ) -> Result<Self, AuthError> {
        reject_banned(claims)?;
        let names = mapping.names;
        let tier = as_text(first_of(claims, &names.tier));
        let email = email_address(claims);
        let is_verified = |name: &&str| claims.get(*name).and_then(Value::as_bool) == Some(true);
        Ok(Self {
            id,
            kind: CallerKind::User,
            proof,
            is_anonymous: is_anonymous(claims),
            email_verified: email.is_some()
                && ["emailVerified", "email_verified"].iter().any(is_verified),
            email,
            name: string_claim(claims, "name"),
            roles: string_list_claim(first_of(claims, &names.role), &[',']),
            has_tier_claim: tier.is_some(),
            tier: tier.unwrap_or_else(|| mapping.tiers.lowest().to_owned()),
            permissions: string_list_claim(first_of(claims, &names.permissions), &[',', ' ']),
            organization_id: as_text(first_of(claims, &names.organization)),
            tenant: tenant_claim(claims, names),
            user_fields: mapping
                .user_fields
                .iter()
                .map(|it| (it.name(), it.read(claims)))
                .collect(),
            session_id: string_claim(claims, "sid"),
            impersonated_by: impersonator(claims),
            client: None,
        })
    }

    /// The caller of a session: the properties of its user and of the session itself.
    pub(super) fn from_session(
        id: UserId,
        proof: CredentialProof,
        user: &Claims,
        session: &Claims,
        mapping: &ClaimMapping<'_>,
    ) -> Result<Self, AuthError> {
        let caller = Self::from_claims(id, proof, user, mapping)?;
        let organization = string_claim(session, "activeOrganizationId");
        Ok(Self {
            organization_id: caller.organization_id.or(organization),
            tenant: match states_tenant(session, mapping.names) {
                // Also a null: a user can set some of their own fields, but not the session's.
                true => tenant_claim(session, mapping.names),
                false => caller.tenant,
            },
            session_id: string_claim(session, "id"),
            impersonated_by: impersonator(session),
            ..caller
        })
    }

    /// A service. Role and tier claims describe a person, and are not read.
    pub(super) fn service(id: UserId, proof: CredentialProof, mapping: &ClaimMapping<'_>) -> Self {
        Self {
            id,
            kind: CallerKind::Service,
            proof,
            is_anonymous: false,
            email: None,
            email_verified: false,
            name: None,
            roles: BTreeSet::new(),
            tier: mapping.tiers.lowest().to_owned(),
            has_tier_claim: false,
            permissions: BTreeSet::new(),
            organization_id: None,
            tenant: None,
            user_fields: Vec::new(),
            session_id: None,
            impersonated_by: None,
            client: None,
        }
    }

    /// The same, with more permissions.
    pub(super) fn with_permissions(mut self, more: impl IntoIterator<Item = String>) -> Self {
        self.permissions.extend(more);
        self
    }

    /// The same, in the session with this id.
    pub(super) fn in_session(mut self, id: String) -> Self {
        self.session_id = Some(id);
        self
    }

    /// The same, by a token that was issued to `client`. Claims that the user did not grant it are left out
    /// (OpenID Connect Core section 5.4).
    pub(super) fn by_client(mut self, client: OAuthClient) -> Self {
        if !client.is_granted("email") {
            (self.email, self.email_verified) = (None, false);
        }
        if !client.is_granted("profile") {
            self.name = None;
        }
        self.permissions.extend(client.permissions());
        self.client = Some(client);
        self
    }

    /// The same, in none of the organizations that `has_left` names.
    pub(super) fn without_organizations(self, has_left: impl Fn(&str) -> bool) -> Self {
        let organization_id = self.organization_id.filter(|id| !has_left(id));
        let tenant = self.tenant.filter(|tenant| !has_left(tenant.as_str()));
        Self { organization_id, tenant, ..self }
    }

    /// The same, valid until `end` at the latest.
    pub(super) fn expiring_at(mut self, end: Timestamp) -> Self {
        self.proof.expires_at = self.proof.expires_at.min(end);
        self
    }

    /// The auth server's id of the user.
    #[must_use]
    pub fn id(&self) -> &UserId {
        &self.id
    }

    /// A person or a machine.
    #[must_use]
    pub fn kind(&self) -> CallerKind {
        self.kind
    }

    /// The kind of credential that was accepted.
    #[must_use]
    pub fn via(&self) -> AuthMethod {
        self.proof.via
    }

    /// Whether the user was created by Better Auth's anonymous plugin: a guest without an account.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.is_anonymous
    }

    /// The e-mail address, if the credential states one. Placeholder addresses are ignored.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }

    /// Whether the auth server verified the address.
    #[must_use]
    pub fn email_verified(&self) -> bool {
        self.email_verified
    }

    /// The name, if the credential states one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The roles held.
    #[must_use]
    pub fn roles(&self) -> &BTreeSet<String> {
        &self.roles
    }

    /// The tier held; the lowest when the credential states none.
    #[must_use]
    pub fn tier(&self) -> &str {
        &self.tier
    }

    /// Whether the credential states the tier.
    #[must_use]
    pub fn has_tier_claim(&self) -> bool {
        self.has_tier_claim
    }

    /// Whether every rule decides alike for both, except for how recently they were confirmed.
    pub(super) fn same_rights_as(&self, other: &Self) -> bool {
        let rights = |caller: &Self| {
            let Self { id, kind, roles, tier, permissions, .. } = caller.clone();
            let Self { is_anonymous, impersonated_by, client, tenant, .. } = caller.clone();
            let person = (id, kind, is_anonymous, impersonated_by, tenant);
            (person, roles, tier, permissions, client)
        };
        rights(self) == rights(other)
    }

    /// The permissions held.
    #[must_use]
    pub fn permissions(&self) -> &BTreeSet<String> {
        &self.permissions
    }

    /// The active organization that the credential names. Membership is not checked.
    #[must_use]
    pub fn organization_id(&self) -> Option<&str> {
        self.organization_id.as_deref()
    }

    /// The organization whose rows the caller has: the value of `TENANT_CLAIM`, of a credential that was verified.
    /// None without that setting, for a service, and after the caller has left the organization.
    #[must_use]
    pub fn tenant(&self) -> Option<&TenantId> {
        self.tenant.as_ref()
    }

    /// The value of an additional user field. None when the credential does not state it, and for a field
    /// that is not declared in [`IdentityConfig::user_fields`](crate::config::IdentityConfig::user_fields).
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&str> {
        let (_, value) = self.user_fields.iter().find(|(declared, _)| *declared == name)?;
        value.as_deref()
    }

    /// The value of each declared field.
    pub(super) fn user_fields(&self) -> impl Iterator<Item = Option<&str>> {
        self.user_fields.iter().map(|(_, value)| value.as_deref())
    }

    /// The id of the session, if the credential belongs to one.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.session_id.as_deref()
    }

    /// The id of the administrator who impersonates this user.
    #[must_use]
    pub fn impersonated_by(&self) -> Option<&str> {
        self.impersonated_by.as_deref()
    }

    /// The id of the OAuth client that the access token was issued to; none for other credentials, or when
    /// the auth server does not state it.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.client.as_ref()?.id.as_deref()
    }

    /// The scopes of the access token; none for other credentials.
    #[must_use]
    pub fn scopes(&self) -> Option<&BTreeSet<String>> {
        self.client.as_ref().map(|client| &client.scopes)
    }

    /// Whether the credential covers `scope`: the token of a client that is not one of
    /// `OAUTH_FULL_CLIENTS` needs it, any other credential does not.
    #[must_use]
    pub fn is_granted(&self, scope: &str) -> bool {
        self.client.as_ref().is_none_or(|client| client.is_granted(scope))
    }

    /// Whether the credential covers every scope: any but the token of a client that is not one of
    /// `OAUTH_FULL_CLIENTS`.
    #[must_use]
    pub fn has_all_scopes(&self) -> bool {
        self.client.as_ref().is_none_or(OAuthClient::is_full)
    }

    /// When the auth server last confirmed the caller: when it signed the credential, or when it
    /// validated it.
    #[must_use]
    pub fn confirmed_at(&self) -> Timestamp {
        self.proof.confirmed_at
    }

    /// The accepted credential.
    pub(super) fn proof(&self) -> CredentialProof {
        self.proof
    }

    /// When the credential ends.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.proof.expires_at
    }

    /// The time until the credential expires.
    pub(super) fn remaining(&self) -> Duration {
        (self.proof.expires_at - now()).to_std().unwrap_or_default()
    }

    /// Whether the credential is valid now, by the system clock.
    pub(super) fn is_current(&self) -> bool {
        let present = now();
        self.proof.starts_at <= present && present < self.proof.expires_at
    }

    /// How long ago the credential was validated at the auth server; none when it was not, or when the
    /// system clock was set back since.
    pub(super) fn age(&self) -> Option<Duration> {
        let age = (now() - self.proof.confirmed_at).to_std().ok()?;
        self.proof.was_validated.then_some(age)
    }

    /// Approximate size of the strings, in bytes.
    pub(super) fn size(&self) -> usize {
        let texts = [
            &self.email,
            &self.name,
            &self.organization_id,
            &self.session_id,
            &self.impersonated_by,
        ];
        let client = self.client.iter();
        let client = client.flat_map(|client| client.id.iter().chain(&client.scopes));
        let texts = texts.into_iter().flatten().chain(&self.roles).chain(&self.permissions);
        let texts = texts.chain(self.user_fields.iter().filter_map(|(_, value)| value.as_ref()));
        let texts = texts.chain(client);
        let tenant = self.tenant.as_ref().map_or(0, |tenant| tenant.as_str().len());
        tenant + texts.map(|text| text.len() + size_of::<String>()).sum::<usize>()
    }
}

/// Whether `session` states the tenant, even as none.
fn states_tenant(session: &Claims, names: &ClaimNames) -> bool {
    let first = |name: &String| name.split('.').next().unwrap_or(name).to_owned();
    names.tenant.iter().any(|name| session.contains_key(&first(name)))
}

/// The tenant that verified claims name.
#[expect(clippy::disallowed_methods, reason = "the claims are verified")]
fn tenant_claim(claims: &Claims, names: &ClaimNames) -> Option<TenantId> {
    let value = as_text(first_of(claims, names.tenant.as_slice()));
    value.map(TenantId::from_verified_claim)
}

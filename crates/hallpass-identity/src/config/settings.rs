//! The settings of authentication.

use clap::Args;
use secrecy::SecretString;

use super::values::{
    ApiKeyHeader, BasePath, CookieName, HttpUrl, HumanDuration, JwtSubject, NonEmptyString,
    RawHttpUrl, RoleInheritance, Tiers, TrustMode, UserLookupUrl,
};

/// The settings of authentication: flags and environment variables, to flatten into a command line
/// (`#[command(flatten)]`).
#[derive(Args, Clone, Debug)]
#[group(skip)]
#[command(next_help_heading = "Authentication")]
pub struct IdentitySettings {
    /// Origin of the Better Auth server, such as `https://app.example.com`. Turns on session
    /// cookies, bearer session tokens and JWTs. Also read from AUTH_SERVICE_URL and AUTH_SERVER_URL
    #[arg(long, env)]
    pub better_auth_url: Option<HttpUrl>,

    #[arg(long, env, hide = true)]
    pub(super) auth_service_url: Option<HttpUrl>,

    #[arg(long, env, hide = true)]
    pub(super) auth_server_url: Option<HttpUrl>,

    /// Path under which Better Auth is mounted
    #[arg(long, env, default_value = "/api/auth")]
    pub better_auth_base_path: BasePath,

    /// URL of the JSON Web Key Set, if it is not `{url}{base path}/jwks`
    #[arg(long, env)]
    pub jwks_url: Option<HttpUrl>,

    /// Accepted `iss` of first-party JWTs, comma-separated; left out, the origin of BETTER_AUTH_URL
    #[arg(long, env, value_delimiter = ',')]
    pub jwt_issuer: Vec<NonEmptyString>,

    /// Accepted `aud` of first-party JWTs, comma-separated; left out, the origin of BETTER_AUTH_URL
    #[arg(long, env, value_delimiter = ',')]
    pub jwt_audience: Vec<NonEmptyString>,

    /// Claim with the user's id in first-party JWTs: `id`, which does not depend on the jwt plugin's `getSubject`
    /// (if it is missing, `sub` is used); or `sub`
    #[arg(long, env, value_enum, default_value = "id")]
    pub jwt_subject: JwtSubject,

    /// Shared secret of HS256 bearer tokens, 32 bytes at least; a comma-separated list rotates
    #[arg(long, env, hide_env_values = true, value_delimiter = ',')]
    pub jwt_secret: Vec<SecretString>,

    /// Accepted `iss` of JWT_SECRET's tokens, comma-separated; left out, any or none
    #[arg(long, env, value_delimiter = ',')]
    pub jwt_secret_issuer: Vec<NonEmptyString>,

    /// Accepted `aud` of JWT_SECRET's tokens, comma-separated; left out, none, or one of JWT_AUDIENCE
    #[arg(long, env, value_delimiter = ',')]
    pub jwt_secret_audience: Vec<NonEmptyString>,

    /// Accepted for compatibility with other programs, and ignored
    #[arg(long, env, hide = true)]
    pub(super) jwt_algorithm: Option<String>,

    /// Client id(s) of this application at the OpenID provider: accepted `aud` of id tokens,
    /// comma-separated. Left out, id tokens are rejected
    #[arg(long, env, value_delimiter = ',')]
    pub sso_client_id: Vec<NonEmptyString>,

    /// Accepted `aud` of OAuth access tokens (RFC 8707 resources), comma-separated. Left out, such tokens
    /// are rejected
    #[arg(long, env, value_delimiter = ',')]
    pub oauth_resource: Vec<NonEmptyString>,

    /// Client ids of OAuth clients whose access tokens have all rights of their user, comma-separated: your
    /// own apps. `*` is every client of the auth server. The tokens of all others can access only the fields
    /// that their scopes cover
    #[arg(long, env, value_delimiter = ',')]
    pub oauth_full_clients: Vec<NonEmptyString>,

    /// Issuer of id tokens and access tokens; left out, `{url}{base path}`. The keys of an issuer with another
    /// origin than BETTER_AUTH_URL are found by OpenID Connect Discovery
    #[arg(long, env)]
    pub oidc_issuer: Option<RawHttpUrl>,

    /// URL of the key set of OIDC_ISSUER, if discovery does not work, such as for an issuer that this server
    /// reaches under another name
    #[arg(long, env)]
    pub oidc_jwks_url: Option<HttpUrl>,

    /// Client that may introspect opaque access tokens (RFC 7662)
    #[arg(long, env)]
    pub introspection_client_id: Option<NonEmptyString>,

    /// Secret of INTROSPECTION_CLIENT_ID
    #[arg(long, env, hide_env_values = true)]
    pub introspection_client_secret: Option<SecretString>,

    /// `trust`: accept opaque access tokens with the scope `openid`, of any client, validated at the
    /// userinfo endpoint. Only if every client of the auth server is yours
    #[arg(long, env, value_enum, default_value = "off")]
    pub userinfo: TrustMode,

    /// Secret of the Better Auth server: the signature of session cookies is then verified here before they
    /// are validated there. 32 bytes at least with COOKIE_CACHE=trust. A comma-separated list rotates
    /// (`2:NEW,1:OLD` as well). Also read from BETTER_AUTH_SECRETS
    #[arg(long, env, hide_env_values = true, value_delimiter = ',')]
    pub better_auth_secret: Vec<SecretString>,

    #[arg(long, env, hide = true, hide_env_values = true, value_delimiter = ',')]
    pub(super) better_auth_secrets: Vec<SecretString>,

    /// `trust`: trust Better Auth's `session_data` cookie until it expires (5 minutes by default), so that
    /// fewer sessions are validated at the auth server, and sign-outs take effect as much later
    #[arg(long, env, value_enum, default_value = "off")]
    pub cookie_cache: TrustMode,

    /// Version that a trusted cookie cache must have (`session.cookieCache.version` of the auth server);
    /// left out, any
    #[arg(long, env)]
    pub cookie_cache_version: Option<NonEmptyString>,

    /// Endpoint of the application that verifies API keys; left out, they are validated at `get-session`
    #[arg(long, env)]
    pub api_key_verify_url: Option<HttpUrl>,

    /// API key sent to the application's endpoints, for looking users up
    #[arg(long, env, hide_env_values = true)]
    pub sso_api_key: Option<SecretString>,

    /// Endpoint of the application that looks a user up, with `{id}` in it; left out,
    /// `{url}/api/admin/users/{id}`
    #[arg(long, env)]
    pub user_lookup_url: Option<UserLookupUrl>,

    /// Secret of the messages that push revocations (`POST /revocations`), 24 bytes at least; a
    /// comma-separated list rotates. Left out, none are accepted
    #[arg(long, env, hide_env_values = true, value_delimiter = ',')]
    pub revocation_secret: Vec<SecretString>,

    /// Prefix of Better Auth's cookie names
    #[arg(long, env, default_value = "better-auth")]
    pub cookie_prefix: CookieName,

    /// Full name of the session cookie, if `advanced.cookies` of the auth server sets one; left out,
    /// `{prefix}.session_token`
    #[arg(long, env)]
    pub session_cookie: Option<CookieName>,

    /// Header that carries API keys
    #[arg(long, env, default_value = "x-api-key")]
    pub api_key_header: ApiKeyHeader,

    /// Clock skew tolerated when validating token times
    #[arg(long, env, default_value = "10s")]
    pub jwt_leeway: HumanDuration,

    /// Age at which the key set is fetched again
    #[arg(long, env, default_value = "1h")]
    pub jwks_ttl: HumanDuration,

    /// Period in which unknown keys cause three fetches of the key set at most, and forged signatures one
    #[arg(long, env, default_value = "30s")]
    pub jwks_cooldown: HumanDuration,

    /// Timeout of requests to the auth server
    #[arg(long, env, default_value = "5s")]
    pub auth_timeout: HumanDuration,

    /// How long a validated session is cached: the maximum delay of a sign-out
    #[arg(long, env, default_value = "30s")]
    pub session_cache_ttl: HumanDuration,

    /// Claim or user field with the roles (comma-separated text, or a list). Of several names,
    /// comma-separated, the first that is present is used; each is a name, or a path such as
    /// `realm_access.roles`
    #[arg(long, env, default_value = "role", value_delimiter = ',')]
    pub role_claim: Vec<NonEmptyString>,

    /// Claim or user field with the tier; several as in ROLE_CLAIM
    #[arg(long, env, default_value = "tier", value_delimiter = ',')]
    pub tier_claim: Vec<NonEmptyString>,

    /// Claim or user field with the permissions; several as in ROLE_CLAIM
    #[arg(long, env, default_value = "permissions", value_delimiter = ',')]
    pub permissions_claim: Vec<NonEmptyString>,

    /// Claim or user field with the organization; several as in ROLE_CLAIM
    #[arg(long, env, default_value = "organization_id", value_delimiter = ',')]
    pub organization_claim: Vec<NonEmptyString>,

    /// Claim with the id of the organization whose rows the caller has, of a session, a user or a token:
    /// `activeOrganizationId` is that of Better Auth's sessions, and JWTs need it in `definePayload`. Left out, no
    /// caller has rows of an organization. It must not be a field that users set themselves
    #[arg(long, env)]
    pub tenant_claim: Option<NonEmptyString>,

    /// Tiers in rising order, each with an optional monthly price: `free=0,paid=12`
    #[arg(long, env, default_value = "free")]
    pub tiers: Tiers,

    /// Role inheritance, as chains separated by commas: with `admin>editor`, an admin has the rights of an editor;
    /// empty for none
    #[arg(long, env, default_value = "admin>editor>user")]
    pub role_inherits: RoleInheritance,
}

//! Settings of authentication (flags and environment variables), and the validated configuration.

mod check;
mod error;
mod origin;
mod settings;
mod types;
mod values;

pub use error::{ConfigError, invalid};
pub use origin::Origin;
pub use settings::IdentitySettings;
pub use types::{
    AuthServer, ClaimNames, IdentityConfig, OpaqueTokenConfig, TraceParent, UserLookupConfig,
};
pub use values::{
    ApiKeyHeader, BasePath, CookieName, HttpUrl, HumanDuration, JwtSubject, NonEmptyString,
    RawHttpUrl, RoleInheritance, Tiers, TrustMode, UserLookupUrl,
};

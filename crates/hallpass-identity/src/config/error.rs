//! The error of a setting.

/// An invalid setting: one sentence that names it and the fix.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

/// Fails with `sentence`, which names the setting and the fix.
///
/// # Errors
/// Always.
pub fn invalid<T>(sentence: impl Into<String>) -> Result<T, ConfigError> {
    Err(ConfigError(sentence.into()))
}

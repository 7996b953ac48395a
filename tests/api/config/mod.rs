//! Settings.

mod settings;
mod url_secrets;

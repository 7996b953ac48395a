//! `hallpass explain`: shows for each field of a document whether a caller may use it.

use std::sync::Arc;

use async_graphql::parser::parse_query;

use super::output::print_line;
use super::persona_callers::PersonaCallers;
use super::{CliError, block_on, or_stdin};
use crate::access::{SchemaView, Subject};
use crate::access_report::{FieldReport, describe_caller, explain};
use crate::app;
use crate::application::Application;
use crate::config::Config;
use hallpass_identity::{Authentication, Caller, CallerProfile};

#[expect(clippy::disallowed_methods, reason = "a report evaluates rules for a described caller")]
pub(super) fn run(
    application: &Application,
    config: &Config,
    (persona, token): (Option<String>, Option<String>),
    profile: &CallerProfile,
    query: String,
) -> Result<(), CliError> {
    let query = or_stdin(query)?;
    let document = parse_query(document_of_field(&query).unwrap_or(query))
        .map_err(|error| CliError::Usage(format!("the document is not valid GraphQL: {error}")))?;
    let is_described = token.is_none() && persona.is_none();
    let authenticated = match (token, persona) {
        (Some(token), _) => Some(block_on(caller_of_token(config, or_stdin(token)?))?),
        (None, Some(persona)) => {
            block_on(async { PersonaCallers::new(config)?.caller(&persona).await })?
        }
        (None, None) => None,
    };
    profile.check().map_err(|why| CliError::Usage(why.to_owned()))?;
    let described = profile.caller(&config.identity.tiers, &config.identity.full_clients);
    let caller = if is_described { described.as_caller() } else { authenticated.as_deref() };
    print_line(format_args!("as {}", describe_caller(caller)))?;
    let policy = app::policy(config);
    let types = application.schema().types(SchemaView::FULL);
    let subject = Subject { caller, policy: &policy };
    let reports = explain(&document, &types, subject, config.ownership_denial);
    for report in &reports {
        print_line(report)?;
    }
    if reports.iter().any(FieldReport::is_rejected_whole) {
        print_line("the document would be rejected: a field is not in the schema of this caller")?;
    }
    Ok(())
}

/// The document of one field, for its schema coordinate, `Type.field`.
fn document_of_field(query: &str) -> Option<String> {
    let (object, field) = query.trim().split_once('.')?;
    let is_name = |it: &str| it.chars().all(|it| it.is_ascii_alphanumeric() || it == '_');
    (is_name(object) && is_name(field)).then(|| format!("{{ ... on {object} {{ {field} }} }}"))
}

/// Authenticates `token`.
async fn caller_of_token(config: &Config, token: String) -> Result<Arc<Caller>, CliError> {
    let bare = token.trim().trim_start_matches("Bearer ").to_owned();
    match app::build_authenticator(config)?.authenticate_bearer(&bare.into()).await {
        Authentication::Caller(caller) => Ok(caller),
        Authentication::Rejected(rejection) => Err(CliError::Check(format!(
            "the token is rejected: {}; see `{} doctor --token -`",
            rejection.reason, config.program
        ))),
        Authentication::Unavailable(_) => {
            Err(CliError::Check("the auth server is unavailable".to_owned()))
        }
        Authentication::Anonymous | Authentication::CrossSite(_) => {
            Err(CliError::Usage("--token is empty: give a token".to_owned()))
        }
    }
}

//! `hallpass explain`

use std::sync::Arc;

use async_graphql::parser::parse_query;

use super::output::print_line;
use super::persona_callers::PersonaCallers;
use super::{CliError, block_on, or_stdin};
use crate::access::Subject;
use crate::access_report::{FieldReport, explain};
use crate::app;
use crate::config::Config;
use crate::identity::{Authentication, Caller, Persona};
use crate::schema;

pub(super) fn run(
    config: &Config,
    persona: Option<Persona>,
    token: Option<String>,
    query: String,
) -> Result<(), CliError> {
    let document = parse_query(or_stdin(query)?)
        .map_err(|error| CliError::Usage(format!("the document is no GraphQL: {error}")))?;
    let caller = match (token, persona) {
        (Some(token), _) => Some(block_on(caller_of_token(config, or_stdin(token)?))?),
        (None, Some(persona)) => {
            block_on(async { PersonaCallers::new(config)?.caller(persona).await })?
        }
        (None, None) => None,
    };
    let who = caller.as_deref().map_or_else(|| "an anonymous caller".to_owned(), describe);
    print_line(format_args!("as {who}"))?;
    let policy = app::policy(config);
    let asker = Subject { caller: caller.as_deref(), policy: &policy };
    let lines = explain(&document, &schema::types(), asker, config.ownership_denial);
    for line in &lines {
        print_line(line)?;
    }
    if lines.iter().any(FieldReport::is_refused_whole) {
        print_line("none of it would run: there is a field that these callers' schema has not")?;
    }
    Ok(())
}

/// The caller who shows `token`.
async fn caller_of_token(config: &Config, token: String) -> Result<Arc<Caller>, CliError> {
    let bare = token.trim().trim_start_matches("Bearer ").to_owned();
    match app::build_authenticator(config)?.authenticate_bearer(&bare.into()).await {
        Authentication::Caller(caller) => Ok(caller),
        Authentication::Refused(refusal) => Err(CliError::Check(format!(
            "the token is refused: {}; `hallpass doctor --token -` says more",
            refusal.reason
        ))),
        Authentication::Unavailable(_) => {
            Err(CliError::Check("the auth server cannot be reached".to_owned()))
        }
        Authentication::Anonymous | Authentication::CrossSite(_) => {
            Err(CliError::Usage("there is no token: write one after --token".to_owned()))
        }
    }
}

fn describe(caller: &Caller) -> String {
    let words = |words: &std::collections::BTreeSet<String>| match words.is_empty() {
        true => "none".to_owned(),
        false => words.iter().cloned().collect::<Vec<_>>().join(", "),
    };
    let client = caller.scopes().map_or_else(String::new, |scopes| {
        format!("; client: {}; scopes: {}", caller.client_id().unwrap_or("unknown"), words(scopes))
    });
    format!(
        "{:?} by {}; roles: {}; tier: {}; permissions: {}{client}",
        caller.kind(),
        caller.via().name(),
        words(caller.roles()),
        caller.tier(),
        words(caller.permissions()),
    )
    .to_lowercase()
}

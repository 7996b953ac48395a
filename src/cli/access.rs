//! `hallpass access`

use super::{CliError, block_on, print_or_check};
use crate::access::{Column, Table};
use crate::app::{self, StartError};
use crate::config::Config;
use crate::identity::{Authenticator, Issuer, Persona};
use crate::schema;

pub(super) fn run(config: &Config, check: bool, json: bool) -> Result<(), CliError> {
    let table = block_on(table(config))?;
    if json {
        let text = serde_json::to_string_pretty(&table)
            .map_err(|error| CliError::Check(format!("the table is no JSON: {error}")))?;
        println!("{text}");
        return Ok(());
    }
    print_or_check(check, "access.md", &table.to_markdown(), "hallpass access")
}

/// The table for the personas, recognized by tokens of an issuer that lives as long as this.
async fn table(config: &Config) -> Result<Table, CliError> {
    let issuer = Issuer::ephemeral().map_err(StartError::from)?;
    let authenticator =
        Authenticator::new(&config.identity, &[], Some(&issuer)).map_err(StartError::from)?;
    let mut columns = Vec::new();
    let mut owner = None;
    for (persona, caller) in
        app::persona_callers(&issuer, &authenticator).await.map_err(StartError::from)?
    {
        if persona == Persona::Free {
            owner.clone_from(&caller);
        }
        columns.push(Column { name: persona.name().to_owned(), caller, is_owner: false });
    }
    columns.push(Column { name: "owner".to_owned(), caller: owner, is_owner: true });
    let sdl = schema::sdl(&schema::build(true));
    Table::of(&sdl, &columns, &config.identity.tiers)
        .map_err(|error| CliError::Check(error.to_string()))
}

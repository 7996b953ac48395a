//! An access table that was saved as JSON (`hallpass access --json`).

use std::collections::BTreeMap;

use serde_json::Value;

use super::matrix::{Table, settings};
use crate::access::Policy;
use crate::config::OwnershipDenial;

/// Why a baseline cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// It is not a table.
    #[error("is not an access table ({0})")]
    Invalid(#[from] serde_json::Error),
    /// An older version wrote it, without the rules as trees.
    #[error("is a table of an older version of hallpass, without `rule_tree` and `tiers`")]
    Older,
    /// Two of its statements contradict each other.
    #[error("contradicts itself about {0}")]
    Contradiction(String),
}

impl Table {
    /// Reads a table that `hallpass access --json` wrote.
    ///
    /// # Errors
    /// When it is not one, or an older version wrote it, or it was edited so that it contradicts itself.
    pub fn from_json(text: &str) -> Result<Self, BaselineError> {
        let json: Value = serde_json::from_str(text)?;
        let rows = json["rows"].as_array();
        let has_trees = |rows: &Vec<Value>| rows.iter().all(|row| row.get("rule_tree").is_some());
        if rows.is_some_and(|rows| json.get("tiers").is_none() || !has_trees(rows)) {
            return Err(BaselineError::Older);
        }
        let table: Self = serde_json::from_value(json)?;
        let mut known = BTreeMap::new();
        for row in &table.rows {
            let demand = (&row.rule_tree, &row.scope);
            let is_other = known.insert(&row.field, demand).is_some_and(|other| other != demand);
            if is_other || row.rule_tree.leak().name() != row.rule {
                return Err(BaselineError::Contradiction(row.field.clone()));
            }
        }
        table.policy()?;
        Ok(table)
    }

    /// The tiers and roles under which the table was made.
    ///
    /// # Errors
    /// When the settings are not those that a server accepts.
    pub fn policy(&self) -> Result<Policy, BaselineError> {
        let contradiction = |setting: &str| BaselineError::Contradiction(setting.to_owned());
        let tiers = self.tiers.join(",").parse().map_err(|_| contradiction("TIERS"))?;
        let roles = self.settings.get("ROLE_INHERITS").into_iter().flatten();
        let roles = roles.map(String::as_str).collect::<Vec<_>>().join(",");
        let roles = roles.parse().map_err(|_| contradiction("ROLE_INHERITS"))?;
        let policy = Policy { tiers, roles };
        let stated = settings(&policy, OwnershipDenial::Hide);
        let differs = |name: &&str| self.settings.get(*name) != stated.get(*name);
        match ["TIERS", "ROLE_INHERITS"].into_iter().find(differs) {
            Some(setting) => Err(contradiction(setting)),
            None => Ok(policy),
        }
    }
}

//! Two servers that differ in one thing: on one, alice has rows.
//!
//! A stranger who cannot tell the two apart learns nothing of her, whatever they ask. No answer has to be
//! known beforehand, and what is not hers (counts, orders, cursors, errors) is looked at too.

use futures_util::future::join;
use hallpass_data::UserId;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_LENGTH, DATE, HeaderMap};

use super::cases::Case;
use super::mask::Mask;
use super::owned::policy_tables;
use super::seeds::tables;
use super::shelf;
use super::table::Part;
use super::visitor::Visitor;
use crate::app::{App, Backend};
use crate::people::{User, alice, bob};

/// One of the two servers.
pub struct World {
    pub app: App,
    has_hers: bool,
}

/// All that a stranger, and a clock that counts statements, notices of an answer.
#[derive(Debug, PartialEq)]
pub struct Heard {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
    /// The texts of the statements, in the order of the alphabet: fields of a query run side by side.
    pub statements: Vec<String>,
}

impl World {
    /// `forgets` turns the switch that lets scopes forget whose rows are.
    pub async fn build(backend: Backend, has_hers: bool, flags: &[&str], forgets: bool) -> Self {
        let app = App::forgetful(backend, flags, forgets).await;
        shelf::fill(&app.database).await;
        let world = Self { app, has_hers };
        world.reset().await;
        world
    }

    /// Every row as in the beginning.
    pub async fn reset(&self) {
        let database = &self.app.database;
        for table in tables().iter().rev() {
            table.clear(database).await;
        }
        let part = if self.has_hers { Part::Hers } else { Part::HersAsSeen };
        for table in tables() {
            table.fill(database, part, &self.id_of(&alice())).await;
            table.fill(database, Part::His, &self.id_of(&bob())).await;
        }
    }

    fn id_of(&self, user: &User) -> UserId {
        self.app.scope_of(user).owner().unwrap().clone()
    }

    /// Alice's rows of each table as they stand.
    pub async fn hers(&self) -> Vec<(String, Vec<String>)> {
        let mut hers = Vec::new();
        for table in tables() {
            let rows = table.rows(&self.app.database, &self.id_of(&alice())).await;
            hers.push((table.name().to_owned(), rows));
        }
        hers
    }

    /// Sends a case as somebody.
    pub async fn hear(&self, who: &Visitor, case: &Case) -> Heard {
        let send = who.ask(&self.app, &case.body);
        let ((status, mut headers, body), mut statements) = self.app.statements_of(send).await;
        let tables = policy_tables();
        statements.retain(|sql| tables.iter().any(|table| sql.contains(&format!("\"{table}\""))));
        statements.sort();
        for changing in [DATE.as_str(), "x-request-id", CONTENT_LENGTH.as_str()] {
            headers.remove(changing);
        }
        Heard { status, headers, body, statements }
    }
}

/// The two servers.
pub struct Worlds {
    pub with_hers: World,
    pub without: World,
    mask: Mask,
}

impl Worlds {
    pub async fn build(backend: Backend, flags: &[&str], forgets: bool) -> Self {
        let (with_hers, without) = join(
            World::build(backend, true, flags, forgets),
            World::build(backend, false, flags, forgets),
        )
        .await;
        Self { with_hers, without, mask: Mask::new() }
    }

    /// What somebody hears on each, with what the server makes up for itself masked.
    pub async fn hear(&self, who: &Visitor, case: &Case) -> (Heard, Heard) {
        let heard = join(self.with_hers.hear(who, case), self.without.hear(who, case)).await;
        let masked = |heard: Heard| Heard { body: self.mask.over(&heard.body), ..heard };
        (masked(heard.0), masked(heard.1))
    }

    pub async fn reset(&self) {
        join(self.with_hers.reset(), self.without.reset()).await;
    }
}

//! Idempotent mutations: a mutation with an idempotency key is executed once, however often the client sends it. The
//! client sends the key in the `Idempotency-Key` header or in an argument.
//!
//! The key is inserted in the transaction of the mutation, so both commit or neither does, across all nodes that share
//! the database. A concurrent request with the same key waits for the first one.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::{Context, Value};
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use hallpass_data::idempotency_key::{ActiveModel, Column, Entity};
use hallpass_data::{Comparison as _, IdempotencyClaimId, Set, Transaction, Update, now};
use uuid::Uuid;

use super::error::{ApiError, Result};
use super::input_problem::{InputProblem, ProblemKind};

/// How long a key is stored.
pub const RETENTION: TimeDelta = TimeDelta::hours(24);
/// In characters.
const MAX_KEY_LENGTH: usize = 255;
/// The argument that holds a key.
const ARGUMENT: &str = "idempotencyKey";

/// The idempotency key of a request, from its header.
#[derive(Debug, Default)]
pub struct RequestKey {
    key: Option<String>,
    /// Number of mutations of the request that have used the key.
    uses: AtomicUsize,
}

impl RequestKey {
    /// Creates the key of a request, if any.
    #[must_use]
    pub fn new(key: Option<String>) -> Self {
        Self { key, uses: AtomicUsize::default() }
    }

    /// The key of the next mutation of the request.
    fn next(&self) -> Option<String> {
        let key = self.key.as_ref()?;
        Some(format!("{key} {nth}", nth = self.uses.fetch_add(1, Ordering::Relaxed)))
    }
}

/// Whether `key` is a valid idempotency key: 1 to 255 visible ASCII characters.
#[must_use]
pub fn is_idempotency_key(key: &str) -> bool {
    (1..=MAX_KEY_LENGTH).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A mutation with an idempotency key.
pub struct IdempotentMutation {
    key: String,
    fingerprint: String,
}

/// Whether to execute a mutation with a key.
pub enum ClaimOutcome {
    /// The first request with this key: execute the mutation.
    First,
    /// The mutation was executed before. The row that it created, if any.
    Replay(Option<Uuid>),
}

impl IdempotentMutation {
    /// The mutation at `ctx`, if it has a key: from its `argument`, else from the request's header.
    ///
    /// # Errors
    /// When the argument is not a valid key.
    pub fn of(ctx: &Context<'_>, argument: Option<&str>) -> Result<Option<Self>> {
        let key = match argument {
            // Cannot collide with a key from the header: those have a space and a number appended.
            Some(key) if is_idempotency_key(key) => Some(key.to_owned()),
            Some(_) => {
                let message = format!("give 1 to {MAX_KEY_LENGTH} visible ASCII characters");
                return Err(InputProblem::new(ARGUMENT, ProblemKind::Invalid, message).into());
            }
            None => ctx.data_opt::<RequestKey>().and_then(RequestKey::next),
        };
        Ok(key.map(|key| Self { key, fingerprint: fingerprint(ctx) }))
    }

    /// Claims the key in the transaction of the mutation, which may create `row`. Waits for a concurrent transaction
    /// that holds the key.
    ///
    /// # Errors
    /// [`ApiError::KeyReused`] if the key was used for a different mutation. When the database is unavailable.
    pub async fn claim(
        &self,
        transaction: &Transaction,
        row: Option<Uuid>,
    ) -> Result<ClaimOutcome> {
        let claim = IdempotencyClaimId::generate();
        let values = ActiveModel {
            claim: Set(claim),
            fingerprint: Set(self.fingerprint.clone()),
            row_id: Set(row),
            created_at: Set(now()),
            ..Default::default()
        };
        let first = ActiveModel { key: Set(self.key.clone()), ..values.clone() };
        let stored = transaction.upsert::<Entity>(first, [Column::Key]).await?;
        if stored.claim == claim {
            return Ok(ClaimOutcome::First);
        }
        if stored.created_at < now() - RETENTION {
            let own_rows = transaction.owned::<Entity>()?.filter(Column::Key.is(self.key.as_str()));
            own_rows.update(Update::set(values)).await?;
            return Ok(ClaimOutcome::First);
        }
        match stored.fingerprint == self.fingerprint {
            true => Ok(ClaimOutcome::Replay(stored.row_id)),
            false => Err(ApiError::KeyReused),
        }
    }
}

/// A hash of the mutation and its arguments, independent of member order and of variables or literals.
fn fingerprint(ctx: &Context<'_>) -> String {
    let mut hash = digest::Context::new(&digest::SHA256);
    let field = ctx.field();
    add_text(&mut hash, field.name());
    let mut arguments = field.arguments().unwrap_or_default();
    arguments.retain(|(name, _)| name != ARGUMENT);
    add(&mut hash, &Value::Object(arguments.into_iter().collect()));
    URL_SAFE_NO_PAD.encode(hash.finish())
}

fn add(hash: &mut digest::Context, value: &Value) {
    match value {
        Value::List(items) => {
            hash.update(b"[");
            items.iter().for_each(|item| add(hash, item));
            hash.update(b"]");
        }
        Value::Object(members) => {
            let sorted: BTreeMap<_, _> =
                members.iter().map(|(name, value)| (name.as_str(), value)).collect();
            hash.update(b"{");
            for (name, value) in sorted {
                add_text(hash, name);
                add(hash, value);
            }
            hash.update(b"}");
        }
        // An enum value in a variable is a string.
        Value::Enum(name) => add_text(hash, name),
        Value::String(text) => add_text(hash, text),
        // Tagged, so that null differs from the string "null".
        other => {
            hash.update(b"=");
            add_text(hash, &other.to_string());
        }
    }
}

/// Length-prefixed, so that adjacent texts are not ambiguous.
fn add_text(hash: &mut digest::Context, text: &str) {
    hash.update(text.len().to_string().as_bytes());
    hash.update(b":");
    hash.update(text.as_bytes());
}

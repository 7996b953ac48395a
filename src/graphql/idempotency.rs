//! Mutations that are carried out once, however often a client sends them: with a key that the client chose, in
//! the header `Idempotency-Key` or in an argument.
//!
//! The key is written in the transaction of the mutation. It is kept exactly when the mutation is, on every node
//! that shares the database, and a request that comes while the first one is under way waits for it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::{Context, Value};
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use hallpass_entity::idempotency_key::{ActiveModel, Column, Entity};
use hallpass_entity::{Comparison as _, IdempotencyClaimId, Set, Transaction, Update, now};
use uuid::Uuid;

use super::error::{ApiError, Result};
use super::input_problem::{InputProblem, ProblemKind};

/// How long a key is kept.
pub const RETENTION: TimeDelta = TimeDelta::hours(24);
/// The longest key, in characters.
const MAX_KEY_LENGTH: usize = 255;
/// The argument that gives a key.
const ARGUMENT: &str = "idempotencyKey";

/// The key of a whole request, from its header.
#[derive(Debug, Default)]
pub struct RequestKey {
    key: Option<String>,
    /// How many of the request's mutations have used it.
    uses: AtomicUsize,
}

impl RequestKey {
    /// The key that a request has, if it has one.
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

/// Whether `key` can be one: 1 to 255 visible ASCII characters.
#[must_use]
pub fn is_idempotency_key(key: &str) -> bool {
    (1..=MAX_KEY_LENGTH).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A mutation that has a key.
pub struct IdempotentMutation {
    key: String,
    fingerprint: String,
}

/// Whether a mutation with a key is to be carried out.
pub enum ClaimOutcome {
    /// It is.
    First,
    /// It was before, and created this row, if it is one that creates.
    Replay(Option<Uuid>),
}

impl IdempotentMutation {
    /// The mutation at `ctx`, if it has a key: by its `argument`, else by the request's header.
    ///
    /// # Errors
    /// When the argument cannot be a key.
    pub fn of(ctx: &Context<'_>, argument: Option<&str>) -> Result<Option<Self>> {
        let key = match argument {
            // Unlike those of headers, without a number: a key has no space.
            Some(key) if is_idempotency_key(key) => Some(key.to_owned()),
            Some(_) => {
                let message = format!("give 1 to {MAX_KEY_LENGTH} visible ASCII characters");
                return Err(InputProblem::new(ARGUMENT, ProblemKind::Invalid, message).into());
            }
            None => ctx.data_opt::<RequestKey>().and_then(RequestKey::next),
        };
        Ok(key.map(|key| Self { key, fingerprint: fingerprint(ctx) }))
    }

    /// Claims the key in the transaction of the mutation, which may create `row`. Waits for a transaction that
    /// claimed it and is not finished.
    ///
    /// # Errors
    /// [`ApiError::KeyReused`] when the key was used for something else; else when the database is away.
    pub async fn claim(&self, together: &Transaction, row: Option<Uuid>) -> Result<ClaimOutcome> {
        let claim = IdempotencyClaimId::generate();
        let values = ActiveModel {
            claim: Set(claim),
            fingerprint: Set(self.fingerprint.clone()),
            row_id: Set(row),
            created_at: Set(now()),
            ..Default::default()
        };
        let first = ActiveModel { key: Set(self.key.clone()), ..values.clone() };
        let held = together.upsert::<Entity>(first, [Column::Key]).await?;
        if held.claim == claim {
            return Ok(ClaimOutcome::First);
        }
        if held.created_at < now() - RETENTION {
            let mine = together.owned::<Entity>()?.filter(Column::Key.is(self.key.as_str()));
            mine.update(Update::set(values)).await?;
            return Ok(ClaimOutcome::First);
        }
        match held.fingerprint == self.fingerprint {
            true => Ok(ClaimOutcome::Replay(held.row_id)),
            false => Err(ApiError::KeyReused),
        }
    }
}

/// A hash of the mutation and its arguments, whatever the order of their members and wherever they were written.
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
        // An enum value is a string where a variable brings it.
        Value::Enum(name) => add_text(hash, name),
        Value::String(text) => add_text(hash, text),
        // Marked, so that null is not the text "null".
        other => {
            hash.update(b"=");
            add_text(hash, &other.to_string());
        }
    }
}

/// With its length, so that two texts are not one.
fn add_text(hash: &mut digest::Context, text: &str) {
    hash.update(text.len().to_string().as_bytes());
    hash.update(b":");
    hash.update(text.as_bytes());
}

//! Idempotent mutations: a mutation with an idempotency key is executed once, however often the client sends it. The
//! client sends the key in the `Idempotency-Key` header or in an argument.
//!
//! The key is inserted in the transaction of the mutation, so both commit or neither does, across all nodes that share
//! the database. A concurrent request with the same key waits for the first one.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::{Context, Value};
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use hallpass_data::idempotency_key::{ActiveModel, Column, Entity};
use hallpass_data::{Comparison as _, IdempotencyClaimId, Scope, Set, Transaction, Update, now};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::constraint::Constraint;
use super::context::ContextExt as _;
use super::error::{ApiError, Result};
use super::input_problem::{InputProblem, ProblemKind};
use crate::events::EventKind;

/// How long a key is stored.
pub const RETENTION: TimeDelta = TimeDelta::hours(24);
/// In characters.
const MAX_KEY_LENGTH: usize = 255;
const FORM: &str = "give 1 to 255 visible ASCII characters";
/// Constraint of an argument for an idempotency key.
pub const IDEMPOTENCY_KEY: Constraint<'_> = Constraint::NONE.pattern("^[!-~]{1,255}$", FORM);
/// The argument that holds a key.
const ARGUMENT: &str = "idempotencyKey";

/// The idempotency key of a request, from its header.
#[derive(Debug)]
pub struct RequestKey {
    key: String,
    /// Number of mutations of the request that have started.
    started: AtomicUsize,
}

impl RequestKey {
    /// Creates the key of a request.
    #[must_use]
    pub fn new(key: String) -> Self {
        Self { key, started: AtomicUsize::default() }
    }

    /// Counts a mutation of the request. They run serially.
    pub(crate) fn start_mutation(&self) {
        self.started.fetch_add(1, Ordering::Relaxed);
    }

    /// The key of the running mutation.
    fn of_mutation(&self) -> String {
        let position = self.started.load(Ordering::Relaxed).saturating_sub(1);
        format!("{} {position}", self.key)
    }
}

/// Whether `key` is a valid idempotency key: 1 to 255 visible ASCII characters.
#[must_use]
pub fn is_idempotency_key(key: &str) -> bool {
    (1..=MAX_KEY_LENGTH).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
}

/// How a mutation writes. Every mutation begins with it, which makes it idempotent:
///
/// ```
/// use async_graphql::Context;
/// use hallpass::data::policy::OwnedEntity;
/// use hallpass::data::{Filter, Update};
/// use hallpass::graphql::{Begun, Execution, Result};
///
/// async fn change<E: OwnedEntity>(
///     ctx: &Context<'_>,
///     row: Filter<E>,
///     values: E::ActiveModel,
/// ) -> Result<()> {
///     let Begun::First(writes) = Execution::statement().begin(ctx).await? else { return Ok(()) };
///     writes.owned::<E>()?.filter(row).update(Update::set(values)).await?;
///     writes.commit().await
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Execution<'a> {
    is_one_statement: bool,
    key: Option<&'a str>,
    row: Option<Uuid>,
    event: Option<EventKind>,
}

impl<'a> Execution<'a> {
    /// Writes by one statement, or in a transaction that it begins itself: without a key, none is needed here.
    #[must_use]
    pub fn statement() -> Self {
        Self { is_one_statement: true, key: None, row: None, event: None }
    }

    /// Writes in a transaction.
    #[must_use]
    pub fn transaction() -> Self {
        Self { is_one_statement: false, ..Self::statement() }
    }

    /// With the key in an argument. Without one, the request's header applies.
    #[must_use]
    pub fn with_key(self, key: Option<&'a str>) -> Self {
        Self { key, ..self }
    }

    /// Publishes that the row was created or deleted, as an event of this kind: see [`create`](Self::create) and
    /// [`delete`](Self::delete).
    #[must_use]
    pub fn publishing(self, kind: EventKind) -> Self {
        Self { event: Some(kind), ..self }
    }

    pub(crate) fn event_kind(self) -> Option<EventKind> {
        self.event
    }

    /// Creates the row with this ID.
    #[must_use]
    pub fn creating(self, row: impl Into<Uuid>) -> Self {
        Self { row: Some(row.into()), ..self }
    }

    /// Begins the mutation at `ctx`. Claims its key, if any, in the transaction of the mutation, and waits for a
    /// concurrent transaction that holds the key.
    ///
    /// # Errors
    /// [`ApiError::KeyReused`] if the key was used for a different mutation. [`ApiError::BadInput`] if the key is
    /// invalid, or the caller is not a user. When the database is unavailable.
    pub async fn begin(self, ctx: &Context<'_>) -> Result<Begun> {
        let scope = ctx.scope();
        let key = key(ctx, self.key)?;
        if key.is_none() && self.is_one_statement {
            return Ok(Begun::First(Writes::Statement(scope.clone())));
        }
        // Boxed: the future is large, and most mutations are one statement.
        Box::pin(self.begin_transaction(ctx, key)).await
    }

    async fn begin_transaction(self, ctx: &Context<'_>, key: Option<String>) -> Result<Begun> {
        let scope = ctx.scope();
        let transaction = scope.begin().await?;
        let Some(key) = key else {
            return Ok(Begun::First(Writes::Transaction(transaction, None)));
        };
        if scope.owner().is_none() {
            return Err(ApiError::bad_input(ARGUMENT, "a key belongs to a user: sign in as one"));
        }
        match claim(&transaction, &key, fingerprint(ctx), self.row).await? {
            None => Ok(Begun::First(Writes::Transaction(transaction, Some(key)))),
            Some(replay) => Ok(Begun::Replay(replay)),
        }
    }
}

/// The key of the mutation at `ctx`: from its `argument`, else from the request's header.
fn key(ctx: &Context<'_>, argument: Option<&str>) -> Result<Option<String>> {
    match argument {
        // Cannot collide with a key from the header: those have a space and a number appended.
        Some(key) if is_idempotency_key(key) => Ok(Some(key.to_owned())),
        Some(_) => Err(InputProblem::new(ARGUMENT, ProblemKind::Invalid, FORM).into()),
        None => Ok(ctx.data_opt::<RequestKey>().map(RequestKey::of_mutation)),
    }
}

/// Whether to execute a mutation.
pub enum Begun {
    /// It was not executed with this key before: execute it.
    First(Writes),
    /// It was: return its answer.
    Replay(Replay),
}

/// A mutation that was executed before with the same key.
#[derive(Debug)]
pub struct Replay {
    /// The row that it created, if any.
    pub row: Option<Uuid>,
    answer: Option<String>,
}

impl Replay {
    /// The answer that it [stored](Writes::store_answer). None if it stored none.
    #[must_use]
    pub fn answer<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.answer.as_deref()?).ok()
    }
}

/// The entry points of the caller for the writes of a mutation. Dropped without [`commit`](Self::commit), a transaction
/// is rolled back, and its key is not used up.
pub enum Writes {
    /// One statement.
    Statement(Scope),
    /// A transaction, and its key.
    Transaction(Transaction, Option<String>),
}

impl Deref for Writes {
    type Target = Scope;

    fn deref(&self) -> &Scope {
        match self {
            Self::Statement(scope) => scope,
            Self::Transaction(transaction, _) => transaction,
        }
    }
}

impl Writes {
    /// Stores the answer for a [`Replay`], if it cannot be read from the rows later.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn store_answer(&self, answer: &impl Serialize) -> Result<()> {
        if let Self::Transaction(transaction, Some(key)) = self {
            let answer = serde_json::to_string(answer).ok();
            let values = ActiveModel { answer: Set(answer), ..Default::default() };
            let claimed = transaction.owned::<Entity>()?.filter(Column::Key.is(key.as_str()));
            claimed.update(Update::set(values)).await?;
        }
        Ok(())
    }

    /// Commits the transaction, if any.
    ///
    /// # Errors
    /// When the database is unavailable, or when rows of the transaction are still held.
    pub async fn commit(self) -> Result<()> {
        match self {
            Self::Statement(_) => Ok(()),
            Self::Transaction(transaction, _) => Ok(Box::pin(transaction.commit()).await?),
        }
    }
}

/// Claims `key` in the transaction of a mutation. Returns the earlier execution, if any.
async fn claim(
    transaction: &Transaction,
    key: &str,
    fingerprint: String,
    row: Option<Uuid>,
) -> Result<Option<Replay>> {
    let claim = IdempotencyClaimId::generate();
    let values = ActiveModel {
        claim: Set(claim),
        fingerprint: Set(fingerprint.clone()),
        row_id: Set(row),
        answer: Set(None),
        created_at: Set(now()),
        ..Default::default()
    };
    let first = ActiveModel { key: Set(key.to_owned()), ..values.clone() };
    let stored = transaction.upsert::<Entity>(first, [Column::Key]).await?;
    if stored.claim == claim {
        return Ok(None);
    }
    if stored.created_at < now() - RETENTION {
        let own_rows = transaction.owned::<Entity>()?.filter(Column::Key.is(key));
        own_rows.update(Update::set(values)).await?;
        return Ok(None);
    }
    match stored.fingerprint == fingerprint {
        true => Ok(Some(Replay { row: stored.row_id, answer: stored.answer })),
        false => Err(ApiError::KeyReused),
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

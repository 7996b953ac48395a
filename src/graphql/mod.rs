//! What every domain says the same way: who asks, pages, ids, errors, checked input.

mod answer_size;
mod context;
mod error;
mod input;
mod input_problem;
mod lenient;
mod may;
mod node;
mod once;
mod page;
mod recorded;
mod scalar;

pub use answer_size::{AnswerBudget, json_length};
pub use context::{
    ContextExt, OwnershipDenial, is_told_of, live, loader, loader_with_cache, missing,
};
pub use error::{ApiError, Result, code};
pub use input::Checks;
pub use input_problem::{InputProblem, ProblemKind, describe as describe_inputs};
pub use lenient::Lenient;
pub use may::Decision;
pub use node::{decode_id, encode_id};
pub use once::{Attempt, KEPT as IDEMPOTENCY_KEYS_KEPT, Once, RequestKey, is_idempotency_key};
pub use page::{Connection, Direction, Listing, PageArgs, Total, connect, connect_open};
pub use recorded::Recorded;
pub use scalar::{Date, DateTime, scalar_problem};

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
    ContextExt, OwnershipDenial, discloses_ownership, event_stream, loader, loader_with_cache,
    not_found_or_forbidden,
};
pub use error::{ApiError, Result, code};
pub use input::Validator;
pub use input_problem::{InputProblem, ProblemKind, describe as describe_inputs};
pub use lenient::NullOnError;
pub use may::Permission;
pub use node::{decode_id, encode_id};
pub use once::{
    ClaimOutcome, IdempotentMutation, RETENTION as IDEMPOTENCY_KEYS_KEPT, RequestKey,
    is_idempotency_key,
};
pub use page::{Connection, Direction, NamedOrder, PageArgs, TotalCount, paginate, paginate_open};
pub use recorded::Audited;
pub use scalar::{Date, DateTime, scalar_problem};

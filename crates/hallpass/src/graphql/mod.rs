//! GraphQL building blocks shared by all domains: context, errors, global IDs, pagination, scalars, validation.

mod answer_size;
pub(crate) mod audited;
mod batch;
mod connection;
pub(crate) mod constraint;
mod context;
pub(crate) mod date_time;
mod error;
mod error_code;
pub(crate) mod global_id;
pub(crate) mod idempotency;
mod input_problem;
mod json;
pub(crate) mod null_on_error;
mod object;
mod own_rows;
pub(crate) mod pagination;
pub(crate) mod permission_check;
mod plain;
mod request_data;
mod requirement;
mod response_keys;
mod selected_columns;
mod subscription;
pub(crate) mod validation;

pub use answer_size::AnswerBudget;
pub use audited::Audited;
pub use batch::{BatchLoader, LoadResult, Loader};
pub use connection::{Connection, Edge};
pub use constraint::{Constrained, Constraint};
pub use context::{
    ContextExt, OwnershipDenial, Services, discloses_ownership, not_found_or_forbidden,
};
pub use date_time::{Date, DateTime, scalar_problem};
pub use error::{ApiError, NO_TENANT, Result};
pub use error_code::ErrorCode;
pub use global_id::{HasId, Id, NodeKey, decode_id, decode_text_id, encode_id, encode_text_id};
pub(crate) use global_id::{ME, decode_node};
pub use idempotency::{
    Begun, Execution, IDEMPOTENCY_KEY, RETENTION as IDEMPOTENCY_KEY_RETENTION, Replay, RequestKey,
    Writes, is_idempotency_key,
};
pub use input_problem::{InputProblem, ProblemKind, describe as describe_inputs};
pub(crate) use json::write_json;
pub use null_on_error::NullOnError;
pub use object::{GuardedObject, resolve_object};
pub use own_rows::{find_in_tenant, find_own};
pub use pagination::{
    Counted, Direction, FIRST, LAST, NamedOrder, Page, Position, TotalCount, edge, paginate,
    paginate_open, paginate_partial,
};
pub use permission_check::Permission;
pub use plain::{Json, NotPlain, PlainEnum, PlainJson, PlainScalar, PlainValue};
pub(crate) use request_data::{RequestData, RequestDataType};
pub use requirement::{Requirement, RuleKind};
pub(crate) use response_keys::has_repeated_keys;
pub use selected_columns::SelectedColumns;
pub use subscription::{
    Subscription, SubscriptionSlot, event_stream, event_stream_since, execute_event,
    public_event_stream, scheduled_event_stream, subscribe,
};
pub use validation::Validator;

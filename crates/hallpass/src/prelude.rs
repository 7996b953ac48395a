//! What most domains import: `use hallpass::prelude::*;`.

pub use crate::access::Rule::{self, Owner, Public, SignedIn};
pub use crate::access::guarded;
pub use crate::core_schema::{CoreMutation, CoreQuery};
pub use crate::data::{Comparison as _, Order, Set, now};
pub use crate::events::{Change, EventKind};
pub use crate::graphql::{
    ApiError, Connection, Constrained, Constraint, ContextExt as _, Execution, Id, NamedOrder,
    Page, Result, Validator, Writes, event_stream, find_own, not_found_or_forbidden, paginate,
};
pub use crate::schema::FindNode;
pub use crate::{Application, Domain, Hallpass};

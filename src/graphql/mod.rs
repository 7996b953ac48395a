//! What every domain says the same way: who asks, pages, ids, errors, checked input.

mod context;
mod error;
mod input;
mod lenient;
mod may;
mod node;
mod page;
mod recorded;
mod scalar;

pub use context::{
    ContextExt, OwnershipDenial, is_told_of, live, loader, loader_with_cache, missing,
};
pub use error::{ApiError, Result, code};
pub use input::Checks;
pub use lenient::Lenient;
pub use may::Decision;
pub use node::{decode_id, encode_id};
pub use page::{Connection, Direction, Listing, PageArgs, Total, connect, connect_open};
pub use recorded::Recorded;
pub use scalar::DateTime;

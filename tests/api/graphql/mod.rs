//! The GraphQL layer: documents, responses and global ids.

mod answer_size;
mod constraints;
mod cynic_client;
mod future_sizes;
mod global_ids;
mod idempotency;
mod merged_fields;
mod response_spec;
mod selected_columns;
mod validation;

//! Database migrations of the shipped domains. Those of the core's tables are in `hallpass-migration`.
//!
//! Of the workspace, only `hallpass-migration` and `hallpass-text` are imported: applied migrations must not
//! change with the code, so each spells out its names. To add one, create a file beside the others and add
//! it to [`migrations`].

use hallpass_migration::MigrationTrait;

mod m20261121_000001_tasks;
mod m20261121_000002_courses;
mod m20261121_000004_learners;
mod m20261121_000009_row_security;
mod m20261128_000010_search;
mod m20261128_000011_orders;
mod m20261128_000021_due_days;
mod m20261128_000041_deferrable_tags;
mod m20261129_000051_own_orders;
mod m20261129_000080_chapter_text;
mod m20261129_000081_filtered_orders;
mod m20261129_000082_statistics;
mod m20261129_000090_course_text;

/// Every migration, oldest first.
#[must_use]
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        Box::new(m20261121_000001_tasks::Migration),
        Box::new(m20261121_000002_courses::Migration),
        Box::new(m20261121_000004_learners::Migration),
        Box::new(m20261121_000009_row_security::Migration),
        Box::new(m20261128_000010_search::Migration),
        Box::new(m20261128_000011_orders::Migration),
        Box::new(m20261128_000021_due_days::Migration),
        Box::new(m20261128_000041_deferrable_tags::Migration),
        Box::new(m20261129_000051_own_orders::Migration),
        Box::new(m20261129_000080_chapter_text::Migration),
        Box::new(m20261129_000081_filtered_orders::Migration),
        Box::new(m20261129_000082_statistics::Migration),
        Box::new(m20261129_000090_course_text::Migration),
    ]
}

//! Creates the tables.

use hallpass::migration::{MigrationTrait, OwnedTable, create_tables};
use sea_orm_migration::schema::{string, text, timestamp_with_time_zone};

/// All migrations, oldest first.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![create_tables("m20270101_000001_notes", || {
        let notes = OwnedTable::new("note").column(text("text"));
        let tags = OwnedTable::new("note_tag").child_of("note", "note_id");
        vec![notes.column(timestamp_with_time_zone("created_at")), tags.column(string("tag"))]
    })]
}

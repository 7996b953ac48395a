//! Rows that everyone sees are not filtered by rows that have an owner.
use hallpass_data::{Comparison as _, Filter};
use hallpass_entity::{chapter, progress};

fn main() {
    let _: Filter<chapter::Entity> = Filter::has(progress::Column::Bookmarked.is(true));
}

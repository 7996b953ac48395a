//! Rows that are everyone's are not filtered by rows that are somebody's.
use hallpass_data::{Comparison as _, Filter};
use hallpass_entity::{chapter, progress};

fn main() {
    let _: Filter<chapter::Entity> = Filter::has(progress::Column::Bookmarked.is(true));
}

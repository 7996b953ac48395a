//! A filter is about the table it filters.
use hallpass_data::{Comparison as _, Scope};
use hallpass_entity::{chapter, task};

fn mix(scope: &Scope) {
    let _ = scope.owned::<task::Entity>().unwrap().filter(chapter::Column::Published.is(true));
}

fn main() {}

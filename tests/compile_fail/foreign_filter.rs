//! A filter is about the table it filters.
use hallpass_entity::{Comparison as _, Scope, chapter, task};

fn mix(scope: &Scope) {
    let _ = scope.owned::<task::Entity>().unwrap().filter(chapter::Column::Published.is(true));
}

fn main() {}

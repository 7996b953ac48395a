//! Courses and chapters as GraphQL objects. Their fields are in `types`.

use hallpass_entity::{chapter, course};

/// A course.
#[derive(Clone, Debug)]
pub struct Course(pub(crate) course::Model);

/// A chapter.
#[derive(Clone, Debug)]
pub struct Chapter(pub(crate) chapter::Model);

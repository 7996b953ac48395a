//! Access rules of courses.

use hallpass::access::Rule::{self, AllOf, AnyOf, FreshForTopTier, Permission, Role, RowTier};

/// Course editors.
pub const COURSE_EDITOR: Rule = AnyOf(&[Role("editor"), Permission("content:write")]);
/// Readers of a chapter. The highest tier must have been validated recently.
pub const CHAPTER_READER: Rule = AllOf(&[RowTier, FreshForTopTier(900)]);

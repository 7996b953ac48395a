//! The parts of the rows of a suite.

/// A set of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Alices,
    AlicesAsPublic,
    Bobs,
}

//! How much a learner knows, and for whom a text is written.

use sea_orm::{DeriveActiveEnum, EnumIter};

/// Three steps of experience, in rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum Level {
    /// New to it.
    Beginner = 0,
    /// At home with the basics.
    Intermediate = 1,
    /// Experienced.
    Advanced = 2,
}

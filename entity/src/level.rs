//! Level of experience: of a learner, and of the readers of a variant.

use sea_orm::{DeriveActiveEnum, EnumIter};

/// Level of experience, ascending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum Level {
    /// Beginner.
    Beginner = 0,
    /// Intermediate.
    Intermediate = 1,
    /// Advanced.
    Advanced = 2,
}

impl hallpass_data::ColumnValue for Level {
    fn from_binary(value: Option<&[u8]>) -> Option<Self> {
        <Self as sea_orm::ActiveEnum>::try_from_value(&i16::from_binary(value)?).ok()
    }
}

//! Interest areas: a list of words, stored in one text column that both databases can search.

use sea_orm::sea_query::{
    ArrayType, ColumnType, Nullable, StringLen, Value, ValueType, ValueTypeErr,
};
use sea_orm::{ColIdx, QueryResult, TryGetError, TryGetable};

/// Interest areas, stored as `|Robotics|AI|`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interests(Vec<String>);

impl Interests {
    /// Separator of areas. Not allowed in an area.
    pub const SEPARATOR: char = '|';

    /// Creates the list of `areas`, in order. Removes the separator from areas.
    pub fn new(areas: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(areas.into_iter().map(|area| area.into().replace(Self::SEPARATOR, "")).collect())
    }

    /// The areas, in order.
    #[must_use]
    pub fn areas(&self) -> &[String] {
        &self.0
    }

    fn from_text(text: &str) -> Self {
        Self(
            text.split(Self::SEPARATOR)
                .filter(|area| !area.is_empty())
                .map(str::to_owned)
                .collect(),
        )
    }
}

impl From<Interests> for Value {
    fn from(interests: Interests) -> Self {
        let mut text = String::from(Interests::SEPARATOR);
        for area in interests.0 {
            text.push_str(&area);
            text.push(Interests::SEPARATOR);
        }
        text.into()
    }
}

impl TryGetable for Interests {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        String::try_get_by(row, index).map(|text| Self::from_text(&text))
    }
}

impl hallpass_data::ColumnValue for Interests {
    fn from_binary(value: Option<&[u8]>) -> Option<Self> {
        std::str::from_utf8(value?).ok().map(Self::from_text)
    }
}

impl ValueType for Interests {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        <String as ValueType>::try_from(value).map(|text| Self::from_text(&text))
    }

    fn type_name() -> String {
        "Interests".to_owned()
    }

    fn array_type() -> ArrayType {
        ArrayType::String
    }

    fn column_type() -> ColumnType {
        ColumnType::String(StringLen::None)
    }
}

impl Nullable for Interests {
    fn null() -> Value {
        Value::String(None)
    }
}
